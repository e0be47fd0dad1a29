//! `grad(f)` and its relatives: the function walked with its argument unknown, then differentiated as Core.

use super::call::Given;
use super::expression::tight;
use super::value::*;
use super::*;
use crate::core::{Block, VarSet};
use crate::pass;

/// A function's meaning for arguments of certain types.
struct Body {
    block: Block,
    /// What the block's results mean.
    result: Value,
    /// The first argument, which is differentiated by.
    argument: Value,
    /// Values of all the block's params.
    values: Vec<Var>,
    /// How many of the params belong to the first argument.
    count: usize,
    /// What depends on the first argument.
    depends: VarSet,
}

impl Checker<'_> {
    pub fn apply_derived(&mut self, derived: Derived, f: &Rc<Function>, mut given: Vec<Given>, call: &Span) -> Checked<Value> {
        let second = match derived {
            Derived::Along | Derived::Transposed if given.len() < 2 => {
                return self.fail(errors::argument_count(call, "a derivative along a direction", 2, given.len()));
            }
            Derived::Along | Derived::Transposed => Some(given.remove(1)),
            _ => None,
        };
        let body = self.body_of(f, given, call)?;
        match derived {
            Derived::Gradient => Ok(self.gradient(f, &body, call)?.1),
            Derived::ValueAndGradient => {
                let (value, gradient) = self.gradient(f, &body, call)?;
                Ok(Value::Tuple(Rc::new(vec![value, gradient])))
            }
            Derived::Jacobian => self.jacobian(f, &body, call),
            Derived::Hessian => self.hessian(f, &body, call),
            Derived::Divergence => self.divergence(f, &body, call),
            Derived::Laplacian => self.laplacian(f, &body, call),
            Derived::Along => self.along(&body, second.expect("a direction")),
            Derived::Transposed => self.transposed(&body, second.expect("a weight")),
        }
    }

    /// Walks the function in a block of its own. Only the first argument is differentiated by; the others are held.
    fn body_of(&mut self, f: &Rc<Function>, mut given: Vec<Given>, call: &Span) -> Checked<Body> {
        if given.is_empty() {
            return self.fail(errors::argument_count(call, "a derivative", 1, 0));
        }
        if let Function::User(Closure { declaration: Declaration::Function(declared), .. }) = &**f
            && let Some(ty) = declared.parameters.first().and_then(|p| p.ty.as_ref())
            && declared.generics.is_empty()
            && let Value::Number(n) = &given[0].1
            && (n.kind == Kind::Int || n.loose)
        {
            // `grad(S)(1)`: the argument takes the declared kind before the derivative is formed.
            let ty = self.declared_type(f, ty)?;
            given[0].1 = self.fit(given[0].1.clone(), &ty, &given[0].2.clone(), false)?;
        }
        let argument = match given[0].1.clone() {
            Value::Number(n) if n.kind == Kind::Int => Value::Number(self.as_kind(&n, Kind::Real)),
            other => other,
        };
        if argument.has_unknown() {
            return Err(Reported);
        }
        if argument.leaves().is_empty() {
            return self.fail(errors::nothing_to_differentiate(&given[0].2, &argument));
        }
        let values = argument.leaves();
        let params: Vec<Var> = values.iter().map(|v| self.b.fresh_like(*v)).collect();
        given[0].1 = tight(argument.clone().with_leaves(&params));
        let result = self.opened(|c| c.apply_function(f, given, call))?;
        let block = self.b.close(params, result.leaves());
        let depends = dependents(&block);
        let block = pass::prepare_for_derivative(&mut self.b, block);
        Ok(Body { block, result, argument, count: values.len(), values, depends })
    }

    fn declared_type(&mut self, f: &Rc<Function>, ty: &crate::syntax::ast::TypeExpr) -> Checked<types::Ty> {
        let Function::User(closure) = &**f else { unreachable!("only functions of the text declare types") };
        self.where_declared(closure, |c| c.ty(ty))
    }

    /// Value and gradient of a scalar function.
    fn gradient(&mut self, f: &Rc<Function>, body: &Body, call: &Span) -> Checked<(Value, Value)> {
        let result = match &body.result {
            Value::Number(n) if n.is_scalar() && n.kind.is_float() => n.clone(),
            Value::Unknown => return Err(Reported),
            other => return self.fail(errors::gradient_of_many(call, &f.describe(), other)),
        };
        let wrt = body.block.params[..body.count].to_vec();
        let complex_argument = matches!(&body.argument, Value::Number(n) if n.kind == Kind::Complex);
        if result.kind != Kind::Complex {
            let (values, slopes) = self.pulled(body, &wrt, 0);
            let value = Value::Number(Number::scalar(result.kind, values[0]));
            return Ok((value, tight(body.argument.clone().with_leaves(&slopes))));
        }
        if !complex_argument {
            return self.complex_of_real(body, &wrt, call);
        }
        // Holomorphic: f' = ∂u/∂x − i ∂u/∂y, by the Cauchy–Riemann equations.
        self.holomorphic(f, body, call)?;
        let (values, slopes) = self.pulled(body, &wrt, 0);
        let value = Value::Number(self.complex(vec![], values[0], values[1]));
        let slopes = [slopes[0], self.b.neg(slopes[1])];
        Ok((value, tight(body.argument.clone().with_leaves(&slopes))))
    }

    /// The derivative along a direction of the argument's type.
    fn along(&mut self, body: &Body, direction: Given) -> Checked<Value> {
        let direction = self.like(direction, &body.argument)?;
        let tangents: Vec<Option<Var>> = direction.iter().map(|v| Some(*v)).chain(vec![None; body.values.len() - body.count]).collect();
        let (values, tangents) = pass::forward::jvp(&mut self.b, &body.block, &body.values, &tangents, &[]);
        let slopes: Vec<Var> = values.iter().zip(tangents).map(|(v, t)| t.unwrap_or_else(|| self.b.zeros_like(*v))).collect();
        Ok(tight(body.result.clone().with_leaves(&slopes)))
    }

    /// The transposed derivative of a weight of the result's type.
    fn transposed(&mut self, body: &Body, weight: Given) -> Checked<Value> {
        let seeds: Vec<Option<Var>> = self.like(weight, &body.result)?.into_iter().map(Some).collect();
        let wrt = body.block.params[..body.count].to_vec();
        let (_, slopes) = pass::reverse::vjp(&mut self.b, &body.block, &body.values, &wrt, &seeds);
        Ok(tight(body.argument.clone().with_leaves(&slopes)))
    }

    /// The leaves of a value, which must be of the type of `like`.
    fn like(&mut self, (_, value, span): Given, like: &Value) -> Checked<Vec<Var>> {
        match (value, like) {
            (Value::Unknown, _) | (_, Value::Unknown) => Err(Reported),
            (Value::Number(n), Value::Number(wanted)) => {
                let ty = types::Ty::Number(wanted.kind, wanted.sets.clone());
                Ok(self.fit(Value::Number(n), &ty, &span, false)?.leaves())
            }
            (value, like) => {
                let types = |c: &Self, v: &Value| -> Vec<_> { v.leaves().iter().map(|v| c.b.type_of(*v).clone()).collect() };
                if types(self, &value) != types(self, like) {
                    return self.fail(errors::wrong_type(&span, &like.describe(), &value.describe()));
                }
                Ok(value.leaves())
            }
        }
    }

    /// Results, and the slopes of result `which` by `wrt`.
    fn pulled(&mut self, body: &Body, wrt: &[Var], which: usize) -> (Vec<Var>, Vec<Var>) {
        let scalar = self.b.scalar_of(body.block.results[which]);
        let one = self.b.number(scalar, 1.0);
        let seeds: Vec<Option<Var>> = (0..body.block.results.len()).map(|k| (k == which).then_some(one)).collect();
        pass::reverse::vjp(&mut self.b, &body.block, &body.values, wrt, &seeds)
    }

    /// A complex function of real variables has a complex derivative.
    fn complex_of_real(&mut self, body: &Body, wrt: &[Var], call: &Span) -> Checked<(Value, Value)> {
        let Value::Number(argument) = &body.argument else {
            return self.fail(errors::not_yet(call, "complex derivatives by a record"));
        };
        let (values, re) = self.pulled(body, wrt, 0);
        let (_, im) = self.pulled(body, wrt, 1);
        let value = self.complex(vec![], values[0], values[1]);
        let slope = self.complex(argument.sets.clone(), re[0], im[0]);
        Ok((Value::Number(value), Value::Number(slope)))
    }

    /// Refuses a complex function that is not holomorphic: the Cauchy–Riemann equations must hold as the function is
    /// written, which is so if nothing on the way takes a part, the modulus or the conjugate of the variable.
    fn holomorphic(&mut self, f: &Rc<Function>, body: &Body, call: &Span) -> Checked<()> {
        if let Some(part) = self.parts_taken.iter().find(|p| body.depends.contains(&p.0)).cloned() {
            return self.fail(errors::not_holomorphic(call, &f.describe(), &part.1));
        }
        Ok(())
    }

    fn one_array(&mut self, body: &Body, call: &Span, what: &str) -> Checked<(Number, Number)> {
        match (&body.argument, &body.result) {
            (Value::Number(x), Value::Number(y)) if x.kind == y.kind && matches!(x.kind, Kind::Real | Kind::F32) => {
                Ok((x.clone(), y.clone()))
            }
            (_, Value::Unknown) => Err(Reported),
            (x, y) => self.fail(errors::derivative_of(call, what, x, y)),
        }
    }

    /// `jacobian(f)(x)`: the result's index sets, then the argument's.
    fn jacobian(&mut self, _f: &Rc<Function>, body: &Body, call: &Span) -> Checked<Value> {
        let (x, y) = self.one_array(body, call, "jacobian")?;
        let re = pass::derivatives::jacobian(&mut self.b, &body.block, &body.values, 0);
        let sets = [y.sets, x.sets].concat();
        Ok(Value::Number(Number::new(x.kind, sets, re)))
    }

    fn hessian(&mut self, f: &Rc<Function>, body: &Body, call: &Span) -> Checked<Value> {
        let (x, y) = self.one_array(body, call, "hessian")?;
        if !y.is_scalar() {
            return self.fail(errors::gradient_of_many(call, &f.describe(), &body.result));
        }
        let re = pass::derivatives::hessian(&mut self.b, &body.block, &body.values, 0);
        let sets = [x.sets.clone(), x.sets].concat();
        Ok(Value::Number(Number::new(x.kind, sets, re)))
    }

    fn divergence(&mut self, _f: &Rc<Function>, body: &Body, call: &Span) -> Checked<Value> {
        let (x, y) = self.one_array(body, call, "divergence")?;
        if x.sets != y.sets {
            return self.fail(errors::derivative_of(call, "divergence", &body.argument, &body.result));
        }
        let re = pass::derivatives::divergence(&mut self.b, &body.block, &body.values, 0);
        Ok(Value::Number(Number::scalar(x.kind, re)))
    }

    fn laplacian(&mut self, f: &Rc<Function>, body: &Body, call: &Span) -> Checked<Value> {
        let (x, y) = self.one_array(body, call, "laplacian")?;
        if !y.is_scalar() {
            return self.fail(errors::gradient_of_many(call, &f.describe(), &body.result));
        }
        let re = pass::derivatives::laplacian(&mut self.b, &body.block, &body.values, 0);
        Ok(Value::Number(Number::scalar(x.kind, re)))
    }
}

/// The block's params and everything that is computed from them, regions included.
pub fn dependents(block: &Block) -> VarSet {
    dependents_of(block, block.params.iter().copied())
}

/// These variables and everything that a block computes from them.
pub fn dependents_of(block: &Block, vars: impl Iterator<Item = Var>) -> VarSet {
    let mut found = vars.collect();
    pass::activity::depending(block, &mut found);
    found
}
