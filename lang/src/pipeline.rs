//! The passes, in order: the page to read first. Before them `check` has made Core of the text; after them an engine,
//! interpreter or compiled code, runs what they give.

use crate::core::{Program, verify};
use crate::pass::{around, drop, share, tile, vectorise};

pub struct Pass {
    pub name: &'static str,
    pub run: fn(Program) -> Program,
}

/// All but the first, which is `drop`: it takes what it keeps out of a program that stays as it is.
pub const PASSES: &[Pass] = &[
    Pass { name: "vectorise", run: vectorise::program },
    Pass { name: "tile", run: tile::program },
    Pass { name: "share", run: share::program },
    Pass { name: "around", run: around::program },
    Pass { name: "drop", run: |program| drop::program(&program) },
];

/// The same with every step's result verified: for tests. The error names the pass after which an invariant fails.
pub fn prepare_verified(program: &Program) -> Result<Program, String> {
    let verified = |program: Program, when: &str| match verify::program(&program) {
        Ok(()) => Ok(program),
        Err(e) => Err(format!("{when}: {e}")),
    };
    verify::program(program).map_err(|e| format!("before all passes: {e}"))?;
    let first = verified(drop::program(program), "after drop")?;
    PASSES.iter().try_fold(first, |program, pass| verified((pass.run)(program), &format!("after {}", pass.name)))
}

/// What an engine gets.
pub fn prepare(program: &Program) -> Program {
    PASSES.iter().fold(drop::program(program), |program, pass| (pass.run)(program))
}
