//! The passes, in order: the page to read first. Before them `check` has made Core of the text; after them an engine,
//! interpreter or compiled code, runs what they give.

use crate::core::{Program, verify};
use crate::pass::{around, drop, share, tile, vectorise};

pub struct Pass {
    pub name: &'static str,
    pub run: fn(Program) -> Program,
}

pub const PASSES: &[Pass] = &[
    Pass { name: "drop", run: drop::program },
    Pass { name: "vectorise", run: vectorise::program },
    Pass { name: "tile", run: tile::program },
    Pass { name: "share", run: share::program },
    Pass { name: "around", run: around::program },
    Pass { name: "drop", run: drop::program },
];

/// The same with every step's result verified: for tests. The error names the pass after which an invariant fails.
pub fn prepare_verified(program: Program) -> Result<Program, String> {
    verify::program(&program).map_err(|e| format!("before all passes: {e}"))?;
    PASSES.iter().try_fold(program, |program, pass| {
        let program = (pass.run)(program);
        verify::program(&program).map_err(|e| format!("after {}: {e}", pass.name))?;
        Ok(program)
    })
}

/// What an engine gets.
pub fn prepare(program: Program) -> Program {
    PASSES.iter().fold(program, |program, pass| (pass.run)(program))
}
