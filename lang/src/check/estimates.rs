//! Means over ensembles: how they are formed, and what is asked about them.
//!
//! An estimate is a mean with its fluctuations over blocks of consecutive draws; those of what is computed from it are
//! its derivative (see [`Perturbation`]).

use super::builtin::{Call, as_number};
use super::expression::tight;
use super::value::*;
use super::*;
use crate::core::{Block as CoreBlock, Monoid, Op, Step, Tile, VarMap, VarSet, named};
use crate::pass;
use crate::routine::estimate as rows;
use moyal_runtime::array::Scalar;

/// How many blocks of consecutive draws an estimate keeps of each chain.
const BLOCKS: usize = 4096;

pub fn mean(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let (n, span) = call.one_number(c)?;
    let n = if matches!(n.kind, Kind::Int | Kind::Bool) { c.as_kind(&n, Kind::Real) } else { n };
    if n.is_scalar() {
        return Ok(Value::Number(n));
    }
    let Some(first) = n.sets.iter().position(|s| matches!(s, IndexSet::Ensemble(_))) else {
        let size = n.shape().iter().product::<usize>();
        if size == 0 {
            return c.fail(errors::mean_of_nothing(&span));
        }
        let kind = n.kind;
        let count = n.sets.len();
        let Value::Number(total) = c.combine(Monoid::Sum, Value::Number(n), count) else { unreachable!() };
        let size = c.b.number(kind.scalar(), size as f64);
        let mean = total.map_leaves(&mut |v| c.b.div(v, size));
        return Ok(tight(Value::Number(mean)));
    };
    // An estimate is 64-bit. Further ensembles are averaged inside the first.
    let mut n = if n.kind == Kind::F32 { c.as_kind(&n, Kind::Real) } else { n };
    while let Some(inner) = n.sets.iter().enumerate().position(|(k, s)| k != first && matches!(s, IndexSet::Ensemble(_))) {
        let size = c.b.real(n.sets[inner].size() as f64);
        n.sets.remove(inner);
        n = n.map_leaves(&mut |v| {
            let total = c.b.sum(v, vec![inner]);
            c.b.div(total, size)
        });
    }
    let first = n.sets.iter().position(|s| matches!(s, IndexSet::Ensemble(_))).expect("the first ensemble is left");
    let IndexSet::Ensemble(ensemble) = n.sets.remove(first) else { unreachable!() };
    if ensemble.size() == 0 {
        return c.fail(errors::mean_of_nothing(&span));
    }
    let estimate = n.map_leaves(&mut |v| {
        let rank = c.b.shape_of(v).len();
        let order: Vec<usize> = std::iter::once(first).chain((0..rank).filter(|d| *d != first)).collect();
        let draws = c.b.transpose(v, &order);
        c.estimate(draws, &ensemble)
    });
    Ok(tight(Value::Number(estimate)))
}

