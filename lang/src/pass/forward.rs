//! Forward mode: a block together with the directional derivative of its results.

use super::{activity, rules};
use crate::core::build::Builder;
use crate::core::*;

/// Computes `block` of `args` here, with the tangents of its results when its arguments have `tangents`, and the variables
/// that it captures those of `captured` (pairs of variable and tangent). None is zero.
pub fn jvp(
    b: &mut Builder,
    block: &Block,
    args: &[Var],
    tangents: &[Option<Var>],
    captured: &[(Var, Var)],
) -> (Vec<Var>, Vec<Option<Var>>) {
    let names = block.params.iter().copied().zip(args.iter().copied()).collect();
    Forward::new(b, names).run(block, false, tangents, captured)
}

/// A block that has been computed, whose directional derivatives are taken later, for several directions perhaps.
pub struct Linear<'a> {
    block: &'a Block,
    names: VarMap<Var>,
}

/// Computes `block` of `args` here.
pub fn linearize<'a>(b: &mut Builder, block: &'a Block, args: &[Var]) -> (Vec<Var>, Linear<'a>) {
    let mut names = block.params.iter().copied().zip(args.iter().copied()).collect();
    b.copy_steps(&block.steps, &mut names);
    let results = block.results.iter().map(|v| named(&names, *v)).collect();
    (results, Linear { block, names })
}

impl Linear<'_> {
    /// Tangents of the results. Regions on the way are run again.
    pub fn push(&self, b: &mut Builder, tangents: &[Option<Var>], captured: &[(Var, Var)]) -> Vec<Option<Var>> {
        Forward::new(b, self.names.clone()).run(self.block, true, tangents, captured).1
    }
}

struct Forward<'b> {
    b: &'b mut Builder,
    /// What the variables of the block are called here.
    names: VarMap<Var>,
    tangents: VarMap<Var>,
    /// The variables that may have a tangent.
    varied: VarSet,
}

impl Forward<'_> {
    fn new(b: &mut Builder, names: VarMap<Var>) -> Forward<'_> {
        Forward { b, names, tangents: VarMap::default(), varied: VarSet::default() }
    }

    fn run(
        mut self,
        block: &Block,
        computed: bool,
        tangents: &[Option<Var>],
        captured: &[(Var, Var)],
    ) -> (Vec<Var>, Vec<Option<Var>>) {
        assert_eq!(block.params.len(), tangents.len());
        self.tangents.extend(block.params.iter().zip(tangents).filter_map(|(p, t)| Some((*p, (*t)?))));
        self.tangents.extend(captured.iter().copied());
        self.varied = self.tangents.keys().copied().collect();
        activity::varied(&self.b.types, block, &mut self.varied);
        let before = self.b.span();
        self.steps(&block.steps, computed);
        self.b.set_span(before);
        let results = block.results.iter().map(|v| self.name(*v)).collect();
        (results, block.results.iter().map(|v| self.tangents.get(v).copied()).collect())
    }

    fn name(&self, var: Var) -> Var {
        named(&self.names, var)
    }

    fn all(&self, vars: &[Var]) -> Vec<Var> {
        vars.iter().map(|v| self.name(*v)).collect()
    }

    /// The tangents of those `vars` that may have one.
    fn tangents_of(&mut self, vars: &[Var], varied: &[bool]) -> Vec<Var> {
        let vars = activity::kept(vars, varied);
        vars.iter().map(|v| self.tangents.get(v).copied().unwrap_or_else(|| self.b.zeros_like(self.name(*v)))).collect()
    }

    fn is_varied(&self, vars: &[Var]) -> Vec<bool> {
        vars.iter().map(|v| self.varied.contains(v)).collect()
    }

    /// New variables for params of these types.
    fn fresh(&mut self, like: &[Var]) -> Vec<Var> {
        like.iter().map(|v| self.b.fresh_like(*v)).collect()
    }

    /// `computed`: the steps stand here already, under `names`.
    fn steps(&mut self, steps: &[Step], computed: bool) {
        for step in steps {
            self.b.set_span(step.span);
            let varied = self.is_varied(&step.outs);
            match &step.op {
                op if varied.contains(&true) && !op.blocks().is_empty() => {
                    let outs = self.region(op, &varied);
                    let (outs, tangents) = outs.split_at(step.outs.len());
                    if !computed {
                        self.names.extend(step.outs.iter().copied().zip(outs.iter().copied()));
                    }
                    self.tangents.extend(activity::kept(&step.outs, &varied).into_iter().zip(tangents.iter().copied()));
                }
                op => {
                    if !computed {
                        self.b.copy_step(step, &mut self.names);
                    }
                    if varied.contains(&true) {
                        self.tangent(op, &step.outs);
                    }
                }
            }
        }
    }

    fn tangent(&mut self, op: &Op, outs: &[Var]) {
        let tangents: Vec<Option<Var>> = op.args().iter().map(|v| self.tangents.get(v).copied()).collect();
        if tangents.iter().all(|t| t.is_none()) {
            return;
        }
        let op = op.clone().map_args(&mut |v| self.name(v));
        let names = self.all(outs);
        let found = rules::push(self.b, &op, &names, &tangents);
        self.tangents.extend(outs.iter().zip(found).filter_map(|(out, tangent)| Some((*out, tangent?))));
    }

    /// A region that computes its results and, after them, the tangents of the `varied` ones.
    fn region(&mut self, op: &Op, varied: &[bool]) -> Vec<Var> {
        match op {
            Op::Loop { count, init, body } => {
                let init = self.with_tangents(init, varied);
                let body = self.turn(body, varied);
                self.b.loop_with(self.name(*count), init, body)
            }
            Op::While { init, condition, body } => {
                let init = self.with_tangents(init, varied);
                let body = self.turn(body, varied);
                let mut condition = self.b.copy_block(condition, &mut self.names);
                let like = activity::kept(&condition.params, varied);
                condition.params.extend(self.fresh(&like));
                self.b.while_with(init, condition, body)
            }
            Op::If { condition, then, otherwise } => {
                let then = self.block(then, vec![], varied);
                let otherwise = self.block(otherwise, vec![], varied);
                self.b.if_with(self.name(*condition), then, otherwise)
            }
            Op::Map { count, each, body } => {
                let params = self.fresh(&body.params);
                self.names.insert(body.params[0], params[0]);
                let body = self.block(body, params, varied);
                self.b.map_with(*count, *each, body)
            }
            other => unreachable!("{other:?} is no region"),
        }
    }

    fn with_tangents(&mut self, init: &[Var], varied: &[bool]) -> Vec<Var> {
        let tangents = self.tangents_of(init, varied);
        [self.all(init), tangents].concat()
    }

    /// The body of a loop that carries the tangents of `varied` too.
    fn turn(&mut self, body: &Block, varied: &[bool]) -> Block {
        let params = self.fresh(&body.params);
        let carried = activity::kept(&body.params[1..], varied);
        let tangents = self.fresh(&carried);
        self.names.extend(body.params.iter().copied().zip(params.iter().copied()));
        self.tangents.extend(carried.into_iter().zip(tangents.iter().copied()));
        self.block(body, [params, tangents].concat(), varied)
    }

    /// A block with the tangents of the `varied` results after these.
    fn block(&mut self, block: &Block, params: Vec<Var>, varied: &[bool]) -> Block {
        self.b.open();
        self.steps(&block.steps, false);
        let tangents = self.tangents_of(&block.results, varied);
        let results = [self.all(&block.results), tangents].concat();
        self.b.close(params, results)
    }
}
