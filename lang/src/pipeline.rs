//! The passes, in order: the page to read first. Before them `check` has made Core of the text; after them an engine,
//! interpreter or compiled code, runs what they give.

use crate::core::Program;
use crate::pass::{drop, share, vectorise};

pub struct Pass {
    pub name: &'static str,
    pub run: fn(Program) -> Program,
}

pub const PASSES: &[Pass] = &[
    Pass { name: "drop", run: drop::program },
    Pass { name: "vectorise", run: vectorise::program },
    Pass { name: "share", run: share::program },
    Pass { name: "drop", run: drop::program },
];

/// What an engine gets.
pub fn prepare(program: Program) -> Program {
    PASSES.iter().fold(program, |program, pass| (pass.run)(program))
}