impl Checker<'_> {
    /// The mean over the first dimension, an ensemble's draws, with its fluctuation.
    pub fn estimate(&mut self, draws: Var, ensemble: &Rc<Ensemble>) -> Var {
        let count = self.b.real(ensemble.size() as f64);
        let total = self.b.sum(draws, vec![0]);
        let mean = self.b.div(total, count);
        // Deviations of blocks of consecutive draws: [chains, blocks] and the rest.
        let rest = self.b.shape_of(draws)[1..].to_vec();
        let (blocks, length) = blocks(ensemble);
        let used = self.b.part(draws, 0, 0, blocks * length * ensemble.chains);
        let split = self.b.reshape(used, [vec![blocks, length, ensemble.chains], rest.clone()].concat());
        let sums = self.b.sum(split, vec![1]);
        let length = self.b.real(length as f64);
        let means = self.b.div(sums, length);
        let order: Vec<usize> = [1, 0].into_iter().chain(2..rest.len() + 2).collect();
        let by_chain = self.b.transpose(means, &order);
        let flat = self.b.reshape(by_chain, [vec![blocks * ensemble.chains], rest.clone()].concat());
        let shape = self.b.shape_of(flat).to_vec();
        let dims = (1..shape.len()).collect();
        let center = self.b.spread(mean, shape, dims);
        let deviation = self.b.sub(flat, center);
        self.perturbed(mean, ensemble, deviation)
    }

    /// `mean + strength · deviation[block]`: see [`Perturbation`].
    pub fn perturbed(&mut self, mean: Var, ensemble: &Rc<Ensemble>, deviation: Var) -> Var {
        let known = self.perturbations.iter().position(|p| p.ensemble.identity == ensemble.identity);
        let k = known.unwrap_or_else(|| {
            let strength = self.b.fresh(Type::scalar(Scalar::Real));
            let block = self.b.fresh(Type::scalar(Scalar::Int));
            self.perturbations.push(Perturbation { ensemble: ensemble.clone(), strength, block });
            self.perturbations.len() - 1
        });
        let Perturbation { strength, block, .. } = self.perturbations[k];
        let row = self.b.gather(deviation, vec![block], false);
        let shift = self.b.mul(strength, row);
        self.b.add(mean, shift)
    }

    /// Whether a number is made of an estimate whose `.value` was not taken.
    pub fn is_estimate(&self, n: &Number) -> bool {
        let sources: Vec<Var> = self.perturbations.iter().map(|p| p.strength).collect();
        !sources.is_empty() && [Some(n.re), n.im].into_iter().flatten().any(|v| self.b.carries(v, &sources))
    }

    /// What a message calls a value: its type, or that it is an estimate.
    pub fn described(&self, value: &Value) -> String {
        match value {
            Value::Number(n) if self.is_estimate(n) && n.is_scalar() && n.kind == Kind::Complex => "a complex estimate".to_string(),
            Value::Number(n) if self.is_estimate(n) && n.is_scalar() => "an estimate".to_string(),
            Value::Number(n) if self.is_estimate(n) => format!("{} of estimates", n.describe()),
            _ => value.describe(),
        }
    }

    /// Refuses a value where something else is wanted.
    pub fn needs<T>(&mut self, span: &Span, wanted: &str, found: &Value) -> Checked<T> {
        let called = self.described(found);
        self.fail(errors::expected_called(span, wanted, found, &called))
    }

    pub fn no_index<T>(&mut self, span: &Span, found: &Value) -> Checked<T> {
        let called = self.described(found);
        self.fail(errors::no_index(span, found, &called))
    }

    /// Refuses an estimate for `what` (a condition, an index): which way a program goes has no error.
    pub fn plain(&mut self, n: &Number, what: &str, span: &Span) -> Checked<()> {
        if !self.is_estimate(n) {
            return Ok(());
        }
        // What a function of the library does with it is nothing that the user wrote.
        let called = if self.in_library { self.called_by_user().map(|frame| format!("`{}`", frame.function)) } else { None };
        self.fail(errors::estimate_for(called.as_deref().unwrap_or(what), span))
    }
}

/// Into how many blocks each chain is cut, and how many draws a block has.
pub fn blocks(ensemble: &Ensemble) -> (usize, usize) {
    let length = ensemble.draws.div_ceil(BLOCKS).max(1);
    (ensemble.draws / length, length)
}

// ---- questions ----

pub fn error(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let (n, _, parts) = c.estimate_given(&mut call)?;
    let shape = n.shape();
    let squares: Vec<Var> = parts.iter().map(|p| c.square_error(p, &shape)).collect();
    let total = squares[1..].iter().fold(squares[0], |total, s| c.b.add(total, *s));
    let re = c.b.call("sqrt", &[total]);
    Ok(Value::Number(Number::new(Kind::Real, n.sets, re)))
}

pub fn covariance(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let (n, span, parts) = c.estimate_given(&mut call)?;
    let [set] = &n.sets[..] else {
        return c.needs(&span, "an array of estimates with one index", &Value::Number(n));
    };
    let matrices: Vec<Var> = parts.iter().map(|p| c.covariance_over(p, set.size())).collect();
    let re = matrices[1..].iter().fold(matrices[0], |total, m| c.b.add(total, *m));
    Ok(Value::Number(Number::new(Kind::Real, vec![set.clone(), set.clone()], re)))
}

pub fn fluctuations(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let (n, span, parts) = c.estimate_given(&mut call)?;
    let part = c.only_ensemble(&parts, &span)?;
    let chains = part.ensemble.chains;
    let blocks = c.b.shape_of(part.deviations)[0] / chains;
    let re = c.b.reshape(part.deviations, [vec![chains, blocks], n.shape()].concat());
    let sets = [vec![IndexSet::Range(chains), IndexSet::Range(blocks)], n.sets].concat();
    Ok(Value::Number(Number::new(Kind::Real, sets, re)))
}

