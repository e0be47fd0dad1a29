//! Processes: `process p(φ: T, t) { d φ = a * dt + b * dW }`. The right side of a `d` line is walked with `dt` and the noises
//! as symbols, [`Differential`]s, which only sums and factors may touch: what comes out is drift and diffusion.
//!
//! A process is a value known while the program is checked; `p.drift` and its like are functions that walk its lines for the
//! states of a call. How a process is stepped, reversed or turned around is the library's business (`stdlib/process/`).

use super::call::Given;
use super::types::Ty;
use super::value::*;
use super::*;
use crate::core::Literal;
use crate::pass;
use crate::syntax::ast::{self, BinaryOp, Name, ProcessLine, StatementKind, TypeExpr};

/// States that move by drift and noise.
pub struct Process {
    pub name: Rc<str>,
    pub states: Vec<Rc<str>>,
    /// Which states are angles, of which only the remainder by 2π counts.
    pub compact: Vec<bool>,
    /// Whether drift or diffusion depend on time, which then runs from 0 to 1.
    pub timed: bool,
    /// Time runs from 1 down to 0.
    pub backward: bool,
    pub dynamics: Dynamics,
}

pub enum Dynamics {
    /// The lines of the text.
    Declared(Closure, Rc<ast::Process>),
    /// Another drift, a function of the states (one value) and time; `of`'s noise, or none.
    Derived { of: Rc<Process>, drift: Rc<Function>, noisy: bool },
}

/// What a function of a process gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The drift of the Itô equation.
    Drift,
    /// The drift of the same process written with Stratonovich noise.
    StratonovichDrift,
    /// What stands before the noises.
    Diffusion,
    /// The noise term for given increments.
    NoiseTerm,
    /// The part of it that is written with ∘.
    StratonovichTerm,
    /// Zeros of the type of the noises' increments.
    NoiseLike,
    /// How the noise depends on the state: "none", "additive", "scalar", "diagonal" or "general".
    NoiseKind,
}

/// What a `d` line is made of while it is walked: a sum of one drift and of noises, each with a factor.
#[derive(Clone)]
pub struct Differential {
    /// What stands before dt, if dt stands there at all.
    drift: Option<Factor>,
    terms: Vec<Term>,
}

/// What a dt or a noise is multiplied by; None is one.
type Factor = Option<Number>;

#[derive(Clone)]
struct Term {
    /// Which of the process's noises.
    noise: usize,
    /// The noise's index sets.
    sets: Vec<IndexSet>,
    factor: Factor,
    /// `B @ dB`
    matrix: bool,
    /// `b ∘ dW`
    stratonovich: bool,
    span: Span,
}

/// A noise that lines may name.
struct Noise {
    name: Rc<str>,
    kind: Kind,
    sets: Vec<IndexSet>,
}

/// A process's lines walked for certain states.
struct Walked {
    /// One for each state, in the order of the parameters.
    lines: Vec<(Differential, Span)>,
    noises: Vec<Noise>,
    states: Vec<Number>,
}

impl Process {
    pub fn describe(&self) -> String {
        match self.dynamics {
            Dynamics::Declared(..) => format!("the process {}", self.name),
            Dynamics::Derived { noisy: true, .. } => format!("the reverse of {}", self.name),
            Dynamics::Derived { .. } => format!("the probability flow of {}", self.name),
        }
    }

    /// See [`Value::kept`].
    pub fn kept(self: &Rc<Process>, f: &mut dyn FnMut(Var) -> Var) -> Rc<Process> {
        let dynamics = match &self.dynamics {
            Dynamics::Declared(closure, declaration) => Dynamics::Declared(closure.kept(f), declaration.clone()),
            Dynamics::Derived { of, drift, noisy } => Dynamics::Derived { of: of.kept(f), drift: drift.kept(f), noisy: *noisy },
        };
        let Process { name, states, compact, timed, backward, .. } = &**self;
        let (name, states, compact) = (name.clone(), states.clone(), compact.clone());
        Rc::new(Process { name, states, compact, timed: *timed, backward: *backward, dynamics })
    }

    /// The names of its states as the text has them, φ where the language says phi.
    pub fn states_as_written(&self) -> Vec<Rc<str>> {
        let (_, declaration) = self.declared();
        let named = |name: &Rc<str>| declaration.parameters.iter().find(|p| p.name.text == *name).map(|p| p.name.span.text().into());
        self.states.iter().map(|name| named(name).unwrap_or_else(|| name.clone())).collect()
    }

    /// The lines of the text that it stems from.
    pub fn declared(&self) -> (&Closure, &Rc<ast::Process>) {
        match &self.dynamics {
            Dynamics::Declared(closure, declaration) => (closure, declaration),
            Dynamics::Derived { of, .. } => of.declared(),
        }
    }
}

impl Part {
    /// The field of a process that is this function.
    pub fn named(name: &str) -> Option<Part> {
        Some(match name {
            "drift" => Part::Drift,
            "stratonovich_drift" => Part::StratonovichDrift,
            "diffusion" => Part::Diffusion,
            "noise_term" => Part::NoiseTerm,
            "stratonovich_term" => Part::StratonovichTerm,
            "noise_like" => Part::NoiseLike,
            "noise_kind" => Part::NoiseKind,
            _ => return None,
        })
    }
}

