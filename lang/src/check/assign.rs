//! Assignment and loops. An assignment is a new version of a value; a loop carries the `var`s that its body assigns.

use super::comprehension::Members;
use super::expression::tight;
use super::value::*;
use super::*;
use crate::core::Type;
use crate::syntax::ast::{Access, Block, Expr, Index, Pattern, Target};
use moyal_runtime::array::Scalar;

impl Checker<'_> {
    pub fn assign(&mut self, target: &Target, value: &Expr, draw: Option<u32>) -> Checked<()> {
        let name = &target.name;
        let Some(binding) = self.locals.get(&name.text).cloned() else {
            let value = self.expr(value);
            if let Some(binding) = self.lookup(&name.text).cloned() {
                let wrong = if binding.mutable { errors::assigned_outside } else { errors::assigned_constant };
                return self.fail(wrong(name, binding.span.as_ref()));
            }
            let names = self.known_names();
            let near = scope::nearest(&name.text, names.iter().map(|n| &**n)).map(str::to_string);
            value?;
            let missing = self.error(errors::assigned_unknown(name, near.as_deref()));
            // Said once: it is declared in the same way wherever it is read.
            self.bind(name, Value::Unknown, false);
            return Err(missing);
        };
        if !binding.mutable {
            return self.fail(errors::assigned_constant(name, binding.span.as_ref()));
        }
        if binding.level != self.level {
            return self.fail(errors::assigned_outside(name, binding.span.as_ref()));
        }
        let new = self.expr(value)?;
        let old = self.import(&binding);
        if let Value::Unknown = old {
            return Err(Reported);
        }
        self.b.at(&target.span.to(&value.span));
        let new = if let Some(ordinal) = draw {
            let place = self.place_type(&old, &target.path, &target.span)?;
            self.drawn(new, place.as_ref(), &value.span, ordinal)?
        } else {
            new
        };
        let replaced = self.replaced(old, &target.path, new, &target.span, &value.span)?;
        let binding = self.locals.get_mut(&name.text).expect("found above");
        binding.value = replaced;
        binding.stored = false;
        Ok(())
    }

    /// The type that a draw into a part of a value must have.
    fn place_type(&mut self, old: &Value, path: &[Access], span: &Span) -> Checked<Option<types::Ty>> {
        match (old, path) {
            (Value::Number(n), []) => Ok(Some(types::Ty::Number(n.kind, n.sets.clone()))),
            (Value::Number(n), [Access::Index(indices, _)]) => {
                let count = indices.iter().filter(|i| matches!(i, Index::Expr(_))).count();
                Ok(Some(types::Ty::Number(n.kind, n.sets[count.min(n.sets.len())..].to_vec())))
            }
            (Value::Record(fields), [Access::Field(name), rest @ ..]) => {
                let Some((_, value)) = fields.iter().find(|(n, _)| *n == name.text) else {
                    return self.fail(errors::missing_field(span, &name.text));
                };
                let value = value.clone();
                self.place_type(&value, rest, span)
            }
            _ => Ok(None),
        }
    }

    /// `old` with the part at `path` replaced.
    fn replaced(&mut self, old: Value, path: &[Access], new: Value, span: &Span, value_span: &Span) -> Checked<Value> {
        let Some((access, rest)) = path.split_first() else {
            return self.of_type(new, &old, value_span);
        };
        match (access, old) {
            (Access::Field(name), Value::Record(fields)) => {
                let Some(k) = fields.iter().position(|(n, _)| *n == name.text) else {
                    return self.fail(errors::missing_field(&name.span, &name.text));
                };
                let part = self.replaced(fields[k].1.clone(), rest, new, span, value_span)?;
                let mut fields = fields.to_vec();
                fields[k].1 = part;
                Ok(Value::Record(Rc::new(fields)))
            }
            (Access::Index(indices, index_span), old) if rest.is_empty() => {
                self.replaced_at(old, indices, new, index_span, value_span)
            }
            (Access::Index(indices, index_span), old) => {
                let part = self.indexed(old.clone(), span, indices, index_span)?;
                let part = self.replaced(part, rest, new, span, value_span)?;
                self.replaced_at(old, indices, part, index_span, value_span)
            }
            (_, old) => self.fail(errors::no_part(span, &old)),
        }
    }

    /// `old[indices] = new`, for an array or a record of arrays.
    fn replaced_at(&mut self, old: Value, indices: &[Index], new: Value, span: &Span, value_span: &Span) -> Checked<Value> {
        match (old, new) {
            (Value::Record(fields), Value::Record(parts)) if fields.len() == parts.len() => {
                let mut replaced = vec![];
                for ((name, field), (other, part)) in fields.iter().zip(parts.iter()) {
                    if name != other {
                        return self.fail(errors::missing_field(value_span, name));
                    }
                    replaced.push((name.clone(), self.replaced_at(field.clone(), indices, part.clone(), span, value_span)?));
                }
                Ok(Value::Record(Rc::new(replaced)))
            }
            (Value::Tuple(items), Value::Tuple(parts)) if items.len() == parts.len() => {
                let items = items.iter().zip(parts.iter());
                let items: Checked<Vec<Value>> =
                    items.map(|(o, p)| self.replaced_at(o.clone(), indices, p.clone(), span, value_span)).collect();
                Ok(Value::Tuple(Rc::new(items?)))
            }
            (Value::Number(array), new) => self.updated(array, indices, new, span, value_span).map(Value::Number),
            (old, _) => self.no_index(span, &old),
        }
    }

    fn updated(&mut self, array: Number, indices: &[Index], new: Value, span: &Span, value_span: &Span) -> Checked<Number> {
        if indices.len() > array.sets.len() {
            if array.is_scalar() {
                return self.no_index(span, &Value::Number(array));
            }
            return self.fail(errors::too_many_indices(span, span, &array, indices.len()));
        }
        let count = indices.len();
        let part = Number::new(array.kind, array.sets[count..].to_vec(), array.re);
        let part = Value::Number(Number { im: array.im, ..part });
        let mut positions = vec![];
        let mut test = false;
        for (index, set) in indices.iter().zip(array.sets.clone()) {
            let Index::Expr(e) = index else {
                return self.fail(errors::not_yet(span, "assignment to a part with `..`"));
            };
            let (position, checked) = self.position_at(e, &set, span)?;
            positions.push(position);
            test |= checked;
        }
        let new = self.of_type(new, &part, value_span)?;
        let Value::Number(new) = new else { unreachable!("of the part's type") };
        let mut news = [Some(new.re), new.im].into_iter().flatten();
        let result = array.map_leaves(&mut |v| {
            let part = news.next().expect("as many parts as the array has");
            self.b.update(v, positions.clone(), part, test)
        });
        Ok(Number { loose: false, ..result })
    }

    /// A single position in an index set, for writing.
    fn position_at(&mut self, e: &Expr, set: &IndexSet, array_span: &Span) -> Checked<(Var, bool)> {
        let value = self.expr(e)?;
        match (value, set) {
            (Value::Unknown, _) => Err(Reported),
            (Value::Site(site), IndexSet::Lattice(lattice)) => {
                if site.lattice.identity != lattice.identity {
                    return self.fail(errors::site_of_other_lattice(&e.span, &site.lattice, array_span, lattice));
                }
                Ok((self.site_number(&site), false))
            }
            (Value::Displacement(d), IndexSet::Directions(lattice)) if d.lattice.identity == lattice.identity => {
                match d.vector.iter().position(|v| *v == 1) {
                    Some(k) => Ok((self.b.int(k as i64), false)),
                    None => self.fail(errors::not_one_direction(&e.span)),
                }
            }
            (Value::Number(n), set) if n.kind == Kind::Int && n.is_scalar() && !matches!(set, IndexSet::Lattice(_)) => {
                let size = set.size();
                if let Some(k) = self.literal_int(&Value::Number(n.clone())) {
                    let entry = if k < 0 { k + size as i64 } else { k };
                    if entry < 0 || entry >= size as i64 {
                        return self.fail(errors::index_outside(&e.span, k, array_span, size));
                    }
                    return Ok((self.b.int(entry), false));
                }
                self.plain(&n, "an index", &e.span)?;
                Ok((n.re, n.below.is_none_or(|below| below > size)))
            }
            (other, set) => self.fail(errors::wrong_index(&e.span, &other, array_span, set)),
        }
    }

    /// `new` made to have exactly the type of `old`: what a `var` holds keeps its type. A scalar fills an array.
    pub fn of_type(&mut self, new: Value, old: &Value, span: &Span) -> Checked<Value> {
        match (new, old) {
            (Value::Unknown, _) => Err(Reported),
            (Value::Number(n), Value::Number(o)) => {
                if n.sets != o.sets && !n.is_scalar() {
                    return self.fail(errors::var_changes_type(span, &o.describe(), &n.describe()));
                }
                match self.widen(&n, o.kind) {
                    Some(n) => Ok(tight(Value::Number(self.spread_over(n, &o.sets)))),
                    None => self.fail(errors::var_changes_type(span, &o.describe(), &n.describe())),
                }
            }
            (Value::Tuple(items), Value::Tuple(olds)) if items.len() == olds.len() => {
                let items: Checked<Vec<Value>> =
                    items.iter().zip(olds.iter()).map(|(n, o)| self.of_type(n.clone(), o, span)).collect();
                Ok(Value::Tuple(Rc::new(items?)))
            }
            (Value::Record(fields), Value::Record(olds)) if fields.len() == olds.len() => {
                let mut matched = vec![];
                for (name, old) in olds.iter() {
                    let Some((_, new)) = fields.iter().find(|(n, _)| n == name) else {
                        return self.fail(errors::missing_field(span, name));
                    };
                    matched.push((name.clone(), self.of_type(new.clone(), old, span)?));
                }
                Ok(Value::Record(Rc::new(matched)))
            }
            (new @ Value::Site(_), Value::Site(_)) => Ok(new),
            (new, old) => self.fail(errors::var_changes_type(span, &old.describe(), &new.describe())),
        }
    }

    // ---- loops ----

    pub fn for_statement(&mut self, pattern: &Pattern, set: &Expr, body: &Block) -> Checked<()> {
        // The loop stands where the statement stands: messages name what it counts.
        let statement = self.b.span();
        let value = self.expr(set)?;
        self.b.set_span(statement);
        // `for k in n` may have an n that is not known yet.
        if let Value::Number(n) = &value
            && n.kind == Kind::Int
            && n.is_scalar()
            && self.b.literal_of(n.re).is_none()
        {
            let count = n.re;
            self.plain(n, "the number of turns", &set.span)?;
            return self.counted_loop(count, body, |c, turn| {
                c.bind_pattern(pattern, Value::Number(Number::scalar(Kind::Int, turn)), false)
            });
        }
        // A tuple or record is unrolled: its turns may have different types.
        let unrolled: Option<Vec<Value>> = match &value {
            Value::Tuple(items) => Some(items.to_vec()),
            Value::Record(fields) => Some(
                fields.iter().map(|(n, v)| Value::Tuple(Rc::new(vec![Value::Text(n.clone()), v.clone()]))).collect(),
            ),
            _ => None,
        };
        if let Some(members) = unrolled {
            return self.unrolled_loop(pattern, members, body);
        }
        match self.members(value, &set.span)? {
            Members::Known(_, members) => self.unrolled_loop(pattern, members, body),
            Members::Counted { set, element } => {
                let count = self.b.int(set.size() as i64);
                self.b.set_span(statement);
                self.counted_loop(count, body, |c, turn| {
                    let value = c.element(&element, &set, turn);
                    c.bind_pattern(pattern, value, false)
                })
            }
        }
    }

    fn unrolled_loop(&mut self, pattern: &Pattern, members: Vec<Value>, body: &Block) -> Checked<()> {
        for (turn, member) in members.into_iter().enumerate() {
            let address = self.address.clone();
            self.address = address.enter("turn", turn as u64);
            let mark = self.locals.mark();
            let result = self.bind_pattern(pattern, member, false).and_then(|()| self.block(body));
            self.locals.leave(mark);
            self.address = address;
            result?;
        }
        Ok(())
    }

    fn counted_loop(
        &mut self,
        count: Var,
        body: &Block,
        bind: impl FnOnce(&mut Self, Var) -> Checked<()>,
    ) -> Checked<()> {
        let names = self.assignable(&walk::assigned(body));
        let before: Vec<Value> = self.current(&names).into_iter().map(tight).collect();
        let init: Vec<Var> = before.iter().flat_map(Value::leaves).collect();
        let span = self.b.span();
        let turn = self.b.fresh(Type::scalar(Scalar::Int));
        let (core, carried) = self.turn_block(&names, &before, turn, body, bind)?;
        self.b.set_span(span);
        let outs = self.b.loop_with(count, init, core);
        self.set_current(&names, rebuilt(carried, &outs));
        Ok(())
    }

    /// The block of one turn: params are the turn's number and the carried values.
    fn turn_block(
        &mut self,
        names: &[Rc<str>],
        before: &[Value],
        turn: Var,
        body: &Block,
        bind: impl FnOnce(&mut Self, Var) -> Checked<()>,
    ) -> Checked<(crate::core::Block, Vec<Value>)> {
        let carried: Vec<Value> = before.iter().map(|v| self.fresh_like(v)).collect();
        let params: Vec<Var> = std::iter::once(turn).chain(carried.iter().flat_map(Value::leaves)).collect();
        let results = self.opened(|c| {
            c.set_current(names, carried.clone());
            let mark = c.locals.mark();
            c.address.turns.push(turn);
            let result = bind(c, turn).and_then(|()| c.block(body));
            c.address.turns.pop();
            c.locals.leave(mark);
            let after = c.current(names);
            c.set_current(names, before.to_vec());
            result?;
            let mut results = vec![];
            for ((value, old), name) in after.into_iter().zip(&carried).zip(names) {
                let span = c.locals.get(name).and_then(|b| b.span.clone()).unwrap_or_else(|| body.span.clone());
                results.extend(c.of_type(value, old, &span)?.leaves());
            }
            Ok(results)
        })?;
        Ok((self.b.close(params, results), carried))
    }

    pub fn while_statement(&mut self, condition: &Expr, body: &Block) -> Checked<()> {
        let names = self.assignable(&walk::assigned(body));
        let before: Vec<Value> = self.current(&names).into_iter().map(tight).collect();
        let init: Vec<Var> = before.iter().flat_map(Value::leaves).collect();
        let span = self.b.span();
        // The condition, of the carried values.
        let seen: Vec<Value> = before.iter().map(|v| self.fresh_like(v)).collect();
        let params: Vec<Var> = seen.iter().flat_map(Value::leaves).collect();
        let test = self.opened(|c| {
            c.set_current(&names, seen);
            let test = c.number(condition);
            c.set_current(&names, before.clone());
            let test = test?;
            if test.kind != Kind::Bool || !test.is_scalar() {
                return c.needs(&condition.span, "a condition (a bool)", &Value::Number(test));
            }
            c.plain(&test, "a condition", &condition.span)?;
            Ok(test.re)
        })?;
        let condition_block = self.b.close(params, vec![test]);
        let turn = self.b.fresh(Type::scalar(Scalar::Int));
        let (core, carried) = self.turn_block(&names, &before, turn, body, |_, _| Ok(()))?;
        self.b.set_span(span);
        let outs = self.b.while_with(init, condition_block, core);
        self.set_current(&names, rebuilt(carried, &outs));
        Ok(())
    }
}

/// Values of these types from the leaves of all of them.
fn rebuilt(like: Vec<Value>, leaves: &[Var]) -> Vec<Value> {
    let mut rest = leaves;
    like.into_iter()
        .map(|v| {
            let (now, later) = rest.split_at(v.leaves().len());
            rest = later;
            v.with_leaves(now)
        })
        .collect()
}
