//! Calls: arguments matched with parameters, the body walked with what they mean.

use super::value::*;
use super::*;
use crate::syntax::ast::{Argument, Expr, ExprKind, FunctionKind, Name, Parameter, Statement, StatementKind};

/// One argument: its name if it was given by name, its value and its place.
pub type Given = (Option<Name>, Value, Span);

/// How deep calls may nest: far beyond any program, and shallow enough for the stack.
const DEEPEST: usize = 100;

impl Checker<'_> {
    pub fn call(&mut self, e: &Expr, function: &Expr, arguments: &[Argument]) -> Checked<Value> {
        let callee = self.expr(function);
        let of_types = matches!(&callee, Ok(Value::Function(f)) if matches!(&**f, Function::Builtin(b) if b.of_types()));
        let (depth, records) = (self.b.depth(), self.new_records.len());
        if let Ok(Value::Function(f)) = &callee
            && let Function::Builtin(b) = &**f
            && b.is_effect()
        {
            // What it prints or plots would be refused for other reasons here.
            return self.fail(errors::effect_inside(&e.span, b.name, b.usage));
        }
        if of_types {
            self.b.open();
        }
        let given: Vec<_> = arguments.iter().map(|a| (a.name.clone(), self.expr(&a.value), a.value.span.clone())).collect();
        if of_types {
            self.b.abandon_to(depth);
            self.new_records.truncate(records);
        }
        let callee = callee?;
        let given = given.into_iter().map(|(n, v, s)| Ok((n, v?, s))).collect::<Checked<Vec<Given>>>()?;
        if let (Value::Function(f), [argument], [(None, value, _)]) = (&callee, arguments, &given[..]) {
            self.warn_of_power_in(f, &argument.value, value);
        }
        self.called(e, function, callee, given)
    }

    /// A call whose arguments are values already.
    pub fn call_with(&mut self, e: &Expr, function: &Expr, given: Vec<Given>) -> Checked<Value> {
        let callee = self.expr(function)?;
        self.called(e, function, callee, given)
    }

    fn called(&mut self, e: &Expr, function: &Expr, callee: Value, given: Vec<Given>) -> Checked<Value> {
        let f = match callee {
            Value::Function(f) => f,
            Value::Unknown => return Err(Reported),
            // A record with a function `call` can be called: `kernel(p)(d, t)`.
            Value::Record(fields) if fields.iter().any(|(n, v)| &**n == "call" && matches!(v, Value::Function(_))) => {
                match fields.iter().find(|(n, _)| &**n == "call") {
                    Some((_, Value::Function(f))) => f.clone(),
                    _ => unreachable!("just found"),
                }
            }
            Value::Process(p) => return self.fail(errors::call_of_process(&function.span, &p.name)),
            other => {
                let called = self.described(&other);
                return self.fail(errors::not_a_function(&function.span, &other, &called));
            }
        };
        // A call's place: the name called, and which of its calls in this body it is.
        let name: Rc<str> = match &*function.kind {
            ExprKind::Name(n) | ExprKind::Field { name: n, .. } => n.text.clone(),
            _ => f.name(),
        };
        let ordinal = self.ordinals.get(&e.span.start).copied().unwrap_or(0);
        let outer = self.address.clone();
        self.address = outer.enter(&name, ordinal as u64);
        self.b.at(&e.span);
        // Primitives and builtins do their work where they are called.
        let inside = !matches!(&*f, Function::Primitive(_) | Function::Builtin(_));
        let around = inside.then(|| self.b.enter(&name, &e.span));
        let result = self.apply_function(&f, given, &e.span);
        around.into_iter().for_each(|around| self.b.leave(around));
        self.address = outer;
        self.b.at(&e.span);
        result
    }

    /// Any function applied to values; the noise address is already that of the call.
    pub fn apply_function(&mut self, f: &Rc<Function>, given: Vec<Given>, call: &Span) -> Checked<Value> {
        match &**f {
            Function::User(closure) => self.apply_closure(closure, given, call),
            Function::Primitive(row) => {
                let mut numbers = vec![];
                for (name, value, span) in given {
                    if let Some(name) = name {
                        return self.fail(errors::no_named_arguments(&name, row.name));
                    }
                    match value {
                        Value::Number(n) => numbers.push((n, span)),
                        Value::Unknown => return Err(Reported),
                        Value::Differential(d) => return self.fail(errors::not_linear(call, row.name, &d.describe(), &span)),
                        other => return self.needs(&span, "a number", &other),
                    }
                }
                self.apply(row, numbers, call).map(Value::Number)
            }
            Function::Builtin(b) => (b.apply)(self, builtin::Call { builtin: b, given, span: call }),
            Function::Derived(derived, inner) => self.apply_derived(*derived, inner, given, call),
            Function::OfProcess(process, part) => self.apply_process(process, *part, given, call),
            Function::Fixed { function, noise } => {
                let outer = std::mem::replace(&mut self.address, noise.clone());
                let result = self.apply_function(function, given, call);
                self.address = outer;
                result
            }
        }
    }

    fn apply_closure(&mut self, closure: &Closure, given: Vec<Given>, call: &Span) -> Checked<Value> {
        closure.checked.set(true);
        let name = closure.declaration.name();
        if let Declaration::Function(f) = &closure.declaration
            && matches!(f.kind, FunctionKind::Layer | FunctionKind::Network)
        {
            return self.fail(errors::not_yet(call, "layers and networks"));
        }
        let declared = closure.declaration.span().clone();
        let recursive = matches!(&closure.declaration, Declaration::Function(f) if std::sync::Arc::ptr_eq(&f.span.source, &call.source)
            && f.span.start <= call.start && call.end <= f.span.end && call.start != f.name.span.start);
        if recursive || self.calls.len() >= DEEPEST {
            return self.fail(errors::recursion(call, &name, &declared));
        }
        let outer_ordinals = std::mem::replace(&mut self.ordinals, closure.ordinals.clone());
        self.level += 1;
        let result = self.where_declared(closure, |c| c.bound_and_walked(closure, given, call, &name));
        self.level -= 1;
        self.ordinals = outer_ordinals;
        result
    }

    /// Looks names up where the function is declared.
    pub fn where_declared<T>(&mut self, closure: &Closure, f: impl FnOnce(&mut Self) -> Checked<T>) -> Checked<T> {
        let locals = std::mem::replace(&mut self.locals, closure.locals.clone());
        let indexing = std::mem::take(&mut self.indexing);
        let library = std::mem::replace(&mut self.in_library, closure.library);
        let module = std::mem::replace(&mut self.module, closure.module.clone());
        let result = f(self);
        self.locals = locals;
        self.indexing = indexing;
        self.in_library = library;
        self.module = module;
        result
    }

    fn bound_and_walked(&mut self, closure: &Closure, given: Vec<Given>, call: &Span, name: &Rc<str>) -> Checked<Value> {
        match &closure.declaration {
            Declaration::Lambda { parameters, body, .. } => {
                if given.len() != parameters.len() {
                    return self.fail(errors::argument_count(call, call.text().split('(').next().unwrap_or("this function"), parameters.len(), given.len()));
                }
                let mut arguments = vec![];
                for (parameter, (_, value, span)) in parameters.iter().zip(given) {
                    arguments.push((parameter.span.text().into(), span));
                    self.bind(parameter, value, false);
                }
                self.calls.push(Frame { function: name.clone(), is_action: false, call: call.clone(), text: body.span.clone(), arguments });
                let result = self.expr(body);
                self.calls.pop();
                result
            }
            Declaration::Process(_) => unreachable!("a process is no function"),
            Declaration::Function(f) => {
                let arguments = self.bind_parameters(f, given, call)?;
                self.calls.push(Frame { function: name.clone(), is_action: f.kind == FunctionKind::Action, call: call.clone(), text: f.span.clone(), arguments });
                let mut result = self.expr(&f.body);
                if let (Ok(value), Some(ty)) = (&result, &f.result) {
                    let value = value.clone();
                    result = self.ty(ty).and_then(|ty| self.fit(value, &ty, &f.body.span, true));
                }
                if let (FunctionKind::Action, Ok(value)) = (f.kind, &result)
                    && !matches!(value, Value::Number(n) if n.is_scalar() && n.kind != Kind::Bool)
                {
                    let mistake = errors::action_not_scalar(&f.name, result_of(&f.body), value);
                    result = self.fail(mistake);
                }
                self.calls.pop();
                result
            }
        }
    }

    fn bind_parameters(&mut self, f: &crate::syntax::ast::Function, given: Vec<Given>, call: &Span) -> Checked<Vec<(Rc<str>, Span)>> {
        let mut slots: Vec<Option<(Value, Span)>> = f.parameters.iter().map(|_| None).collect();
        let mut position = 0;
        for (name, value, span) in given {
            let k = match &name {
                None => {
                    position += 1;
                    position - 1
                }
                Some(name) => match f.parameters.iter().position(|p| p.name.text == name.text) {
                    Some(k) => k,
                    None => {
                        let of_given = slots.iter().flatten().find_map(|(value, _)| match value {
                            Value::Function(f) => f.declared().filter(|f| f.parameters.iter().any(|p| p.name.text == name.text)),
                            _ => None,
                        });
                        if let Some(inner) = of_given {
                            return self.fail(errors::argument_of_other(name, &f.name.text, &inner));
                        }
                        let near = scope::nearest(&name.text, f.parameters.iter().map(|p| &*p.name.text));
                        return self.fail(errors::unknown_argument(name, &f.name.text, near, &parameter_names(f)));
                    }
                },
            };
            match slots.get_mut(k) {
                None => return self.fail(errors::too_many_arguments(call, &f.name, &parameter_names(f), f.parameters.len())),
                Some(Some(_)) => return self.fail(errors::argument_twice(&span, &f.parameters[k].name.text)),
                Some(slot) => *slot = Some((value, span)),
            }
        }
        let mut arguments = vec![];
        for (parameter, slot) in f.parameters.iter().zip(slots) {
            arguments.extend(slot.as_ref().map(|(_, span)| (parameter.name.span.text().into(), span.clone())));
            let value = self.parameter_value(f, parameter, slot, call)?;
            self.bind(&parameter.name, value, false);
        }
        Ok(arguments)
    }

    fn parameter_value(
        &mut self,
        f: &crate::syntax::ast::Function,
        parameter: &Parameter,
        given: Option<(Value, Span)>,
        call: &Span,
    ) -> Checked<Value> {
        let (value, span) = match (given, &parameter.default) {
            (Some(given), _) => given,
            (None, Some(default)) => (self.expr(default)?, default.span.clone()),
            (None, None) => {
                let to_sampler = is_library(call) && f.kind == FunctionKind::Action;
                return self.fail(if to_sampler {
                    errors::action_of_several(call, &f.name, &parameter_names(f))
                } else if f.kind == FunctionKind::Action && f.parameters.len() > 1 && f.parameters[0].name.text == parameter.name.text {
                    errors::action_without_field(call, &f.name, parameter.name.span.text(), &parameter_names(f))
                } else {
                    errors::missing_argument(call, &f.name, parameter.name.span.text(), &parameter_names(f))
                });
            }
        };
        let Some(ty) = &parameter.ty else { return Ok(value) };
        let said = self.diagnostics.len();
        let fitted = self.fit_parameter(value, ty, &f.generics, &span);
        // The other side of the disagreement is where the parameter is declared.
        if fitted.is_err()
            && !is_library(&f.name.span)
            && let [.., last] = &mut self.diagnostics[said..]
            && last.labels.first().is_some_and(|(place, _)| place.start == span.start && place.end == span.end)
        {
            last.labels.insert(1, (parameter.name.span.to(&ty.span), format!("the parameter of {}", f.name.span.text())));
        }
        if fitted.is_err()
            && is_library(&f.name.span)
            && super::told::is_by_position(&span, call)
            && let [.., last] = &mut self.diagnostics[said..]
            && let Some((place, text)) = last.labels.first_mut()
            && place.start == span.start
            && place.end == span.end
        {
            *text = super::told::given_as(text, parameter.name.span.text(), f.name.span.text());
        }
        fitted
    }
}

/// The expression that gives a body its value.
fn result_of(body: &Expr) -> &Span {
    match &*body.kind {
        ExprKind::Block(block) => match block.statements.last() {
            Some(Statement { kind: StatementKind::Expr(e), .. }) => result_of(e),
            Some(statement) => &statement.span,
            None => &body.span,
        },
        _ => &body.span,
    }
}

fn parameter_names(f: &crate::syntax::ast::Function) -> String {
    let names: Vec<&str> = f.parameters.iter().map(|p| &*p.name.span.text()).collect();
    names.join(", ")
}

/// How a function is called and what its text says of it.
pub fn documentation(f: &Function) -> Option<String> {
    let Function::User(Closure { declaration: Declaration::Function(declared), .. }) = f else { return None };
    let usage = format!("{}({})", declared.name.span.text(), parameter_names(declared));
    Some(match &declared.doc {
        Some(doc) => format!("{usage}\n{doc}"),
        None => usage,
    })
}