pub const FIELDS: &[&str] =
    &["drift", "stratonovich_drift", "diffusion", "noise_term", "noise_like", "noise_kind", "timed", "compact", "backward"];

impl Differential {
    fn nothing() -> Differential {
        Differential { drift: None, terms: vec![] }
    }

    fn noise(noise: usize, sets: &[IndexSet], span: &Span) -> Differential {
        let term = Term { noise, sets: sets.to_vec(), factor: None, matrix: false, stratonovich: false, span: span.clone() };
        Differential { drift: None, terms: vec![term] }
    }

    fn dt() -> Differential {
        Differential { drift: Some(None), terms: vec![] }
    }

    /// What a message calls it.
    pub fn describe(&self) -> String {
        match (&self.drift, self.terms.len()) {
            (Some(_), 0) => "a term with dt".into(),
            (None, 1) => "a noise".into(),
            _ => "a sum of differentials".into(),
        }
    }
}

// ---- declaration ----

impl Checker<'_> {
    /// The value of a declaration, whose lines have been looked at as far as that goes without types.
    pub fn process(&mut self, declaration: &Rc<ast::Process>) -> Checked<Value> {
        let closure = Closure {
            declaration: Declaration::Process(declaration.clone()),
            locals: self.locals.seen(),
            ordinals: Rc::default(),
            checked: Default::default(),
            library: self.in_library,
            module: self.module.clone(),
        };
        let process = declared(declaration, closure).map_err(|wrong| self.error(wrong))?;
        Ok(Value::Process(Rc::new(process)))
    }

    /// A process nobody called, all of whose states have declared types: its lines are checked by themselves.
    pub fn check_process(&mut self, process: &Rc<Process>) -> Checked<()> {
        let Some(states) = self.declared_states(process)? else { return Ok(()) };
        let time = self.b.real(0.0);
        let span = process.declared().1.name.span.clone();
        let walked = self.walk_lines(process, states, Some((Number::scalar(Kind::Real, time), span)))?;
        let likes = walked.increments(self);
        for k in 0..walked.states.len() {
            self.drift_of(&walked, k)?;
            self.noise_of(&walked, k, &likes, |_| true)?;
        }
        Ok(())
    }

    /// Unknown values of the declared types of a process's states; None if one has no type.
    fn declared_states(&mut self, process: &Rc<Process>) -> Checked<Option<Vec<(Value, Span)>>> {
        let (closure, declaration) = process.declared();
        if !declaration.generics.is_empty() {
            return Ok(None);
        }
        let mut states = vec![];
        for name in &process.states {
            let parameter = declaration.parameters.iter().find(|p| p.name.text == *name).expect("a state is a parameter");
            let Some(ty) = &parameter.ty else { return Ok(None) };
            let ty = self.where_declared(closure, |c| c.ty(ty))?;
            states.push((self.unknown_of(&ty), parameter.name.span.clone()));
        }
        Ok(Some(states))
    }

    /// Zeros of the declared types of a process's states: one value, or a record of them.
    pub fn process_state(&mut self, process: &Rc<Process>, span: &Span) -> Checked<Value> {
        let Some(states) = self.declared_states(process)? else {
            return self.fail(errors::no_declared_state(span, &process.describe()));
        };
        let mut zeros = vec![];
        for (name, (value, span)) in process.states.iter().zip(states) {
            match value {
                Value::Number(n) if n.kind.is_float() => {
                    let shape = n.shape();
                    let zero = n.clone().map_leaves(&mut |_| self.b.full(n.kind.scalar(), &shape, 0.0));
                    zeros.push((name.clone(), Value::Number(zero)));
                }
                other => return self.fail(errors::state_of_no_numbers(&span, &other)),
            }
        }
        Ok(one_or_record(zeros))
    }
}

/// The value alone, or a record of several.
fn one_or_record(mut values: Vec<(Rc<str>, Value)>) -> Value {
    if values.len() == 1 { values.remove(0).1 } else { Value::Record(Rc::new(values)) }
}

/// States are the parameters with a `d` line; a parameter `t` without one is time.
fn declared(declaration: &Rc<ast::Process>, closure: Closure) -> Result<Process, Diagnostic> {
    let mut lines: Vec<&Name> = vec![];
    for line in &declaration.lines {
        let ProcessLine::Differential { state, .. } = line else { continue };
        if let Some(first) = lines.iter().find(|n| n.text == state.text) {
            return Err(errors::two_lines(state, first));
        }
        if !declaration.parameters.iter().any(|p| p.name.text == state.text) {
            return Err(errors::no_state(state, declaration));
        }
        lines.push(state);
    }
    let (mut states, mut compact, mut timed) = (vec![], vec![], false);
    for parameter in &declaration.parameters {
        if lines.iter().any(|n| n.text == parameter.name.text) {
            if timed {
                return Err(errors::time_comes_last(&parameter.name));
            }
            states.push(parameter.name.text.clone());
            compact.push(parameter.ty.as_ref().is_some_and(TypeExpr::is_angle));
        } else if &*parameter.name.text == "t" {
            timed = true;
        } else {
            return Err(errors::no_line(&parameter.name));
        }
        if let Some(default) = &parameter.default {
            return Err(errors::default_of_state(&default.span));
        }
    }
    if states.is_empty() {
        return Err(errors::no_states(&declaration.name));
    }
    let dynamics = Dynamics::Declared(closure, declaration.clone());
    Ok(Process { name: declaration.name.span.text().into(), states, compact, timed, backward: false, dynamics })
}

