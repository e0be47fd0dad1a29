//! Variables numbered anew, in the order in which they are defined: of a program that has lost most of its steps only what is left is
//! carried along.

use crate::core::*;

/// The block with its variables numbered from 0 on, and their types.
pub fn block(types: &[Type], mut block: Block) -> (Vec<Type>, Block) {
    let mut numbers = Numbers { old: types, types: vec![], names: vec![None; types.len()] };
    numbers.block(&mut block);
    (numbers.types, block)
}

struct Numbers<'t> {
    old: &'t [Type],
    types: Vec<Type>,
    /// By old number.
    names: Vec<Option<Var>>,
}

impl Numbers<'_> {
    fn block(&mut self, block: &mut Block) {
        block.params.iter_mut().for_each(|v| self.define(v));
        for step in &mut block.steps {
            step.op.each_arg_mut(&mut |v| *v = self.name(*v));
            step.op.blocks_mut().into_iter().for_each(|inner| self.block(inner));
            step.outs.iter_mut().for_each(|v| self.define(v));
        }
        block.results.iter_mut().for_each(|v| *v = self.name(*v));
    }

    fn define(&mut self, var: &mut Var) {
        let old = var.0 as usize;
        self.types.push(self.old[old].clone());
        *var = Var(self.types.len() as u32 - 1);
        self.names[old] = Some(*var);
    }

    fn name(&self, var: Var) -> Var {
        self.names[var.0 as usize].expect("a variable is defined before it is read")
    }
}