pub fn tau_int(c: &mut Checker, call: Call) -> Checked<Value> {
    gamma_method(c, call, 1)
}

pub fn tau_int_error(c: &mut Checker, call: Call) -> Checked<Value> {
    gamma_method(c, call, 2)
}

pub fn effective_draws(c: &mut Checker, call: Call) -> Checked<Value> {
    gamma_method(c, call, 3)
}

/// One of the results of the routine; times in draws.
fn gamma_method(c: &mut Checker, mut call: Call, which: usize) -> Checked<Value> {
    let span = call.span.clone();
    let (sets, series, length, ensemble) = c.series_given(&mut call)?;
    let results = c.b.routine(&rows::GAMMA_METHOD, 1, vec![series]);
    let found = results[which];
    if !ensemble.independent && !c.in_library {
        c.times.push(Time { found: [results[4], results[1], results[2]], ensemble, length, span });
    }
    let factor = c.b.real(if which == 3 { 1.0 } else { length as f64 });
    let scaled = c.b.mul(found, factor);
    Ok(number_over(c, sets, scaled))
}

pub fn r_hat(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let span = call.span;
    let (sets, series, ..) = c.series_given(&mut call)?;
    if c.b.shape_of(series)[2] < 4 {
        return c.fail(errors::too_few_draws(span, "R̂ compares the halves of each chain: it needs four draws at least"));
    }
    let found = c.b.routine(&rows::R_HAT, 1, vec![series])[0];
    Ok(number_over(c, sets, found))
}

/// A list of numbers as an array over these index sets.
fn number_over(c: &mut Checker, sets: Vec<IndexSet>, list: Var) -> Value {
    let re = c.b.reshape(list, sets.iter().map(IndexSet::size).collect());
    Value::Number(Number::new(Kind::Real, sets, re))
}

/// The fluctuations of an estimate over one ensemble: [blocks of all chains, …], chain by chain.
struct Part {
    ensemble: Rc<Ensemble>,
    deviations: Var,
}

