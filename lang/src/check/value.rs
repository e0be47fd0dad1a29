//! What an expression means while a program is checked: a number that a step of Core will compute, or something known
//! already (an index set, a function, a lattice, a text).

use crate::core::Var;
use crate::prim::Prim;
use crate::source::Span;
use crate::syntax::ast;
use std::cell::Cell;
use std::rc::Rc;

use super::builtin::Builtin;
use super::process::{self, Differential, Process};
use super::scope::Locals;

#[derive(Clone)]
pub enum Value {
    Number(Number),
    Text(Rc<str>),
    Set(IndexSet),
    Site(Site),
    Displacement(Displacement),
    Function(Rc<Function>),
    Process(Rc<Process>),
    /// `dt`, `dW` and what a `d` line makes of them.
    Differential(Rc<Differential>),
    Tuple(Rc<Vec<Value>>),
    Record(Rc<Vec<(Rc<str>, Value)>>),
    Distribution(Rc<Distribution>),
    /// What `histogram` and other figure functions make: for `plot` alone.
    Layer(Rc<super::figure::Layer>),
    /// The result of a statement.
    Unit,
    /// After a mistake that has been reported: goes with everything, says nothing more.
    Unknown,
}

/// A number, or an array of numbers over index sets.
#[derive(Clone)]
pub struct Number {
    pub kind: Kind,
    pub sets: Vec<IndexSet>,
    pub re: Var,
    /// The imaginary part, for `complex` alone.
    pub im: Option<Var>,
    /// A constant (a literal, a param, arithmetic of these): it takes the precision of what it meets.
    pub loose: bool,
    /// For an int that counts the members of an index set: that set's size, so that reading there needs no test.
    pub below: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Bool,
    Int,
    Real,
    F32,
    Complex,
}