// ---- functions of a process ----

impl Checker<'_> {
    /// A field of a process: a function of it, or what is known of it.
    pub fn process_field(&mut self, process: &Rc<Process>, name: &str) -> Option<Value> {
        if let Some(part) = Part::named(name) {
            return Some(Value::Function(Rc::new(Function::OfProcess(process.clone(), part))));
        }
        if let ("forward", Dynamics::Derived { of, .. }) = (name, &process.dynamics) {
            return Some(Value::Process(of.clone()));
        }
        let known = match name {
            "timed" => process.timed,
            "compact" => process.compact.contains(&true),
            "backward" => process.backward,
            _ => return None,
        };
        let re = self.b.bool(known);
        Some(Value::Number(Number { loose: true, ..Number::scalar(Kind::Bool, re) }))
    }

    /// `p.drift(φ, t)` and its like.
    pub fn apply_process(&mut self, process: &Rc<Process>, part: Part, mut given: Vec<Given>, call: &Span) -> Checked<Value> {
        let increments = match part {
            Part::NoiseTerm | Part::StratonovichTerm if !given.is_empty() => given.pop().map(|(_, value, span)| (value, span)),
            _ => None,
        };
        let (states, time) = self.states_and_time(process, given, call)?;
        match &process.dynamics {
            Dynamics::Declared(..) => self.declared_part(process, part, states, time, increments, call),
            Dynamics::Derived { of, drift, noisy } => {
                let (of, drift, noisy) = (of.clone(), drift.clone(), *noisy);
                let all: Vec<Value> = states.iter().map(|(v, _)| v.clone()).collect();
                let state = one_or_record(process.states.iter().cloned().zip(all).collect());
                let mut arguments = vec![(None, state, call.clone())];
                arguments.extend(time.clone().map(|(t, span)| (None, Value::Number(t), span)));
                match part {
                    Part::Drift => self.derived_drift(&drift, arguments, &states, process, call),
                    Part::StratonovichDrift if !noisy => self.derived_drift(&drift, arguments, &states, process, call),
                    Part::StratonovichDrift => {
                        let ito = self.derived_drift(&drift, arguments, &states, process, call)?;
                        let correction = self.correction(&of, states, time, Part::NoiseTerm, call)?;
                        // Where time runs backwards its steps are negative, the correction for the noise they draw is not.
                        let sign = if process.backward { BinaryOp::Add } else { BinaryOp::Sub };
                        self.operate(sign, call, (ito, call), (correction, call))
                    }
                    Part::StratonovichTerm => Ok(zeros_like(self, one_or_record(
                        process.states.iter().cloned().zip(states.into_iter().map(|(v, _)| v)).collect(),
                    ))),
                    _ if noisy => self.declared_part(&of, part, states, time, increments, call),
                    Part::NoiseKind => Ok(Value::Text("none".into())),
                    Part::NoiseLike | Part::Diffusion => Ok(Value::Tuple(Rc::new(vec![]))),
                    Part::NoiseTerm => Ok(zeros_like(self, one_or_record(
                        process.states.iter().cloned().zip(states.into_iter().map(|(v, _)| v)).collect(),
                    ))),
                }
            }
        }
    }

    /// The drift that a library function gives, in the type of the states.
    fn derived_drift(
        &mut self,
        drift: &Rc<Function>,
        arguments: Vec<Given>,
        states: &[(Value, Span)],
        process: &Rc<Process>,
        call: &Span,
    ) -> Checked<Value> {
        let found = self.apply_function(drift, arguments, call)?;
        let all = states.iter().map(|(v, _)| v.clone());
        let like = one_or_record(process.states.iter().cloned().zip(all).collect());
        self.of_type(found, &like, call)
    }

    fn declared_part(
        &mut self,
        process: &Rc<Process>,
        part: Part,
        states: Vec<(Value, Span)>,
        time: Option<(Number, Span)>,
        increments: Option<(Value, Span)>,
        call: &Span,
    ) -> Checked<Value> {
        if let Dynamics::Derived { of, .. } = &process.dynamics {
            return self.declared_part(&of.clone(), part, states, time, increments, call);
        }
        if part == Part::NoiseKind {
            return Ok(Value::Text(self.noise_kind(process, states, time)?.into()));
        }
        let walked = self.walk_lines(process, states.clone(), time.clone())?;
        let count = walked.states.len();
        let by_state = |values: Vec<Number>| one_or_record(process.states.iter().cloned().zip(values.into_iter().map(Value::Number)).collect());
        match part {
            Part::Drift | Part::StratonovichDrift => {
                let written: Checked<Vec<Number>> = (0..count).map(|k| self.drift_of(&walked, k)).collect();
                let written = by_state(written?);
                let calculi: Vec<bool> = walked.terms().map(|term| term.stratonovich).collect();
                let (some, every) = (calculi.iter().any(|s| *s), calculi.iter().all(|s| *s));
                let mut drift = written;
                if some && !(part == Part::StratonovichDrift && every) {
                    let added = self.correction(process, states.clone(), time.clone(), Part::StratonovichTerm, call)?;
                    drift = self.operate(BinaryOp::Add, call, (drift, call), (added, call))?;
                }
                if part == Part::StratonovichDrift && !every {
                    let taken = self.correction(process, states, time, Part::NoiseTerm, call)?;
                    drift = self.operate(BinaryOp::Sub, call, (drift, call), (taken, call))?;
                }
                Ok(drift)
            }
            Part::Diffusion => self.diffusion_of(process, &walked),
            Part::NoiseLike => Ok(walked.increments_like(self)),
            Part::NoiseTerm | Part::StratonovichTerm => {
                let increments = self.increments_given(&walked, increments, call)?;
                let wanted = |term: &Term| part == Part::NoiseTerm || term.stratonovich;
                let terms: Checked<Vec<Number>> = (0..count).map(|k| self.noise_of(&walked, k, &increments, wanted)).collect();
                Ok(by_state(terms?))
            }
            Part::NoiseKind => unreachable!("answered above"),
        }
    }

    /// ½ Σ (∂B·B) over the noises: what `part` of the noise adds to the drift when its Stratonovich product is written as
    /// Itô's.
    fn correction(
        &mut self,
        process: &Rc<Process>,
        states: Vec<(Value, Span)>,
        time: Option<(Number, Span)>,
        part: Part,
        call: &Span,
    ) -> Checked<Value> {
        let term = Value::Function(Rc::new(Function::OfProcess(process.clone(), part)));
        let all: Vec<Value> = states.into_iter().map(|(v, _)| v).collect();
        let state = one_or_record(process.states.iter().cloned().zip(all).collect());
        let time = match time {
            Some((t, _)) => Value::Number(t),
            None => Value::Number(self.literal(Literal::Real(0.0))),
        };
        let given = [Value::Process(process.clone()), term, state, time].map(|v| (None, v, call.clone()));
        self.library_call("_correction", given.to_vec(), call)
    }

    /// A function of the library applied to values.
    pub fn library_call(&mut self, name: &str, given: Vec<Given>, call: &Span) -> Checked<Value> {
        let binding = self.globals.library.get(name).cloned().expect("a function of the library");
        let Value::Function(f) = self.import(&binding) else { unreachable!("a function of the library") };
        self.apply_function(&f, given, call)
    }

    /// The arguments of a function of a process: its states one by one or as one record, then time. Time may be left out by a
    /// process that does not know it, and given all the same by functions, which may be of any process (a scheme).
    fn states_and_time(
        &mut self,
        process: &Rc<Process>,
        given: Vec<Given>,
        call: &Span,
    ) -> Checked<(Vec<(Value, Span)>, Option<(Number, Span)>)> {
        let mut given: Vec<(Value, Span)> = given.into_iter().map(|(_, value, span)| (value, span)).collect();
        for (value, _) in &mut given {
            // A state written with integers is real.
            if let Value::Number(n) = value
                && n.kind == Kind::Int
            {
                *value = Value::Number(self.as_kind(&n.clone(), Kind::Real));
            }
        }
        if given.iter().any(|(v, _)| v.has_unknown()) {
            return Err(Reported);
        }
        if let Some((Value::Record(fields), span)) = given.first().cloned()
            && fields.len() == process.states.len()
            && process.states.iter().all(|s| fields.iter().any(|(n, _)| n == s))
        {
            let parts = process.states.iter().map(|s| {
                let field = fields.iter().find(|(n, _)| n == s).expect("just found");
                (field.1.clone(), span.clone())
            });
            given.splice(0..1, parts);
        }
        let count = process.states.len();
        let usage = || {
            let mut names: Vec<&str> = process.declared().1.parameters.iter().map(|p| p.name.span.text()).collect();
            // The way back knows time, also of a process that does not.
            if process.timed && names.len() == count {
                names.push("t");
            }
            names.join(", ")
        };
        let fits = given.len() == count + process.timed as usize || (given.len() == count + 1 && !self.calls.is_empty());
        if !fits {
            return self.fail(errors::process_arguments(call, &process.describe(), &usage(), given.len()));
        }
        let time = given.split_off(count).pop();
        let time = match time {
            Some((value, span)) if process.timed => Some((builtin::as_number(self, value, &span)?, span)),
            _ => None,
        };
        Ok((given, time))
    }
}