impl Checker<'_> {
    /// The only argument, an estimate, with its fluctuations.
    fn estimate_given(&mut self, call: &mut Call) -> Checked<(Number, Span, Vec<Part>)> {
        let [(value, span)] = call.exactly::<1>(self)?;
        let n = as_number(self, value, &span)?;
        if n.kind != Kind::Real || !self.is_estimate(&n) {
            return self.fail(errors::estimate_needed(&span, call.builtin.name, &n));
        }
        let parts = self.fluctuations_of(n.re);
        if parts.is_empty() {
            return self.fail(errors::estimate_needed(&span, call.builtin.name, &n));
        }
        if parts.iter().any(|p| p.ensemble.size() < 2) {
            return self.fail(errors::too_few_draws(&span, "a single draw has no error"));
        }
        Ok((n, span, parts))
    }

    /// The only argument, an observable over an ensemble or an estimate: its index sets, its fluctuations as
    /// [entries, chains, draws or blocks of them], the length of a block, and the ensemble.
    fn series_given(&mut self, call: &mut Call) -> Checked<(Vec<IndexSet>, Var, usize, Rc<Ensemble>)> {
        let [(value, span)] = call.exactly::<1>(self)?;
        let n = as_number(self, value, &span)?;
        let n = if n.kind == Kind::Complex { n } else { self.as_kind(&n, Kind::Real) };
        let over = n.sets.iter().position(|s| matches!(s, IndexSet::Ensemble(_)));
        match over {
            Some(first) if n.kind == Kind::Real => Ok(self.series_of_draws(n, first)),
            None if self.is_estimate(&n) => {
                call.given = vec![(None, Value::Number(n), span.clone())];
                let (n, span, parts) = self.estimate_given(call)?;
                let part = self.only_ensemble(&parts, &span)?;
                let (series, length) = (self.by_entry(part), blocks(&part.ensemble).1);
                Ok((n.sets, series, length, part.ensemble.clone()))
            }
            _ => self.fail(errors::observable_needed(&span, call.builtin.name, &n)),
        }
    }

    fn series_of_draws(&mut self, mut n: Number, first: usize) -> (Vec<IndexSet>, Var, usize, Rc<Ensemble>) {
        let IndexSet::Ensemble(e) = n.sets.remove(first) else { unreachable!("an ensemble") };
        let rank = n.sets.len() + 1;
        let order: Vec<usize> = (0..rank).filter(|d| *d != first).chain([first]).collect();
        let last = self.b.transpose(n.re, &order);
        let entries = n.shape().iter().product();
        let split = self.b.reshape(last, vec![entries, e.draws, e.chains]);
        let by_chain = self.b.transpose(split, &[0, 2, 1]);
        // About the mean of all.
        let total = self.b.sum(by_chain, vec![1, 2]);
        let count = self.b.real(e.size() as f64);
        let mean = self.b.div(total, count);
        let mean = self.b.spread(mean, vec![entries, e.chains, e.draws], vec![0]);
        (n.sets, self.b.sub(by_chain, mean), 1, e)
    }

    fn only_ensemble<'p>(&mut self, parts: &'p [Part], span: &Span) -> Checked<&'p Part> {
        match parts {
            [part] => Ok(part),
            several => self.fail(errors::several_ensembles(span, several.iter().map(|p| &*p.ensemble.name))),
        }
    }

    /// Fluctuations as [entries, chains, blocks].
    fn by_entry(&mut self, part: &Part) -> Var {
        let shape = self.b.shape_of(part.deviations).to_vec();
        let entries = shape[1..].iter().product();
        let flat = self.b.reshape(part.deviations, vec![shape[0], entries]);
        let turned = self.b.transpose(flat, &[1, 0]);
        let chains = part.ensemble.chains;
        self.b.reshape(turned, vec![entries, chains, shape[0] / chains])
    }

    fn square_error(&mut self, part: &Part, shape: &[usize]) -> Var {
        let square = if part.ensemble.independent {
            let squares = self.b.mul(part.deviations, part.deviations);
            let total = self.b.sum(squares, vec![0]);
            self.over_pairs(total, part)
        } else {
            let series = self.by_entry(part);
            let error = self.b.routine(&rows::GAMMA_METHOD, 1, vec![series])[0];
            self.b.mul(error, error)
        };
        self.b.reshape(square, shape.to_vec())
    }

    fn covariance_over(&mut self, part: &Part, size: usize) -> Var {
        if part.ensemble.independent {
            let products = self.b.contract(part.deviations, part.deviations, vec![], vec![(0, 0)]);
            return self.over_pairs(products, part);
        }
        let series = self.by_entry(part);
        let matrix = self.b.routine(&rows::COVARIANCE, 0, vec![series])[0];
        self.b.reshape(matrix, vec![size, size])
    }

    /// Divided by n (n − 1), for n independent blocks.
    fn over_pairs(&mut self, sum: Var, part: &Part) -> Var {
        let n = self.b.shape_of(part.deviations)[0] as f64;
        let pairs = self.b.real(n * (n - 1.0));
        self.b.div(sum, pairs)
    }

    /// The derivative of a value by the strength of each perturbation, block by block.
    fn fluctuations_of(&mut self, result: Var) -> Vec<Part> {
        let block = self.perturbed_part(result);
        let ensembles: Vec<Rc<Ensemble>> = self.perturbations.iter().map(|p| p.ensemble.clone()).collect();
        let mut parts = vec![];
        for (k, ensemble) in ensembles.iter().enumerate() {
            let strengths: Vec<Var> = self.perturbations.iter().map(|p| p.strength).collect();
            if !self.b.carries(result, &strengths[k..=k]) {
                continue;
            }
            let count = blocks(ensemble).0 * ensemble.chains;
            let rows = self.b.map(count, |b, number| tangent_of(b, &block, k, ensembles.len(), number));
            parts.extend(rows.first().map(|rows| Part { ensemble: ensemble.clone(), deviations: *rows }));
        }
        parts
    }

    /// What computes a value from the strengths and blocks of all perturbations.
    fn perturbed_part(&self, result: Var) -> CoreBlock {
        let params: Vec<Var> = self.perturbations.iter().flat_map(|p| [p.strength, p.block]).collect();
        let (_, after) = depending(&self.b.types, self.b.open_steps(), params.iter().copied().collect());
        let mut needed = VarSet::from_iter([result]);
        let mut steps = vec![];
        for step in after.into_iter().rev() {
            if step.outs.iter().any(|v| needed.contains(v)) {
                needed.extend(step.reads());
                steps.push(step);
            }
        }
        steps.reverse();
        CoreBlock { params, steps, results: vec![result] }
    }
}

