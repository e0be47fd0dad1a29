//! Whether a process has a Gaussian transition kernel: its drift must be affine in the state and its noise must not know the
//! state. A drift is affine if its derivative, as Core, no longer reads the state, and nothing on the way jumps, which no derivative sees.

use super::builtin::{Call, as_number, known};
use super::process::{Part, Process};
use super::value::*;
use super::*;
use crate::core::{Block, Op, VarSet};
use crate::pass;
use crate::prim::Partials;

/// `affine_kind(p, x, t)`: "diagonal" if each component of the one real state moves by itself, else "matrix". A process that is not
/// affine is refused, with the term named.
pub fn affine_kind(c: &mut Checker, call: Call) -> Checked<Value> {
    match kind_of(c, call)? {
        Ok(kind) => Ok(Value::Text(kind.into())),
        Err(why) => c.fail(why),
    }
}

/// `is_affine(p, x, t)`: whether `affine_kind` would not be refused, which is known.
pub fn is_affine(c: &mut Checker, call: Call) -> Checked<Value> {
    let holds = kind_of(c, call)?.is_ok();
    known(c, holds)
}

/// How the components of an affine process move, or why it is not affine.
fn kind_of(c: &mut Checker, mut call: Call) -> Checked<Result<&'static str, Diagnostic>> {
    let [(p, p_span), (x, x_span), (t, t_span)] = call.exactly::<3>(c)?;
    let Value::Process(p) = p else {
        return match p {
            Value::Unknown => Err(Reported),
            other => c.needs(&p_span, "a process", &other),
        };
    };
    let given = vec![(None, x.clone(), x_span.clone()), (None, t.clone(), t_span.clone())];
    let noise = c.apply_process(&p, Part::NoiseKind, given, &p_span)?;
    let Value::Text(noise) = noise else { unreachable!("the kind of a noise is a text") };
    if !matches!(&*noise, "none" | "additive") {
        return Ok(Err(errors::kernel_of_state_noise(&p_span, &p.describe(), &p.declared().1.name.span)));
    }
    let t = as_number(c, t, &t_span)?;
    let (block, state) = c.drift_block(&p, &x, &t, &p_span)?;
    let jumps = jump(&block, &derivative::dependents_of(&block, block.params.iter().copied())).map(|span| c.b.place_of(span));
    if let Some(span) = jumps.or_else(|| c.first_term_that_bends(&block)) {
        return Ok(Err(errors::kernel_of_nonlinear(&p_span, &p.describe(), &span)));
    }
    let shape = c.b.shape_of(block.params[0]).to_vec();
    let real = matches!(&state, Value::Number(n) if matches!(n.kind, Kind::Real | Kind::F32));
    let by_itself = shape.is_empty() || pass::activity::elementwise(&block, &block.params, &shape, |v| c.b.shape_of(v).to_vec());
    let own = real && by_itself && c.has_own_noise(&p, &x, &t, &p_span)?;
    Ok(Ok(if own { "diagonal" } else { "matrix" }))
}

/// Where a step stands that is constant in pieces of what depends on the state: a sign, a comparison, a rounding.
fn jump(block: &Block, dependents: &VarSet) -> Option<u32> {
    block.steps.iter().find_map(|step| {
        let jumps = matches!(&step.op, Op::Prim(row, args) if (row.jumps || matches!(row.partials, Partials::Constant)) && args.iter().any(|v| dependents.contains(v)));
        if jumps { Some(step.span) } else { step.op.blocks().into_iter().find_map(|inner| jump(inner, dependents)) }
    })
}

impl Checker<'_> {
    /// The drift of a process as a block whose params are the state.
    fn drift_block(&mut self, p: &Rc<Process>, x: &Value, t: &Number, span: &Span) -> Checked<(Block, Value)> {
        let state = self.fresh_like(x);
        let given = vec![(None, state.clone(), span.clone()), (None, Value::Number(t.clone()), span.clone())];
        let drift = self.opened(|c| c.apply_process(p, Part::Drift, given, span))?;
        let block = self.b.close(state.leaves(), drift.leaves());
        let block = pass::activity::prune(&block, &vec![true; block.results.len()]);
        Ok((pass::prepare_for_derivative(&mut self.b, block), state))
    }

    /// The noise term of a process as a block whose params are the increments.
    fn noise_block(&mut self, p: &Rc<Process>, x: &Value, t: &Number, w: &Number, span: &Span) -> Checked<Block> {
        let increments = self.fresh_like(&Value::Number(w.clone()));
        let given = [x.clone(), Value::Number(t.clone()), increments.clone()].map(|v| (None, v, span.clone()));
        let term = self.opened(|c| c.apply_process(p, Part::NoiseTerm, given.to_vec(), span))?;
        let block = self.b.close(increments.leaves(), term.leaves());
        Ok(pass::activity::prune(&block, &vec![true; block.results.len()]))
    }

    /// Where the first step stands whose derivative depends on the params.
    fn first_term_that_bends(&mut self, block: &Block) -> Option<Span> {
        if !self.bends(block) {
            return None;
        }
        for k in 0..block.steps.len() {
            let steps = block.steps[..=k].to_vec();
            let results = block.steps[k].outs.clone();
            let floats = results.into_iter().filter(|v| self.b.scalar_of(*v).is_float()).collect();
            if self.bends(&Block { params: block.params.clone(), steps, results: floats }) {
                return Some(self.b.place_of(block.steps[k].span));
            }
        }
        unreachable!("the whole bends, so one of its steps does")
    }

    /// Whether a block's derivative depends on its params.
    fn bends(&mut self, block: &Block) -> bool {
        let mut fresh = |v: &Var| self.b.fresh_like(*v);
        let args: Vec<Var> = block.params.iter().map(&mut fresh).collect();
        let directions: Vec<Var> = block.params.iter().map(&mut fresh).collect();
        self.b.open();
        let seeds: Vec<Option<Var>> = directions.iter().map(|v| Some(*v)).collect();
        let (_, tangents) = pass::forward::jvp(&mut self.b, block, &args, &seeds, &[]);
        let results: Vec<Var> = tangents.into_iter().flatten().collect();
        let slope = self.b.close(directions, results);
        let slope = pass::activity::prune(&slope, &vec![true; slope.results.len()]);
        let depends = derivative::dependents_of(&slope, args.into_iter());
        slope.results.iter().any(|v| depends.contains(v))
    }

    /// Whether each component of the one state has a noise of its own: increments have its type, and no matrix mixes them.
    fn has_own_noise(&mut self, p: &Rc<Process>, x: &Value, t: &Number, span: &Span) -> Checked<bool> {
        let given = vec![(None, x.clone(), span.clone()), (None, Value::Number(t.clone()), span.clone())];
        Ok(match (self.apply_process(p, Part::NoiseLike, given, span)?, x) {
            (Value::Number(w), Value::Number(n)) if w.kind == n.kind && w.sets == n.sets => {
                let shape = w.shape();
                shape.is_empty() || {
                    let block = self.noise_block(p, x, t, &w, span)?;
                    pass::activity::elementwise(&block, &block.params, &shape, |v| self.b.shape_of(v).to_vec())
                }
            }
            (Value::Tuple(_), _) => true,
            _ => false,
        })
    }
}