fn zeros_like(c: &mut Checker, value: Value) -> Value {
    value.map_leaves(&mut |v| c.b.zeros_like(v))
}

// ---- walking the lines ----

impl Checker<'_> {
    /// The lines of a declared process for these states at this time.
    fn walk_lines(&mut self, process: &Rc<Process>, states: Vec<(Value, Span)>, time: Option<(Number, Span)>) -> Checked<Walked> {
        let (closure, declaration) = process.declared();
        closure.checked.set(true);
        self.level += 1;
        let result = self.where_declared(closure, |c| {
            let mut numbers = vec![];
            for (name, (value, span)) in process.states.iter().zip(states) {
                let parameter = declaration.parameters.iter().find(|p| p.name.text == *name).expect("a state is a parameter");
                let value = match &parameter.ty {
                    Some(ty) => c.fit_parameter(value, ty, &declaration.generics, &span)?,
                    None => value,
                };
                match expression::tight(value) {
                    Value::Number(n) if n.kind.is_float() => {
                        c.bind(&parameter.name, Value::Number(n.clone()), false);
                        numbers.push(n);
                    }
                    other => return c.fail(errors::state_of_no_numbers(&span, &other)),
                }
            }
            if let (Some((time, span)), Some(parameter)) = (time, declaration.parameters.iter().find(|p| &*p.name.text == "t")) {
                // Time has the precision of the first state.
                let kind = if numbers[0].kind == Kind::F32 { Kind::F32 } else { Kind::Real };
                if !time.is_scalar() || !matches!(time.kind, Kind::Int | Kind::Real | Kind::F32) {
                    return c.needs(&span, "a time (a number)", &Value::Number(time));
                }
                let time = c.as_kind(&time, kind);
                c.bind(&parameter.name, Value::Number(Number { loose: false, ..time }), false);
            }
            // A simulation asks for its lines very often: a mistake in them is found once.
            if c.mistaken.iter().any(|d| Rc::ptr_eq(d, declaration)) {
                return Err(Reported);
            }
            let walked = c.lines_in_scope(declaration, &process.states, numbers);
            if walked.is_err() {
                c.mistaken.push(declaration.clone());
            }
            walked
        });
        self.level -= 1;
        result
    }

    /// The lines, with the states bound.
    fn lines_in_scope(&mut self, declaration: &Rc<ast::Process>, states: &[Rc<str>], numbers: Vec<Number>) -> Checked<Walked> {
        let mut noises = own_noises(states, &numbers);
        let mut lines: Vec<Option<(Differential, Span)>> = vec![None; states.len()];
        let mut wrong = false;
        for line in &declaration.lines {
            let walked = match line {
                ProcessLine::Statement(statement) => match &statement.kind {
                    StatementKind::Let { mutable: false, draws: false, .. } => self.statement(statement).map(|_| ()),
                    _ => {
                        self.bind_unknown(statement);
                        self.fail(errors::no_line_of_a_process(&statement.span))
                    }
                },
                ProcessLine::Noise { name, ty } => self.declare_noise(name, ty, &mut noises),
                ProcessLine::Differential { state, value } => {
                    let k = states.iter().position(|s| *s == state.text).expect("looked at when it was declared");
                    let mark = self.locals.mark();
                    self.bind_symbol("dt", Differential::dt());
                    self.bind_symbol("dW", Differential::noise(2 * k, &numbers[k].sets, &value.span));
                    self.bind_symbol("dZ", Differential::noise(2 * k + 1, &numbers[k].sets, &value.span));
                    let found = self.expr(value);
                    self.locals.leave(mark);
                    found.and_then(|found| self.as_differential(found, &value.span)).map(|found| {
                        lines[k] = Some((found, value.span.clone()));
                    })
                }
            };
            wrong |= walked.is_err();
        }
        if wrong {
            return Err(Reported);
        }
        let lines: Vec<(Differential, Span)> = lines.into_iter().map(|l| l.expect("each state has a line")).collect();
        let walked = Walked { lines, noises, states: numbers };
        self.noises_are_used(declaration, &walked)?;
        Ok(walked)
    }

    fn bind_symbol(&mut self, name: &str, symbol: Differential) {
        let value = Value::Differential(Rc::new(symbol));
        let binding = Binding { value, mutable: false, level: self.level, stored: false, span: None };
        self.locals.bind(name.into(), binding);
    }

    fn declare_noise(&mut self, name: &Name, ty: &ast::TypeExpr, noises: &mut Vec<Noise>) -> Checked<()> {
        match self.ty(ty)? {
            Ty::Number(kind, sets) if kind.is_float() => {
                self.bind(name, Value::Differential(Rc::new(Differential::noise(noises.len(), &sets, &name.span))), false);
                noises.push(Noise { name: name.text.clone(), kind, sets });
                Ok(())
            }
            other => self.fail(errors::noise_of_no_numbers(&ty.span, &other.describe())),
        }
    }

    fn noises_are_used(&mut self, declaration: &ast::Process, walked: &Walked) -> Checked<()> {
        for line in &declaration.lines {
            if let ProcessLine::Noise { name, .. } = line
                && !walked.terms().any(|term| walked.noises[term.noise].name == name.text)
            {
                return self.fail(errors::unused_noise(name));
            }
        }
        Ok(())
    }

    /// What a `d` line came to.
    fn as_differential(&mut self, value: Value, span: &Span) -> Checked<Differential> {
        match value {
            Value::Differential(d) => Ok((*d).clone()),
            Value::Unknown => Err(Reported),
            Value::Number(n) if matches!(self.b.uniform_literal(n.re), Some(Literal::Int(0)) | Some(Literal::Real(0.0))) => {
                Ok(Differential::nothing())
            }
            other => self.fail(errors::no_differential(span, &other)),
        }
    }
}

