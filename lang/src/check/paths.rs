//! What the library's simulation of processes cannot say in the language: how paths begin and over which index set they
//! are, noise of a given step, and states taken as vectors whatever parts they have.

use super::builtin::{Call, as_number, known};
use super::expression::tight;
use super::process::{Dynamics, Process};
use super::value::*;
use super::*;
use crate::core::{Distribution as Base, Monoid, Shown};
use moyal_runtime::array::Scalar;

/// `path_set(from, like, paths)`: the index set of the paths. That of `from`, if it has a state for each path, else `paths`.
pub fn path_set(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(from, span), (like, _), (paths, paths_span)] = call.exactly::<3>(c)?;
    if from.has_unknown() || like.has_unknown() {
        return Err(Reported);
    }
    // A text, if nobody said how many.
    let wanted = if let Value::Text(_) = paths { None } else { Some(c.index_set(&paths, &paths_span)?.size()) };
    let Some(set) = own_paths(&from, &like) else { return Ok(Value::Number(c.known_int(wanted.unwrap_or(1_000) as i64))) };
    if let Some(wanted) = wanted.filter(|n| *n != set.size()) {
        return c.fail(errors::path_count(&span, set.size(), wanted));
    }
    Ok(match set {
        IndexSet::Range(n) => Value::Number(c.known_int(n as i64)),
        other => Value::Set(other),
    })
}

/// The first index set of a value that holds a state for each path.
fn own_paths(from: &Value, like: &Value) -> Option<IndexSet> {
    match (from, like) {
        (Value::Number(n), Value::Number(l)) if n.sets.len() == l.sets.len() + 1 && n.sets[1..] == l.sets[..] => n.sets.first().cloned(),
        (Value::Record(fields), Value::Record(likes)) => likes.iter().find_map(|(name, like)| {
            let (_, field) = fields.iter().find(|(n, _)| n == name)?;
            own_paths(field, like)
        }),
        _ => None,
    }
}

/// `beginning(from, like, k)`: where path k begins.
pub fn beginning(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(from, span), (like, _), (path, path_span)] = call.exactly::<3>(c)?;
    let path = as_number(c, path, &path_span)?;
    c.beginning(from, &like, &path, &span, 0)
}

impl Checker<'_> {
    fn beginning(&mut self, from: Value, like: &Value, path: &Number, span: &Span, draw: u32) -> Checked<Value> {
        match (from, like) {
            (Value::Unknown, _) | (_, Value::Unknown) => Err(Reported),
            (Value::Function(f), like) => {
                let value = self.apply_function(&f, vec![(None, Value::Number(path.clone()), span.clone())], span)?;
                self.beginning(value, like, path, span, draw)
            }
            (Value::Distribution(law), like) if self.law_of_components(&law, like)? => {
                // The law of all components together, of whatever parts the state has.
                let size: usize = like.leaves().iter().map(|v| self.b.type_of(*v).len()).sum();
                let drawn = self.drawn(Value::Distribution(law), Some(&types::Ty::Number(Kind::Real, vec![IndexSet::Range(size)])), span, draw)?;
                let vector = as_number(self, drawn, span)?;
                Ok(super::affine::of_components(self, &vector, like))
            }
            (Value::Record(fields), Value::Record(likes)) => {
                if let Some((extra, _)) = fields.iter().find(|(n, _)| likes.iter().all(|(l, _)| l != n)) {
                    let states: Vec<&str> = likes.iter().map(|(n, _)| &**n).collect();
                    return self.fail(errors::no_such_state(span, extra, &states));
                }
                let mut parts = vec![];
                for (k, (name, like)) in likes.iter().enumerate() {
                    let Some((_, field)) = fields.iter().find(|(n, _)| n == name) else {
                        return self.fail(errors::missing_field(span, name));
                    };
                    parts.push((name.clone(), self.beginning(field.clone(), like, path, span, k as u32)?));
                }
                Ok(Value::Record(Rc::new(parts)))
            }
            (distribution @ Value::Distribution(_), Value::Number(n)) => {
                // A complex state begins on the real axis: distributions are of real numbers.
                let kind = if n.kind == Kind::Complex { Kind::Real } else { n.kind };
                let drawn = self.drawn(distribution, Some(&types::Ty::Number(kind, n.sets.clone())), span, draw)?;
                self.of_type(drawn, like, span)
            }
            (Value::Number(n), Value::Number(_)) => {
                let mine = if own_paths(&Value::Number(n.clone()), like).is_some() {
                    self.row(&Value::Number(n), path.re)
                } else {
                    Value::Number(n)
                };
                // A start is rounded to the precision of the state, as a drawn one is.
                let mine = match mine {
                    Value::Number(n) if n.kind == Kind::Real && first_number(like).is_some_and(|l| l.kind == Kind::F32) => {
                        Value::Number(self.as_kind(&n, Kind::F32))
                    }
                    other => other,
                };
                match &mine {
                    Value::Number(n) if n.is_scalar() || like.leaves().is_empty() || first_number(like).is_some_and(|l| l.sets == n.sets) => {
                        self.of_type(mine, like, span)
                    }
                    other => self.fail(errors::beginning(span, &other.describe(), &like.describe())),
                }
            }
            (other, like) => self.fail(errors::beginning(span, &other.describe(), &like.describe())),
        }
    }
}

