//! What both engines share: how a run is addressed and watched, and how it fails.

use crate::core::{Program, Tile, Var, VarSet};
use moyal_runtime::array::Array;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a run is given besides its program and inputs.
pub struct Context<'a> {
    pub seed: u64,
    pub stop: &'a AtomicBool,
}

impl Context<'_> {
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// A run that did not come to its end.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Where: an index into the program's spans.
    pub span: u32,
    pub kind: FailureKind,
    /// Turns of the loops and members of the comprehensions around it, outermost first.
    pub around: Vec<Around>,
}

#[derive(Clone, Debug)]
pub enum Around {
    /// Of the loop that stands at this place (an index into the program's spans).
    Turn(i64, u32),
    /// Of the comprehension that stands at this place, if that is known.
    Member(i64, Option<u32>),
    /// Of so many members of it from this one on, dealt with at once.
    Members { first: i64, count: usize, span: u32 },
    /// Of an array of this many numbers, the first that is to blame.
    Element(i64, usize),
    /// What the turn or member that comes last before this noted of itself.
    At(Vec<Noted>),
}

impl Around {
    /// Of member k of a comprehension that has been made of these tiles.
    pub fn of_member(k: usize, each: Tile, span: u32) -> Around {
        let first = (each.first + k * each.size) as i64;
        match each.size {
            1 => Around::Member(first, Some(span)),
            count => Around::Members { first, count, span },
        }
    }
}

/// A value when a run failed; see [`crate::core::Shown`].
#[derive(Clone, Debug)]
pub struct Noted {
    pub name: Arc<str>,
    pub format: Option<Arc<str>>,
    pub re: Arc<Array>,
    /// The imaginary part of a complex value.
    pub im: Option<Arc<Array>>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum FailureKind {
    IndexOutside { index: i64, size: usize },
    Required(String),
    /// The first such number, and the primitive (by its name in Core) that gave it, if one did.
    NotFinite { value: f64, of: Option<&'static str> },
    /// An array that does not fit.
    OutOfMemory { bytes: u64 },
    Stopped,
}

/// How far a run has come: the step of the outermost block that runs next, how many turns of it are done if it is a loop,
/// and the values that later steps need. A run goes on from it with the same bits.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub step: usize,
    pub turn: i64,
    pub values: Vec<(Var, Arc<Array>)>,
}

/// What is reported after each resume point: turns done and turns in all of the loop that runs.
pub enum Control {
    Continue,
    Stop,
}

/// The outermost steps whose results later steps or the program's results read, from step `from` on.
pub fn needed(program: &Program, from: usize) -> VarSet {
    let mut needed: VarSet = program.body.results.iter().copied().collect();
    for step in &program.body.steps[from..] {
        needed.extend(step.op.args());
        for block in step.op.blocks() {
            needed.extend(block.captures());
        }
    }
    needed
}