#[derive(Clone)]
pub enum IndexSet {
    /// 0 … n−1
    Range(usize),
    Lattice(Rc<Lattice>),
    /// The sites of one parity, in the lattice's order.
    Part(Rc<Lattice>, Parity),
    Directions(Rc<Lattice>),
    Momenta(Rc<Lattice>),
    Ensemble(Rc<Ensemble>),
    /// Of a recorded simulation.
    Times(Rc<Times>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parity {
    Even,
    Odd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    Periodic,
    Antiperiodic,
    Open,
}

impl Boundary {
    pub const ALL: &[Boundary] = &[Boundary::Periodic, Boundary::Antiperiodic, Boundary::Open];

    /// As the language writes it.
    pub fn name(self) -> &'static str {
        match self {
            Boundary::Periodic => "periodic",
            Boundary::Antiperiodic => "antiperiodic",
            Boundary::Open => "open",
        }
    }
}

/// A box of sites; two lattices of equal size are two lattices.
#[derive(Debug)]
pub struct Lattice {
    /// What the program calls it.
    pub name: Rc<str>,
    pub sizes: Vec<usize>,
    pub boundary: Vec<Boundary>,
    /// Where it was made: its identity.
    pub identity: u64,
}

/// What a sampler made: draws of several chains (stored draw by draw), or independent draws (one "chain" each, of
/// length one, if `independent`).
#[derive(Debug)]
pub struct Ensemble {
    pub identity: u64,
    pub name: Rc<str>,
    pub chains: usize,
    pub draws: usize,
    pub independent: bool,
}

/// The times at which a simulation was recorded.
#[derive(Debug)]
pub struct Times {
    pub identity: u64,
    pub name: Rc<str>,
    pub count: usize,
}

/// A site: `base` plus a known offset; the boundary is met when an array is read there.
#[derive(Clone)]
pub struct Site {
    pub lattice: Rc<Lattice>,
    pub base: Var,
    pub offset: Vec<i64>,
}

/// A direction, or a sum of multiples of directions.
#[derive(Clone)]
pub struct Displacement {
    pub lattice: Rc<Lattice>,
    pub vector: Vec<i64>,
}

pub enum Distribution {
    Normal { mean: Number, deviation: Number },
    Uniform { low: Number, high: Number },
    Exponential { rate: Number },
    /// Each component, also of a complex number or of a value of several parts, standard normal; these are zero.
    Standard(Value),
    /// One of the library or the program: a record with a function `draw` of a value like those drawn.
    Made(Value),
}

impl Closure {
    /// See [`Value::kept`].
    pub fn kept(&self, f: &mut dyn FnMut(Var) -> Var) -> Closure {
        Closure {
            declaration: self.declaration.clone(),
            locals: self.locals.kept(&mut |value| value.kept(f)),
            ordinals: self.ordinals.clone(),
            checked: self.checked.clone(),
            library: self.library,
            module: self.module.clone(),
        }
    }
}

/// Something that can be called.
pub enum Function {
    User(Closure),
    Primitive(&'static Prim),
    Builtin(&'static Builtin),
    Derived(Derived, Rc<Function>),
    /// All calls have one place: shared weights, repeated noise.
    Fixed { function: Rc<Function>, noise: super::noise::Address },
    /// `p.drift` and its like.
    OfProcess(Rc<Process>, process::Part),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Derived {
    Gradient,
    ValueAndGradient,
    Jacobian,
    Hessian,
    Divergence,
    Laplacian,
    /// Along a direction, in forward mode.
    Along,
    /// The transposed derivative, in reverse mode.
    Transposed,
}

/// A function of the program's text with what it sees.
pub struct Closure {
    pub declaration: Declaration,
    pub locals: Locals,
    /// For each call in the body, which of the calls of that name it is: by the place of the call in the text.
    pub ordinals: Rc<std::collections::HashMap<usize, u32>>,
    /// Set once a call has been checked, so that functions nobody calls can be checked by themselves.
    pub checked: Cell<bool>,
    /// Whether it stands in the library.
    pub library: bool,
    /// The module in whose text it stands.
    pub module: Option<Rc<str>>,
}

#[derive(Clone)]
pub enum Declaration {
    Function(Rc<ast::Function>),
    Lambda { parameters: Vec<ast::Name>, body: ast::Expr, span: Span },
    Process(Rc<ast::Process>),
}

impl Declaration {
    pub fn name(&self) -> Rc<str> {
        match self {
            Declaration::Function(f) => f.name.text.clone(),
            Declaration::Process(p) => p.name.text.clone(),
            Declaration::Lambda { .. } => "->".into(),
        }
    }

    pub fn span(&self) -> &Span {
        match self {
            Declaration::Function(f) => &f.name.span,
            Declaration::Process(p) => &p.name.span,
            Declaration::Lambda { span, .. } => span,
        }
    }
}

impl PartialEq for IndexSet {
    fn eq(&self, other: &IndexSet) -> bool {
        use IndexSet::*;
        match (self, other) {
            (Range(a), Range(b)) => a == b,
            (Lattice(a), Lattice(b)) | (Directions(a), Directions(b)) | (Momenta(a), Momenta(b)) => a.identity == b.identity,
            (Part(a, p), Part(b, q)) => a.identity == b.identity && p == q,
            (Ensemble(a), Ensemble(b)) => a.identity == b.identity,
            (Times(a), Times(b)) => a.identity == b.identity,
            _ => false,
        }
    }
}

impl Lattice {
    pub fn volume(&self) -> usize {
        self.sizes.iter().product()
    }

    pub fn sites_of(&self, parity: Parity) -> Vec<i64> {
        let wanted = parity as usize;
        (0..self.volume()).filter(|x| moyal_runtime::lattice::parity(&self.sizes, *x) == wanted).map(|x| x as i64).collect()
    }
}

impl Ensemble {
    pub fn size(&self) -> usize {
        self.chains * self.draws
    }
}

impl IndexSet {
    /// The identity by which a record that the set carries is known.
    pub fn carrier(&self) -> Option<u64> {
        match self {
            IndexSet::Ensemble(e) => Some(e.identity),
            IndexSet::Times(t) => Some(t.identity),
            _ => None,
        }
    }

    pub fn size(&self) -> usize {
        match self {
            IndexSet::Range(n) => *n,
            IndexSet::Lattice(lattice) | IndexSet::Momenta(lattice) => lattice.volume(),
            IndexSet::Part(lattice, parity) => lattice.sites_of(*parity).len(),
            IndexSet::Directions(lattice) => lattice.sizes.len(),
            IndexSet::Ensemble(ensemble) => ensemble.size(),
            IndexSet::Times(times) => times.count,
        }
    }

    /// What a message calls it.
    pub fn describe(&self) -> String {
        match self {
            IndexSet::Range(n) => n.to_string(),
            IndexSet::Lattice(l) => l.name.to_string(),
            IndexSet::Part(l, Parity::Even) => format!("{}.even", l.name),
            IndexSet::Part(l, Parity::Odd) => format!("{}.odd", l.name),
            IndexSet::Directions(l) => format!("{}.directions", l.name),
            IndexSet::Momenta(l) => format!("{}.momenta", l.name),
            IndexSet::Ensemble(e) => format!("ensemble {}", e.name),
            IndexSet::Times(t) => format!("times of {}", t.name),
        }
    }
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Bool => "bool",
            Kind::Int => "int",
            Kind::Real => "real",
            Kind::F32 => "f32",
            Kind::Complex => "complex",
        }
    }

    /// The kind of each Core value that holds a part of it.
    pub fn scalar(self) -> moyal_runtime::array::Scalar {
        use moyal_runtime::array::Scalar;
        match self {
            Kind::Bool => Scalar::Bool,
            Kind::Int => Scalar::Int,
            Kind::F32 => Scalar::F32,
            Kind::Real | Kind::Complex => Scalar::Real,
        }
    }

    pub fn is_float(self) -> bool {
        matches!(self, Kind::Real | Kind::F32 | Kind::Complex)
    }
}

impl Number {
    pub fn new(kind: Kind, sets: Vec<IndexSet>, re: Var) -> Number {
        Number { kind, sets, re, im: None, loose: false, below: None }
    }