impl Checker<'_> {
    /// Whether a law of vectors has as many components as a state that is no real vector: a complex number, a field, several states.
    fn law_of_components(&mut self, law: &Distribution, like: &Value) -> Checked<bool> {
        let Distribution::Made(record) = law else { return Ok(false) };
        let Some(Value::Number(mean)) = self.field_of(record, "mean")? else { return Ok(false) };
        let [IndexSet::Range(length)] = mean.sets[..] else { return Ok(false) };
        let size: usize = like.leaves().iter().map(|v| self.b.type_of(*v).len()).sum();
        let plain = matches!(like, Value::Number(n) if n.kind == Kind::Real && n.sets == mean.sets);
        Ok(length == size && !plain)
    }
}

/// `recorded(x, times)`: an array over paths, then times, as one over the times of a recorded simulation, then paths.
pub fn recorded(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(x, span), (times, _)] = call.exactly::<2>(c)?;
    let count = match first_number(&x).map(|n| &n.sets[..]) {
        Some([_, times, ..]) => times.size(),
        _ => return c.needs(&span, "arrays over paths and times", &x),
    };
    let identity = c.fresh_identity();
    let set = IndexSet::Times(Rc::new(Times { identity, count, name: c.binding_name.clone() }));
    c.new_records.push((identity, Value::Record(Rc::new(vec![("times".into(), times)]))));
    each_number(x, &mut |n| {
        let mut sets = n.sets.clone();
        sets.swap(0, 1);
        sets[0] = set.clone();
        let order: Vec<usize> = [1, 0].into_iter().chain(2..sets.len()).collect();
        let n = n.map_leaves(&mut |v| c.b.transpose(v, &order));
        Ok(Value::Number(Number { sets, ..n }))
    })
}

/// `normals(like, n)`: standard normal numbers of the type of `like`, those of step n, whatever loops stand around. A complex
/// number has two.
pub fn normals(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(like, _), (step, span)] = call.exactly::<2>(c)?;
    let step = as_number(c, step, &span)?;
    let outer = c.address.clone();
    c.address.turns.push(step.re);
    let mut part = 0;
    let position = c.position();
    let result = each_number(like, &mut |n| {
        let shape = n.shape();
        let n = n.map_leaves(&mut |v| {
            part += 1;
            let place = noise::step(c.address.place, "~", part);
            let scalar = c.b.scalar_of(v);
            c.b.draw(Base::Normal, scalar, place, c.address.turns.clone(), position, shape.clone())
        });
        Ok(tight(Value::Number(n)))
    });
    c.address = outer;
    result
}

/// `components(x)`: how many real numbers a value consists of.
pub fn components(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(x, _)] = call.exactly::<1>(c)?;
    let count: usize = x.leaves().iter().map(|v| c.b.type_of(*v).len()).sum();
    Ok(Value::Number(c.known_int(count as i64)))
}

/// `unit(x, k)`: zeros of the type of x with a one as component number k.
pub fn unit(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(x, _), (k, span)] = call.exactly::<2>(c)?;
    let k = as_number(c, k, &span)?;
    let mut first = 0;
    let x = x.map_leaves(&mut |v| {
        let ty = c.b.type_of(v).clone();
        let (iota, start) = (c.b.iota(ty.len()), c.b.int(first));
        let number = c.b.add(start, iota);
        let wanted = c.b.broadcast(k.re, &[ty.len()]);
        let hit = c.b.call("eq", &[number, wanted]);
        first += ty.len() as i64;
        let ones = c.b.convert(hit, ty.scalar);
        c.b.reshape(ones, ty.shape.to_vec())
    });
    Ok(tight(x))
}

/// `inner(x, y)`: the sum of the products of all components.
pub fn inner(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(x, _), (y, span)] = call.exactly::<2>(c)?;
    let y = c.of_type(y, &x, &span)?;
    let mut total: Option<Var> = None;
    for (a, b) in x.leaves().into_iter().zip(y.leaves()) {
        let product = c.b.mul(a, b);
        let rank = c.b.shape_of(product).len();
        let sum = c.b.reduce(Monoid::Sum, product, (0..rank).collect());
        let wide = c.b.convert(sum, Scalar::Real);
        total = Some(match total {
            None => wide,
            Some(before) => c.b.add(before, wide),
        });
    }
    let re = total.unwrap_or_else(|| c.b.real(0.0));
    Ok(Value::Number(Number::scalar(Kind::Real, re)))
}