/// Each state has a `dW` and a `dZ` of its own, at 2k and 2k + 1.
fn own_noises(states: &[Rc<str>], numbers: &[Number]) -> Vec<Noise> {
    let several = states.len() > 1;
    let named = |noise: &str, state: &str| if several { format!("{noise}_{state}").into() } else { Rc::from(noise) };
    let own = |(state, n): (&Rc<str>, &Number)| {
        let real = if n.kind == Kind::F32 { Kind::F32 } else { Kind::Real };
        [("dW", real), ("dZ", Kind::Complex)].map(|(noise, kind)| Noise { name: named(noise, state), kind, sets: n.sets.clone() })
    };
    states.iter().zip(numbers).flat_map(own).collect()
}

impl Walked {
    fn terms(&self) -> impl Iterator<Item = &Term> {
        self.lines.iter().flat_map(|(line, _)| &line.terms)
    }

    /// The noises that stand in a line, in their order.
    fn used(&self) -> Vec<usize> {
        (0..self.noises.len()).filter(|k| self.terms().any(|term| term.noise == *k)).collect()
    }

    /// A zero for each noise, None for those that nothing uses.
    fn increments(&self, c: &mut Checker) -> Vec<Option<Number>> {
        let used = self.used();
        let zero = |k: usize| {
            let Noise { kind, sets, .. } = &self.noises[k];
            let shape: Vec<usize> = sets.iter().map(IndexSet::size).collect();
            let re = c.b.full(kind.scalar(), &shape, 0.0);
            let im = (*kind == Kind::Complex).then_some(re);
            Number { im, ..Number::new(*kind, sets.clone(), re) }
        };
        let mut zero = zero;
        (0..self.noises.len()).map(|k| used.contains(&k).then(|| zero(k))).collect()
    }