    pub fn scalar(kind: Kind, re: Var) -> Number {
        Number::new(kind, vec![], re)
    }

    pub fn is_scalar(&self) -> bool {
        self.sets.is_empty()
    }

    pub fn shape(&self) -> Vec<usize> {
        self.sets.iter().map(IndexSet::size).collect()
    }

    pub fn describe(&self) -> String {
        describe(self.kind, &self.sets)
    }
}

/// `real[Λ, 3]`
pub fn describe(kind: Kind, sets: &[IndexSet]) -> String {
    if sets.is_empty() {
        return kind.name().to_string();
    }
    let sets: Vec<String> = sets.iter().map(IndexSet::describe).collect();
    format!("{}[{}]", kind.name(), sets.join(", "))
}

impl Value {
    /// What a message calls it: its type.
    pub fn describe(&self) -> String {
        match self {
            Value::Number(n) => n.describe(),
            Value::Text(_) => "a string".into(),
            Value::Set(set) => match set {
                IndexSet::Lattice(l) => format!("the lattice {}", l.name),
                other => format!("the index set {}", other.describe()),
            },
            Value::Site(s) => format!("a site of {}", s.lattice.name),
            Value::Displacement(d) => format!("a direction of {}", d.lattice.name),
            Value::Function(f) => f.describe(),
            Value::Process(p) => p.describe(),
            Value::Differential(d) => d.describe(),
            Value::Tuple(items) => {
                let items: Vec<String> = items.iter().map(Value::describe).collect();
                format!("({})", items.join(", "))
            }
            Value::Record(fields) => {
                let fields: Vec<String> = fields.iter().map(|(n, v)| format!("{n}: {}", v.describe())).collect();
                format!("{{{}}}", fields.join(", "))
            }
            Value::Distribution(_) => "a distribution".into(),
            Value::Layer(_) => "a part of a figure".into(),
            Value::Unit => "nothing".into(),
            Value::Unknown => "unknown".into(),
        }
    }

    /// Whether a part of it was not understood, which has been reported.
    pub fn has_unknown(&self) -> bool {
        match self {
            Value::Unknown => true,
            Value::Tuple(items) => items.iter().any(Value::has_unknown),
            Value::Record(fields) => fields.iter().any(|(_, v)| v.has_unknown()),
            _ => false,
        }
    }

    /// The Core values that it consists of, in order.
    pub fn leaves(&self) -> Vec<Var> {
        let mut leaves = vec![];
        self.clone().map_leaves(&mut |v| {
            leaves.push(v);
            v
        });
        leaves
    }

    /// The same with other Core values.
    pub fn map_leaves(self, f: &mut dyn FnMut(Var) -> Var) -> Value {
        match self {
            Value::Number(n) => Value::Number(n.map_leaves(f)),
            Value::Site(s) => Value::Site(Site { base: f(s.base), ..s }),
            Value::Tuple(items) => Value::Tuple(Rc::new(items.iter().map(|v| v.clone().map_leaves(f)).collect())),
            Value::Record(fields) => {
                Value::Record(Rc::new(fields.iter().map(|(n, v)| (n.clone(), v.clone().map_leaves(f))).collect()))
            }
            Value::Distribution(d) => Value::Distribution(Rc::new(match &*d {
                Distribution::Normal { mean, deviation } => Distribution::Normal {
                    mean: mean.clone().map_leaves(f),
                    deviation: deviation.clone().map_leaves(f),
                },
                Distribution::Uniform { low, high } => {
                    Distribution::Uniform { low: low.clone().map_leaves(f), high: high.clone().map_leaves(f) }
                }
                Distribution::Exponential { rate } => Distribution::Exponential { rate: rate.clone().map_leaves(f) },
                Distribution::Standard(zeros) => Distribution::Standard(zeros.clone().map_leaves(f)),
                Distribution::Made(record) => Distribution::Made(record.clone().map_leaves(f)),
            })),
            Value::Layer(layer) => Value::Layer(Rc::new(layer.map_leaves(f))),
            other => other,
        }
    }

