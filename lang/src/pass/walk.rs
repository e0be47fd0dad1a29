//! The walk of a pass that makes one step after the other anew: blocks are opened and closed, variables renamed, and the pass
//! says what a step becomes.

use crate::core::build::Builder;
use crate::core::*;

/// A pass on its way through a program.
pub struct Walk<'b, S = ()> {
    pub b: &'b mut Builder,
    /// What variables are called now, where it is not what they were called.
    pub names: VarMap<Var>,
    /// What the pass remembers of the steps before.
    pub state: S,
    each: Each<S>,
}

/// Emits what a step becomes into the open block, and returns what its results are called. What the step itself reads has its
/// new names; the blocks in it are as they were, for [`Walk::inside`] to walk or not.
pub type Each<S = ()> = fn(&mut Walk<S>, Step) -> Vec<Var>;

pub fn program<S>(program: Program, state: S, each: Each<S>) -> Program {
    let Program { types, spans, body } = program;
    let mut b = Builder::resume(types, spans);
    let results = Walk::new(&mut b, state, each).steps(body.steps, &body.results);
    b.finish(body.params, results)
}

impl<'b, S> Walk<'b, S> {
    pub fn new(b: &'b mut Builder, state: S, each: Each<S>) -> Walk<'b, S> {
        Walk { b, names: VarMap::default(), state, each }
    }

    pub fn name(&self, var: Var) -> Var {
        named(&self.names, var)
    }

    pub fn block(&mut self, block: Block) -> Block {
        // Params are unique in the program, so they keep their names.
        self.b.open();
        let results = self.steps(block.steps, &block.results);
        self.b.close(block.params, results)
    }

    /// The operation with the blocks in it walked.
    pub fn inside(&mut self, mut op: Op) -> Op {
        for inner in op.blocks_mut() {
            *inner = self.block(std::mem::take(inner));
        }
        op
    }

    fn steps(&mut self, steps: Vec<Step>, results: &[Var]) -> Vec<Var> {
        for Step { outs, op, span } in steps {
            self.b.set_span(span);
            let op = op.map_args(&mut |v| self.name(v));
            let found = (self.each)(self, Step { outs: outs.clone(), op, span });
            self.names.extend(outs.into_iter().zip(found));
        }
        results.iter().map(|v| self.name(*v)).collect()
    }
}