    /// Zeros of the type of all increments: one value, a record of several, an empty tuple of none.
    fn increments_like(&self, c: &mut Checker) -> Value {
        let zeros = self.increments(c);
        let named = self.noises.iter().zip(zeros).filter_map(|(noise, zero)| Some((noise.name.clone(), Value::Number(zero?))));
        let named: Vec<(Rc<str>, Value)> = named.collect();
        if named.is_empty() { Value::Tuple(Rc::new(vec![])) } else { one_or_record(named) }
    }
}

// ---- drift, noise, diffusion of a walked process ----

impl Checker<'_> {
    fn state_type(walked: &Walked, k: usize) -> Ty {
        Ty::Number(walked.states[k].kind, walked.states[k].sets.clone())
    }

    /// What stands before dt, in the type of the state.
    fn drift_of(&mut self, walked: &Walked, k: usize) -> Checked<Number> {
        let (line, span) = &walked.lines[k];
        let factor = match &line.drift {
            None => self.literal(Literal::Int(0)),
            Some(None) => self.literal(Literal::Int(1)),
            Some(Some(n)) => n.clone(),
        };
        self.as_state(walked, k, factor, span)
    }

    fn as_state(&mut self, walked: &Walked, k: usize, n: Number, span: &Span) -> Checked<Number> {
        let ty = Self::state_type(walked, k);
        match self.fit(Value::Number(n), &ty, span, true)? {
            Value::Number(n) => Ok(Number { loose: false, ..n }),
            _ => unreachable!("a number stays one"),
        }
    }

    /// The sum of a state's wanted noise terms for these increments.
    fn noise_of(&mut self, walked: &Walked, k: usize, increments: &[Option<Number>], wanted: impl Fn(&Term) -> bool) -> Checked<Number> {
        let mut total: Option<Number> = None;
        for term in walked.lines[k].0.terms.iter().filter(|t| wanted(t)) {
            let increment = increments[term.noise].clone().expect("a used noise has an increment");
            let state = &walked.states[k];
            if walked.noises[term.noise].kind == Kind::Complex && state.kind != Kind::Complex {
                return self.fail(errors::complex_noise_of_real(&term.span, &walked.noises[term.noise].name));
            }
            let span = &term.span;
            let value = match &term.factor {
                None => increment,
                Some(factor) => {
                    let op = if term.matrix { BinaryOp::MatMul } else { BinaryOp::Mul };
                    let sides = (Value::Number(factor.clone()), Value::Number(increment));
                    match self.operate(op, span, (sides.0, span), (sides.1, span))? {
                        Value::Number(n) => n,
                        _ => return Err(Reported),
                    }
                }
            };
            let value = self.as_state(walked, k, value, span)?;
            total = Some(match total {
                None => value,
                Some(total) => match self.operate(BinaryOp::Add, span, (Value::Number(total), span), (Value::Number(value), span))? {
                    Value::Number(n) => n,
                    _ => return Err(Reported),
                },
            });
        }
        match total {
            Some(total) => Ok(total),
            None => {
                let zero = self.literal(Literal::Int(0));
                self.as_state(walked, k, zero, &walked.lines[k].1.clone())
            }
        }
    }

    /// Increments that a call gave, one for each used noise.
    fn increments_given(&mut self, walked: &Walked, given: Option<(Value, Span)>, call: &Span) -> Checked<Vec<Option<Number>>> {
        let like = walked.increments_like(self);
        let Some((value, span)) = given else {
            return self.fail(errors::no_increments(call));
        };
        let fitted = match &like {
            Value::Tuple(_) => like.clone(),
            like => self.of_type(value, like, &span)?,
        };
        let mut numbers = match fitted {
            Value::Number(n) => vec![n],
            Value::Record(fields) => fields.iter().filter_map(|(_, v)| first_number(v).cloned()).collect(),
            _ => vec![],
        }
        .into_iter();
        let used = walked.used();
        Ok((0..walked.noises.len()).map(|k| if used.contains(&k) { numbers.next() } else { None }).collect())
    }

    /// What stands before the noises: of one state with one noise the factor itself (over the state's index sets, or B's), else
    /// a record by state of records by noise.
    fn diffusion_of(&mut self, process: &Process, walked: &Walked) -> Checked<Value> {
        let mut by_state = vec![];
        for k in 0..walked.states.len() {
            let mut by_noise: Vec<(Rc<str>, Value)> = vec![];
            for term in &walked.lines[k].0.terms {
                let factor = match &term.factor {
                    None => self.literal(Literal::Int(1)),
                    Some(n) => n.clone(),
                };
                let ours = if term.matrix { expression::tight(Value::Number(factor)) } else { Value::Number(self.as_state(walked, k, factor, &term.span)?) };
                let name = walked.noises[term.noise].name.clone();
                match by_noise.iter_mut().find(|(n, _)| *n == name) {
                    None => by_noise.push((name, ours)),
                    Some((_, sum)) => *sum = self.operate(BinaryOp::Add, &term.span, (sum.clone(), &term.span), (ours, &term.span))?,
                }
            }
            let found = match by_noise.len() {
                0 => Value::Number(self.noise_of(walked, k, &[], |_| false)?),
                _ => one_or_record(by_noise),
            };
            by_state.push((process.states[k].clone(), found));
        }
        Ok(one_or_record(by_state))
    }

    /// The names of the states that a noise stands in the line of.
    pub fn states_with_noise(&mut self, process: &Rc<Process>, given: Vec<Given>, call: &Span) -> Checked<Vec<Rc<str>>> {
        let (states, time) = self.states_and_time(process, given, call)?;
        let walked = self.walk_lines(process, states, time)?;
        let lines = process.states.iter().zip(&walked.lines);
        Ok(lines.filter(|(_, (line, _))| !line.terms.is_empty()).map(|(name, _)| name.clone()).collect())
    }

    /// How the noise depends on the state: see [`Part::NoiseKind`].
    fn noise_kind(&mut self, process: &Rc<Process>, states: Vec<(Value, Span)>, time: Option<(Number, Span)>) -> Checked<&'static str> {
        let fresh: Vec<(Value, Span)> = states.into_iter().map(|(value, span)| (self.fresh_like(&value), span)).collect();
        let params: Vec<Var> = fresh.iter().flat_map(|(v, _)| v.leaves()).collect();
        let walked = self.opened(|c| c.walk_lines(process, fresh, time))?;
        let factors: Vec<Var> = walked.terms().filter_map(|t| t.factor.as_ref()).flat_map(Number::leaves).collect();
        let block = self.b.close(params.clone(), factors);
        let block = pass::activity::prune(&block, &vec![true; block.results.len()]);
        let block = pass::prepare_for_derivative(&mut self.b, block);
        let depends = derivative::dependents(&block);
        if walked.terms().next().is_none() {
            return Ok("none");
        }
        if !block.results.iter().any(|v| depends.contains(v)) {
            return Ok("additive");
        }
        let components = |k: usize| {
            let noise = &walked.noises[k];
            let count: usize = noise.sets.iter().map(IndexSet::size).product();
            if noise.kind == Kind::Complex { 2 * count } else { count }
        };
        let used = walked.used();
        if used.iter().map(|k| components(*k)).sum::<usize>() == 1 {
            return Ok("scalar");
        }
        // Each site of the one state has a real noise of its own, whose factor knows that site alone.
        let own = walked.states.len() == 1 && used == [0] && !walked.terms().any(|t| t.matrix);
        let shape = walked.states[0].shape();
        if own && pass::activity::elementwise(&block, &params, &shape, |v| self.b.shape_of(v).to_vec()) {
            return Ok("diagonal");
        }
        Ok("general")
    }
}