/// The tangent of a block's result by the strength of perturbation `k` of `count`, at a block of draws.
fn tangent_of(b: &mut Builder, block: &CoreBlock, k: usize, count: usize, number: Var) -> Vec<Var> {
    let (zero, one, none) = (b.real(0.0), b.real(1.0), b.int(0));
    let args: Vec<Var> = (0..count).flat_map(|i| [zero, if i == k { number } else { none }]).collect();
    let tangents: Vec<Option<Var>> = (0..count).flat_map(|i| [(i == k).then_some(one), None]).collect();
    let (_, tangents) = pass::forward::jvp(b, block, &args, &tangents, &[]);
    tangents.into_iter().flatten().collect()
}

/// What depends on `vars` with a derivative, and the steps that make it. What `.value` holds fixed does not, so that what
/// is computed of it is computed once, not for each block of draws.
pub fn depending<'s>(types: &[Type], steps: impl IntoIterator<Item = &'s Step>, vars: VarSet) -> (VarSet, Vec<Step>) {
    let mut touched = vars;
    let mut after = vec![];
    for step in steps {
        pass::activity::varied_step(types, step, &mut touched);
        if step.outs.iter().any(|v| touched.contains(v)) {
            after.push(step.clone());
        }
    }
    (touched, after)
}

/// The steps with every comprehension that makes estimates cut in two: what has no derivative by `vars` (sums over the draws) is
/// computed in a map of its own, so that it is not computed again for each block of draws. `vars` are zero there.
pub fn with_split_maps(b: &mut Builder, steps: Vec<Step>, vars: &VarSet) -> Vec<Step> {
    split_into(b, steps, vars, vars.clone());
    b.take_steps()
}

/// Puts the steps, with maps cut, into the open block.
fn split_into(b: &mut Builder, steps: Vec<Step>, vars: &VarSet, touched: VarSet) {
    let mut touched = touched;
    steps.iter().for_each(|step| pass::activity::varied_step(&b.types, step, &mut touched));
    for step in steps {
        let reached = step.outs.iter().any(|v| touched.contains(v));
        match &step.op {
            Op::Map { count, each, body } if reached => split_map(b, &step, (*count, *each), body, vars, &touched),
            _ => b.extend(vec![step]),
        }
    }
}

fn split_map(b: &mut Builder, step: &Step, (count, each): (usize, Tile), body: &CoreBlock, vars: &VarSet, touched: &VarSet) {
    let later: Vec<Step> = body.steps.iter().filter(|s| s.outs.iter().any(|v| touched.contains(v))).cloned().collect();
    let made: VarSet = body.steps.iter().flat_map(|s| s.outs.iter().copied()).filter(|v| !touched.contains(v)).collect();
    let mut read: Vec<Var> = later.iter().flat_map(Step::reads).chain(body.results.iter().copied()).filter(|v| made.contains(v)).collect();
    read.sort();
    read.dedup();
    b.set_span(step.span);
    let mut zeros = vars.iter().map(|v| (*v, if b.scalar_of(*v).is_float() { b.real(0.0) } else { b.int(0) })).collect();
    let plain = CoreBlock { params: body.params.clone(), steps: body.steps.clone(), results: read.clone() };
    let plain = b.copy_block(&pass::drop::region(&plain), &mut zeros);
    let kept = b.map_with(count, each, plain);
    let member = b.fresh(Type::scalar(Scalar::Int));
    b.open();
    let mut names = VarMap::from_iter([(body.params[0], member)]);
    for (var, array) in read.into_iter().zip(kept) {
        let own = b.gather(array, vec![member], false);
        names.insert(var, own);
    }
    b.copy_steps(&later, &mut names);
    let results: Vec<Var> = body.results.iter().map(|v| named(&names, *v)).collect();
    let second = b.close(vec![member], results);
    b.open();
    split_into(b, second.steps, vars, touched.clone());
    let second = b.close(second.params, second.results);
    b.extend(vec![Step { outs: step.outs.clone(), op: Op::Map { count, each, body: second.into() }, span: step.span }]);
}