    /// The same kept beyond its statement: `f` says where each Core value lies then, those that its functions saw where
    /// they were written among them.
    pub fn kept(self, f: &mut dyn FnMut(Var) -> Var) -> Value {
        match self {
            Value::Function(function) => Value::Function(function.kept(f)),
            Value::Process(process) => Value::Process(process.kept(f)),
            Value::Distribution(d) => match &*d {
                Distribution::Made(record) => Value::Distribution(Rc::new(Distribution::Made(record.clone().kept(f)))),
                _ => Value::Distribution(d).map_leaves(f),
            },
            Value::Tuple(items) => Value::Tuple(Rc::new(items.iter().map(|v| v.clone().kept(f)).collect())),
            Value::Record(fields) => Value::Record(Rc::new(fields.iter().map(|(n, v)| (n.clone(), v.clone().kept(f))).collect())),
            other => other.map_leaves(f),
        }
    }

    /// The Core values that it needs beyond its statement, in the order of [`Value::kept`].
    pub fn needs(&self) -> Vec<Var> {
        let mut needs = vec![];
        self.clone().kept(&mut |v| {
            needs.push(v);
            v
        });
        needs
    }

    /// The same built from these Core values (as many as `leaves` gives).
    pub fn with_leaves(self, leaves: &[Var]) -> Value {
        let mut rest = leaves.iter();
        self.map_leaves(&mut |_| *rest.next().expect("too few leaves"))
    }
}

impl Number {
    pub fn leaves(&self) -> Vec<Var> {
        std::iter::once(self.re).chain(self.im).collect()
    }

    pub fn map_leaves(self, f: &mut dyn FnMut(Var) -> Var) -> Number {
        let re = f(self.re);
        let im = self.im.map(f);
        Number { re, im, ..self }
    }
}

impl Function {
    /// The declaration in the text, if it has a name.
    pub fn declared(&self) -> Option<Rc<ast::Function>> {
        match self {
            Function::User(closure) => match &closure.declaration {
                Declaration::Function(f) => Some(f.clone()),
                _ => None,
            },
            Function::Fixed { function, .. } => function.declared(),
            _ => None,
        }
    }

    /// Whether it can be called with so many arguments, as far as it is known without a call.
    pub fn takes(&self, count: usize) -> bool {
        match self {
            Function::User(closure) => match &closure.declaration {
                Declaration::Function(f) => {
                    let needed = f.parameters.iter().filter(|p| p.default.is_none()).count();
                    (needed..=f.parameters.len()).contains(&count)
                }
                Declaration::Lambda { parameters, .. } => parameters.len() == count,
                Declaration::Process(_) => false,
            },
            Function::Primitive(row) => row.arity() == count,
            // Which has one argument more.
            Function::Derived(Derived::Along | Derived::Transposed, f) => count > 0 && f.takes(count - 1),
            Function::Derived(_, f) => f.takes(count),
            Function::Fixed { function, .. } => function.takes(count),
            Function::Builtin(_) | Function::OfProcess(..) => true,
        }
    }

    /// See [`Value::kept`].
    pub fn kept(self: &Rc<Function>, f: &mut dyn FnMut(Var) -> Var) -> Rc<Function> {
        match &**self {
            Function::User(closure) => Rc::new(Function::User(closure.kept(f))),
            Function::Derived(derived, function) => Rc::new(Function::Derived(*derived, function.kept(f))),
            Function::Fixed { function, noise } => {
                let function = function.kept(f);
                Rc::new(Function::Fixed { function, noise: noise.clone() })
            }
            Function::OfProcess(process, part) => Rc::new(Function::OfProcess(process.kept(f), *part)),
            Function::Primitive(_) | Function::Builtin(_) => self.clone(),
        }
    }

    pub fn describe(&self) -> String {
        match self {
            Function::User(c) => match &c.declaration {
                Declaration::Function(f) => match f.kind {
                    ast::FunctionKind::Action => format!("the action {}", f.name.text),
                    _ => format!("the function {}", f.name.text),
                },
                Declaration::Lambda { .. } | Declaration::Process(_) => "a function".into(),
            },
            Function::Primitive(row) => format!("the function {}", row.name),
            Function::Builtin(b) => format!("the function {}", b.name),
            Function::Derived(..) | Function::Fixed { .. } | Function::OfProcess(..) => "a function".into(),
        }
    }

    pub fn name(&self) -> Rc<str> {
        match self {
            Function::User(c) => c.declaration.name(),
            Function::Primitive(row) => row.name.into(),
            Function::Builtin(b) => b.name.into(),
            Function::Derived(_, f) => f.name(),
            Function::Fixed { function, .. } => function.name(),
            Function::OfProcess(process, _) => process.name.clone(),
        }
    }
}

/// The first of the arrays that a value consists of.
pub fn first_number(x: &Value) -> Option<&Number> {
    match x {
        Value::Number(n) => Some(n),
        Value::Tuple(items) => items.iter().find_map(first_number),
        Value::Record(fields) => fields.iter().find_map(|(_, v)| first_number(v)),
        _ => None,
    }
}