/// `scalar_like(h, x)`: the real number h in the precision of x.
pub fn scalar_like(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(h, span), (x, _)] = call.exactly::<2>(c)?;
    let h = as_number(c, h, &span)?;
    let single = first_number(&x).is_some_and(|n| n.kind == Kind::F32);
    let n = c.as_kind(&h, if single { Kind::F32 } else { Kind::Real });
    Ok(Value::Number(Number { loose: false, ..n }))
}

/// `completed(s, p, x, t)`: the record s with zeros for those fields of the state x of p that it lacks. Those have no noise.
pub fn completed(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(s, span), (p, p_span), (x, x_span), (t, t_span)] = call.exactly::<4>(c)?;
    let (Value::Record(given), Value::Record(likes)) = (&s, &x) else {
        return c.score_of_type(s, &x, &span);
    };
    let p = match p {
        Value::Process(p) => p,
        Value::Unknown => return Err(Reported),
        other => return c.needs(&p_span, "a process", &other),
    };
    if likes.iter().any(|(name, _)| !given.iter().any(|(n, _)| n == name)) {
        let noisy = c.states_with_noise(&p, vec![(None, x.clone(), x_span), (None, t, t_span)], &call.span)?;
        if let Some(name) = noisy.iter().find(|name| !given.iter().any(|(n, _)| n == *name)) {
            return c.fail(errors::score_lacks_state(&span, name));
        }
    }
    let mut fields = vec![];
    for (name, like) in likes.iter() {
        let part = match given.iter().find(|(n, _)| n == name) {
            Some((_, part)) => c.score_of_type(part.clone(), like, &span)?,
            None => like.clone().map_leaves(&mut |v| c.b.zeros_like(v)),
        };
        fields.push((name.clone(), part));
    }
    if let Some((name, _)) = given.iter().find(|(n, _)| !likes.iter().any(|(m, _)| m == n)) {
        return c.fail(errors::score_of_no_state(&span, name));
    }
    Ok(Value::Record(Rc::new(fields)))
}

impl Checker<'_> {
    fn score_of_type(&mut self, score: Value, state: &Value, span: &Span) -> Checked<Value> {
        match (&score, state) {
            (Value::Unknown, _) => Err(Reported),
            (Value::Number(s), Value::Number(x)) if s.sets == x.sets && self.widen(s, x.kind).is_some() => self.of_type(score, state, span),
            _ => self.fail(errors::score_of_other_type(span, &state.describe(), &score.describe())),
        }
    }
}

/// `with_parts(x, (a, b))`: a record with the fields of x and these values, in order.
pub fn with_parts(c: &mut Checker, mut call: Call) -> Checked<Value> {
    match call.exactly::<2>(c)? {
        [(Value::Record(fields), _), (Value::Tuple(parts), _)] if fields.len() == parts.len() => {
            let names = fields.iter().map(|(n, _)| n.clone());
            Ok(Value::Record(Rc::new(names.zip(parts.iter().cloned()).collect())))
        }
        [(x, span), _] => c.needs(&span, "a record and as many values in a tuple", &x),
    }
}

/// `path_at(p, x, t)`: what is told of a path if the run fails there: the time, and each state by its name.
pub fn path_at(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(p, p_span), (x, span), (t, t_span)] = call.exactly::<3>(c)?;
    let (p, t) = match (p, t) {
        (Value::Process(p), Value::Number(t)) => (p, t),
        (Value::Process(_), other) => return c.needs(&t_span, "a time", &other),
        (other, _) => return c.needs(&p_span, "a process", &other),
    };
    let values: Vec<Value> = match x {
        Value::Record(fields) if p.states.len() > 1 => fields.iter().map(|(_, state)| state.clone()).collect(),
        x => vec![x],
    };
    let states: Vec<(Rc<str>, Value)> = p.states_as_written().into_iter().zip(values).collect();
    let mut shown = vec![Shown { name: "t".into(), format: None, re: t.re, im: None }];
    for (name, state) in states {
        match state {
            Value::Number(n) => shown.push(Shown { name: name.as_ref().into(), format: None, re: n.re, im: n.im }),
            other => return c.needs(&span, "states of a process", &other),
        }
    }
    c.b.note(shown);
    Ok(Value::Unit)
}