/// `collocation(n)`: nodes u and weights of the Gauss–Legendre rule on (0, 1), the matrix of integrals from 0 to each node, and what
/// gives the last two Legendre coefficients.
pub fn collocation(c: &mut Checker, mut call: Call) -> Checked<Value> {
    use moyal_runtime::array::{Array, Data};
    let [(n, span)] = call.exactly::<1>(c)?;
    let n = match c.index_set(&n, &span)? {
        IndexSet::Range(n) if n > 1 => n,
        _ => return c.needs(&span, "a number of nodes, two at least", &n),
    };
    let rule = moyal_runtime::quadrature::collocation(n);
    let mut table = |shape: Vec<usize>, numbers: Vec<f64>| {
        let sets = shape.iter().map(|n| IndexSet::Range(*n)).collect();
        let re = c.b.table(Array::new(shape, Data::Real(numbers)));
        Value::Number(Number::new(Kind::Real, sets, re))
    };
    let tables = vec![table(vec![n], rule.nodes), table(vec![n], rule.weights), table(vec![n, n], rule.integrals), table(vec![2, n], rule.last)];
    Ok(Value::Tuple(Rc::new(tables)))
}

/// `narrow(x)`: the number that an array is known to repeat everywhere, else the array.
pub fn narrow(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let (n, _) = call.one_number(c)?;
    match (n.im, c.b.uniform(n.re)) {
        (None, Some(re)) => Ok(Value::Number(Number::scalar(n.kind, re))),
        _ => Ok(Value::Number(n)),
    }
}

/// `as_vector(x)`: the components of a value, its parts and theirs, one after the other: real[components(x)].
pub fn as_vector(c: &mut Checker, mut call: Call) -> Checked<Value> {
    use moyal_runtime::array::Scalar;
    let [(x, span)] = call.exactly::<1>(c)?;
    if x.has_unknown() {
        return Err(Reported);
    }
    if !of_numbers(&x) {
        return c.needs(&span, "a number, an array, or a tuple or record of such", &x);
    }
    let parts: Vec<Var> = x
        .leaves()
        .into_iter()
        .map(|v| {
            let count = c.b.type_of(v).len();
            let real = c.b.convert(v, Scalar::Real);
            c.b.reshape(real, vec![count])
        })
        .collect();
    let count = parts.iter().map(|v| c.b.type_of(*v).len()).sum();
    let re = if parts.len() == 1 { parts[0] } else { c.b.concat(parts, 0) };
    Ok(Value::Number(Number::new(Kind::Real, vec![IndexSet::Range(count)], re)))
}

fn of_numbers(x: &Value) -> bool {
    match x {
        Value::Number(_) => true,
        Value::Tuple(items) => items.iter().all(of_numbers),
        Value::Record(fields) => fields.iter().all(|(_, v)| of_numbers(v)),
        _ => false,
    }
}

/// `from_vector(v, x)`: the value of the type of x with these components.
pub fn from_vector(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(v, v_span), (x, _)] = call.exactly::<2>(c)?;
    if x.has_unknown() {
        return Err(Reported);
    }
    let v = as_number(c, v, &v_span)?;
    let count: usize = x.leaves().into_iter().map(|leaf| c.b.type_of(leaf).len()).sum();
    if v.kind == Kind::Complex || v.shape() != [count] {
        return c.needs(&v_span, &format!("a real vector of {count} components"), &Value::Number(v));
    }
    Ok(of_components(c, &v, &x))
}

/// The value of the type of x with the components that a vector holds.
pub fn of_components(c: &mut Checker, v: &Number, x: &Value) -> Value {
    let mut from = 0;
    expression::tight(x.clone().map_leaves(&mut |leaf| {
        let ty = c.b.type_of(leaf).clone();
        let part = c.b.part(v.re, 0, from, from + ty.len());
        from += ty.len();
        let part = c.b.convert(part, ty.scalar);
        c.b.reshape(part, ty.shape.to_vec())
    }))
}