// ---- arithmetic of differentials ----

impl Checker<'_> {
    /// An operator with a differential on a side: sums, and factors from either side.
    pub fn differentials(&mut self, op: BinaryOp, op_span: &Span, left: (Value, &Span), right: (Value, &Span)) -> Checked<Value> {
        let whole = left.1.to(right.1);
        let symbol = |d: Differential| Ok(Value::Differential(Rc::new(d)));
        match (op, left.0, right.0) {
            (_, Value::Unknown, _) | (_, _, Value::Unknown) => Err(Reported),
            (BinaryOp::Add | BinaryOp::Sub, Value::Differential(a), Value::Differential(b)) => {
                let b = if op == BinaryOp::Sub { self.negated(&b, right.1)? } else { (*b).clone() };
                let drift = match (a.drift.clone(), b.drift) {
                    (Some(x), Some(y)) => Some(Some(self.sum_of_factors(x, y, (left.1, right.1))?)),
                    (x, y) => x.or(y),
                };
                symbol(Differential { drift, terms: [a.terms.clone(), b.terms].concat() })
            }
            (BinaryOp::Mul, Value::Number(n), Value::Differential(d)) => self.scaled(&d, n, left.1, right.1, op, op_span).and_then(symbol),
            (BinaryOp::Mul, Value::Differential(d), Value::Number(n)) => self.scaled(&d, n, right.1, left.1, op, op_span).and_then(symbol),
            (BinaryOp::Div, Value::Differential(d), Value::Number(n)) => self.scaled(&d, n, right.1, left.1, op, op_span).and_then(symbol),
            (BinaryOp::MatMul, Value::Number(n), Value::Differential(d)) => self.correlated(&d, n, &whole, left.1, right.1).and_then(symbol),
            (BinaryOp::Stratonovich, Value::Number(n), Value::Differential(d)) => {
                if d.drift.is_some() || d.terms.iter().any(|t| t.factor.is_some()) {
                    return self.fail(errors::stratonovich_of(op_span, right.1));
                }
                // A matrix before a noise of its last index set: what `@` is to Itô's noise.
                let is_matrix = |t: &Term| t.sets.len() == 1 && n.sets.len() == 2 && n.sets[1] == t.sets[0];
                let is_matrix = d.terms.iter().any(is_matrix);
                let found = match is_matrix {
                    true => self.correlated(&d, n, &whole, left.1, right.1)?,
                    false => self.scaled(&d, n, left.1, right.1, BinaryOp::Mul, op_span)?,
                };
                let terms = found.terms.into_iter().map(|t| Term { stratonovich: true, ..t }).collect();
                symbol(Differential { terms, ..found })
            }
            (BinaryOp::Add | BinaryOp::Sub, Value::Differential(_), other) => self.fail(errors::term_without_differential(right.1, &other, op_span)),
            (BinaryOp::Add | BinaryOp::Sub, other, Value::Differential(_)) => self.fail(errors::term_without_differential(left.1, &other, op_span)),
            (BinaryOp::Mul, Value::Differential(_), Value::Differential(_)) => self.fail(errors::product_of_differentials(&whole, left.1, right.1)),
            (_, a, b) => {
                let (differential, span) = if let Value::Differential(d) = &a { (d, left.1) } else if let Value::Differential(d) = &b { (d, right.1) } else { unreachable!("one side is a differential") };
                self.fail(errors::not_linear(op_span, errors::sign(op), &differential.describe(), span))
            }
        }
    }

    pub fn negated(&mut self, d: &Differential, span: &Span) -> Checked<Differential> {
        let minus = self.literal(Literal::Int(-1));
        self.scaled(d, minus, span, span, BinaryOp::Mul, span)
    }

    fn scaled(&mut self, d: &Differential, n: Number, n_span: &Span, d_span: &Span, op: BinaryOp, op_span: &Span) -> Checked<Differential> {
        let times = |c: &mut Self, factor: &Factor| -> Checked<Factor> {
            let own = match (factor, op) {
                (None, BinaryOp::Mul) => return Ok(Some(n.clone())),
                (None, _) => c.literal(Literal::Int(1)),
                (Some(own), _) => own.clone(),
            };
            // The user's own order: a * (b * dW) is (a * b) * dW.
            let (left, right) = if op == BinaryOp::Mul { (n.clone(), own) } else { (own, n.clone()) };
            match c.operate(op, op_span, (Value::Number(left), n_span), (Value::Number(right), d_span))? {
                Value::Number(n) => Ok(Some(n)),
                _ => Err(Reported),
            }
        };
        let drift = match &d.drift {
            None => None,
            Some(factor) => Some(times(self, factor)?),
        };
        let mut terms = vec![];
        for term in &d.terms {
            if term.matrix && !n.is_scalar() {
                return self.fail(errors::scaled_matrix_noise(n_span, d_span));
            }
            terms.push(Term { factor: times(self, &term.factor)?, span: n_span.to(d_span), ..term.clone() });
        }
        Ok(Differential { drift, terms })
    }

    /// `B @ dB`
    fn correlated(&mut self, d: &Differential, n: Number, whole: &Span, n_span: &Span, d_span: &Span) -> Checked<Differential> {
        match &d.terms[..] {
            [term] if d.drift.is_none() && term.factor.is_none() && !n.is_scalar() => {
                let term = Term { factor: Some(n), matrix: true, span: whole.clone(), ..term.clone() };
                Ok(Differential { drift: None, terms: vec![term] })
            }
            _ => self.fail(errors::matrix_of_noise(n_span, d_span)),
        }
    }

    fn sum_of_factors(&mut self, a: Factor, b: Factor, spans: (&Span, &Span)) -> Checked<Number> {
        let mut number = |factor: Factor| factor.unwrap_or_else(|| self.literal(Literal::Int(1)));
        let (a, b) = (number(a), number(b));
        match self.operate(BinaryOp::Add, spans.0, (Value::Number(a), spans.0), (Value::Number(b), spans.1))? {
            Value::Number(n) => Ok(n),
            _ => Err(Reported),
        }
    }
}