/// `derived_process(p, drift, noisy)`: the process with another drift and p's noise or none, whose time runs backwards.
pub fn derived_process(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(p, p_span), (drift, span), (noisy, noisy_span)] = call.exactly::<3>(c)?;
    let Value::Process(of) = p else {
        return match p {
            Value::Unknown => Err(Reported),
            other => c.needs(&p_span, "a process", &other),
        };
    };
    let Value::Function(drift) = drift else {
        return c.needs(&span, "a function of state and time", &drift);
    };
    let noisy = as_number(c, noisy, &noisy_span)?;
    let noisy = c.literal_bool(&noisy).unwrap_or(true);
    let Process { name, states, compact, .. } = &*of;
    let (name, states, compact) = (name.clone(), states.clone(), compact.clone());
    // The score depends on time even if the process does not.
    let dynamics = Dynamics::Derived { of, drift, noisy };
    Ok(Value::Process(Rc::new(Process { name, states, compact, timed: true, backward: true, dynamics })))
}

/// `each_angle(p, x, f)`: the state x of p with f of those of its parts that are angles.
pub fn each_angle(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let (p, x, f, span) = match call.exactly::<3>(c)? {
        [(Value::Process(p), _), (x, span), (Value::Function(f), _)] => (p, x, f, span),
        [(Value::Unknown, _), ..] | [_, (Value::Unknown, _), _] => return Err(Reported),
        [(other, span), ..] => return c.needs(&span, "a process, its state and a function", &other),
    };
    let mut apply = |value: Value, compact: bool| if compact { c.apply_function(&f, vec![(None, value, span.clone())], &span) } else { Ok(value) };
    match x {
        Value::Record(fields) if p.compact.len() == fields.len() => {
            let mut parts = vec![];
            for ((name, value), compact) in fields.iter().zip(&p.compact) {
                parts.push((name.clone(), apply(value.clone(), *compact)?));
            }
            Ok(Value::Record(Rc::new(parts)))
        }
        value => apply(value, p.compact[0]),
    }
}

/// `squares(x)`: the square of every component, the parts of complex numbers by themselves.
pub fn squares(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(x, _)] = call.exactly::<1>(c)?;
    Ok(tight(x.map_leaves(&mut |v| c.b.mul(v, v))))
}

/// `last_of(x)`: of an array over paths, then times, the last time.
pub fn last_of(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(x, _)] = call.exactly::<1>(c)?;
    each_number(x, &mut |n| {
        let last = n.sets[1].size() - 1;
        let mut sets = n.sets.clone();
        sets.remove(1);
        let n = n.map_leaves(&mut |v| c.b.pick(v, 1, last));
        Ok(Value::Number(Number { sets, ..n }))
    })
}

/// `is_complex(x)`: whether a number is complex, which is known.
pub fn is_complex(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let (n, _) = call.one_number(c)?;
    known(c, n.kind == Kind::Complex)
}

/// `same_function(f, g)`: whether two values are one declared function, which is known.
pub fn same_function(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(f, _), (g, _)] = call.exactly::<2>(c)?;
    let declared = |value: &Value| if let Value::Function(f) = value { f.declared() } else { None };
    let same = declared(&f).zip(declared(&g)).is_some_and(|(f, g)| Rc::ptr_eq(&f, &g));
    known(c, same)
}

/// `library_name(f)`
pub fn library_name(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(f, _)] = call.exactly::<1>(c)?;
    let name: Rc<str> = match &f {
        Value::Function(f) => match &**f {
            Function::User(Closure { declaration: Declaration::Function(declared), library: true, .. }) => declared.name.text.clone(),
            _ => "".into(),
        },
        _ => "".into(),
    };
    Ok(Value::Text(name))
}

/// `same_type(x, y)`: whether two values consist of arrays of one kind over the same index sets, which is known.
pub fn same_type(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(x, _), (y, _)] = call.exactly::<2>(c)?;
    known(c, alike(&x, &y))
}

fn alike(x: &Value, y: &Value) -> bool {
    match (x, y) {
        (Value::Number(x), Value::Number(y)) => x.kind == y.kind && x.sets == y.sets,
        (Value::Tuple(x), Value::Tuple(y)) => x.len() == y.len() && x.iter().zip(y.iter()).all(|(x, y)| alike(x, y)),
        (Value::Record(x), Value::Record(y)) => x.len() == y.len() && x.iter().zip(y.iter()).all(|((n, x), (m, y))| n == m && alike(x, y)),
        _ => false,
    }
}

/// `f` of every array that a value consists of.
pub fn each_number(value: Value, f: &mut dyn FnMut(Number) -> Checked<Value>) -> Checked<Value> {
    Ok(match value {
        Value::Number(n) => f(n)?,
        Value::Tuple(items) => {
            let items: Checked<Vec<Value>> = items.iter().map(|v| each_number(v.clone(), f)).collect();
            Value::Tuple(Rc::new(items?))
        }
        Value::Record(fields) => {
            let fields: Checked<Vec<_>> = fields.iter().map(|(n, v)| Ok((n.clone(), each_number(v.clone(), f)?))).collect();
            Value::Record(Rc::new(fields?))
        }
        other => other,
    })
}
