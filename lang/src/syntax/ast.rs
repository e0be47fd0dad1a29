//! The tree of what was written: data only, every node with its place in the text.
//!
//! Spellings are already one here: `∑` is `sum`, `x²` is `x^2`, `√2` a call of `sqrt`, Greek letters their LaTeX
//! names. Operators stay operators; which names are primitives is not known here.

use crate::source::Span;
use std::rc::Rc;

/// A name where it was written.
#[derive(Clone, Debug)]
pub struct Name {
    pub text: Rc<str>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct Program {
    pub statements: Vec<Statement>,
}

#[derive(Clone, Debug)]
pub struct Statement {
    pub kind: StatementKind,
    pub span: Span,
    /// The `##` lines before a declaration, joined by newlines.
    pub doc: Option<Rc<str>>,
}

#[derive(Clone, Debug)]
pub enum StatementKind {
    /// `use rmt`, `use "file.moy" as f`
    Use { module: Module, alias: Option<Name> },
    /// `param kappa: real = 0.26 "hopping parameter"`
    Param { name: Name, ty: Option<TypeExpr>, value: Expr, help: Option<Rc<str>> },
    /// `lattice Λ = torus(L, L)`
    Lattice { name: Name, value: Expr },
    Function(Rc<Function>),
    Process(Rc<Process>),
    Test { title: Rc<str>, body: Block },
    /// `let` (or, with `mutable`, `var`) `pattern: ty = value`; with `draws`, `~` stands for `=`.
    Let { mutable: bool, pattern: Pattern, ty: Option<TypeExpr>, value: Expr, draws: bool },
    /// `weight W: f32[n, m] ~ normal(0, 1/√m) frozen`
    Weight { name: Name, ty: TypeExpr, value: Expr, draws: bool, frozen: bool },
    /// `h[i] = row`, `s.field = 1`, `x ~ normal(0, 1)`
    Assign { target: Target, value: Expr, draws: bool },
    For { pattern: Pattern, set: Expr, body: Block },
    While { condition: Expr, body: Block },
    Assert { condition: Expr, message: Option<Expr> },
    Expr(Expr),
}

#[derive(Clone, Debug)]
pub enum Module {
    /// A module of the library.
    Library(Name),
    /// A file of the user's, relative to the file that uses it.
    File(Rc<str>, Span),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionKind {
    Fn,
    Action,
    Layer,
    Network,
}

/// `fn f[m, T](x: T[m], n: int = 3): real = …`
#[derive(Clone, Debug)]
pub struct Function {
    pub kind: FunctionKind,
    pub name: Name,
    pub generics: Vec<Name>,
    pub parameters: Vec<Parameter>,
    pub result: Option<TypeExpr>,
    pub body: Expr,
    pub doc: Option<Rc<str>>,
    /// The whole declaration.
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct Parameter {
    pub name: Name,
    pub ty: Option<TypeExpr>,
    pub default: Option<Expr>,
}

/// `process p(φ: T, t) { noise dB: real[k]; let …; d φ = … }`
#[derive(Clone, Debug)]
pub struct Process {
    pub name: Name,
    pub generics: Vec<Name>,
    pub parameters: Vec<Parameter>,
    pub lines: Vec<ProcessLine>,
    pub doc: Option<Rc<str>>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum ProcessLine {
    Differential { state: Name, value: Expr },
    Noise { name: Name, ty: TypeExpr },
    Statement(Statement),
}

/// `x`, or `(a, b)`
#[derive(Clone, Debug)]
pub enum Pattern {
    Name(Name),
    Tuple(Vec<Name>, Span),
}

/// The left side of an assignment.
#[derive(Clone, Debug)]
pub struct Target {
    pub name: Name,
    pub path: Vec<Access>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum Access {
    Index(Vec<Index>, Span),
    Field(Name),
}

#[derive(Clone, Debug)]
pub enum Index {
    /// `..` alone: the whole of that index set
    All(Span),
    Expr(Expr),
}

#[derive(Clone, Debug)]
pub struct Block {
    pub statements: Vec<Statement>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct TypeExpr {
    pub kind: TypeKind,
    pub span: Span,
}

impl TypeExpr {
    /// `angle` or an array of such.
    pub fn is_angle(&self) -> bool {
        matches!(&self.kind, TypeKind::Named { name, .. } if &*name.text == "angle")
    }
}

#[derive(Clone, Debug)]
pub enum TypeKind {
    /// `real[Λ, n]`, `T`, `angle`, `U1`; no dimensions for a scalar
    Named { name: Name, dims: Vec<Expr> },
    /// `SU(3)[Λ, Λ.directions]`
    SpecialUnitary { n: Box<Expr>, dims: Vec<Expr> },
    /// `site(Λ)[…]`
    Site { lattice: Box<Expr>, dims: Vec<Expr> },
    /// `direction(Λ)[…]`
    Direction { lattice: Box<Expr>, dims: Vec<Expr> },
    Tuple(Vec<TypeExpr>),
    Record(Vec<(Name, TypeExpr)>),
}

#[derive(Clone, Debug)]
pub struct Expr {
    pub kind: Rc<ExprKind>,
    pub span: Span,
}

impl Expr {
    pub fn new(kind: ExprKind, span: Span) -> Expr {
        Expr { kind: Rc::new(kind), span }
    }
}

#[derive(Clone, Debug)]
pub enum ExprKind {
    Int(i64),
    Real(f64),
    /// `3i`: the value is the imaginary part
    Imaginary(f64),
    Str(Vec<StringPart>),
    Name(Name),
    /// `if c { a } else { b }`; without `else` a statement
    If { condition: Expr, then: Block, otherwise: Option<Expr> },
    Block(Block),
    Record(Vec<(Name, Expr)>),
    /// `(a, b)`; never of one element
    Tuple(Vec<Expr>),
    /// `[a, b, c]`
    List(Vec<Expr>),
    /// `[e for x in A]`
    Comprehension(Comprehension),
    Call { function: Expr, arguments: Vec<Argument> },
    /// `sum(e for x in A if c)`: a call whose only argument is a comprehension
    Reduction { function: Expr, comprehension: Comprehension },
    Index { value: Expr, indices: Vec<Index> },
    Field { value: Expr, name: Name },
    /// `A'`
    Transpose(Expr),
    Unary { op: UnaryOp, value: Expr },
    Binary { op: BinaryOp, op_span: Span, left: Expr, right: Expr },
    /// `x as f32`
    As { value: Expr, ty: TypeExpr },
    /// `x -> x^2`, `(x, t) -> …`
    Lambda { parameters: Vec<Name>, body: Expr },
}

#[derive(Clone, Debug)]
pub struct Argument {
    pub name: Option<Name>,
    pub value: Expr,
}

#[derive(Clone, Debug)]
pub struct Comprehension {
    pub body: Expr,
    /// `for pattern in set`, outermost first
    pub generators: Vec<(Pattern, Expr)>,
    pub filter: Option<Expr>,
}

#[derive(Clone, Debug)]
pub enum StringPart {
    Text(Rc<str>),
    /// `{value:format}`; the format as written, e.g. `.3`, `8.3`, `e`
    Value { value: Expr, format: Option<Rc<str>> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    Neg,
    Not,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    Or,
    And,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Range,
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Rem,
    MatMul,
    /// `∘`, `o`: Stratonovich product
    Stratonovich,
    Pow,
}
