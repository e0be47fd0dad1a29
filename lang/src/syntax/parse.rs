//! From text to the tree: pest's pairs become nodes, operators find their precedence, sugar is opened up.

use super::ast::*;
use super::layout::{self, Layout};
use super::messages;
use crate::diagnostic::Diagnostic;
use crate::source::{Source, Span};
use pest::Parser;
use pest::iterators::Pair;
use std::rc::Rc;
use std::sync::Arc;

#[derive(pest_derive::Parser)]
#[grammar = "syntax/grammar.pest"]
struct Grammar;

type Node<'t> = Pair<'t, Rule>;

/// How many operators one expression may have.
const LONGEST: usize = 500;

/// The tree of a text, and the mistakes found; statements with mistakes are left out.
pub fn parse(source: &Arc<Source>) -> (Program, Vec<Diagnostic>) {
    let Layout { text, statements, docs } = match layout::layout(source) {
        Ok(layout) => layout,
        Err(mistakes) => return (Program { statements: vec![] }, mistakes),
    };
    let mut program = Program { statements: vec![] };
    let mut mistakes = vec![];
    let mut docs = docs.into_iter().peekable();
    for (from, to) in statements {
        let mut doc = vec![];
        while let Some((at, line)) = docs.next_if(|(at, _)| *at < to) {
            if at < from {
                doc.push(line);
            }
        }
        let doc = (!doc.is_empty()).then(|| Rc::from(doc.join("\n")));
        let mut reader = Reader { source, base: from, mistakes: vec![] };
        match Grammar::parse(Rule::one, &text[from..to]) {
            Ok(mut pairs) => {
                let one = pairs.next().expect("one statement");
                let statement = reader.statement(first(one), doc);
                if reader.mistakes.is_empty() {
                    program.statements.push(statement);
                }
                mistakes.append(&mut reader.mistakes);
            }
            Err(e) => mistakes.push(messages::syntax(source, &text, from, to, e)),
        }
    }
    (program, mistakes)
}

struct Reader<'s> {
    source: &'s Arc<Source>,
    /// Where the text that is being read begins in the source.
    base: usize,
    mistakes: Vec<Diagnostic>,
}

fn first(node: Node) -> Node {
    parts_of(node).next().expect("a part")
}

/// The parts of a node without the words of the language.
fn parts_of(node: Node) -> impl Iterator<Item = Node> {
    node.into_inner().filter(|p| {
        use Rule::*;
        !matches!(
            p.as_rule(),
            k_use | k_param | k_lattice | k_process | k_d | k_noise | k_test | k_weight | k_for | k_while | k_in | k_assert | k_as | k_if | k_else
        )
    })
}

/// What Greek letters and signs are called.
fn spelling(c: char) -> Option<&'static str> {
    Some(match c {
        'α' => "alpha",
        'β' => "beta",
        'γ' => "gamma",
        'δ' => "delta",
        'ε' | 'ϵ' => "epsilon",
        'ζ' => "zeta",
        'η' => "eta",
        'θ' | 'ϑ' => "theta",
        'ι' => "iota",
        'κ' | 'ϰ' => "kappa",
        'λ' => "lambda",
        'μ' | 'µ' => "mu",
        'ν' => "nu",
        'ξ' => "xi",
        'ο' => "omicron",
        'π' | 'ϖ' => "pi",
        'ρ' | 'ϱ' => "rho",
        'σ' | 'ς' => "sigma",
        'τ' => "tau",
        'υ' => "upsilon",
        'φ' | 'ϕ' => "phi",
        'χ' => "chi",
        'ψ' => "psi",
        'ω' => "omega",
        'Γ' => "Gamma",
        'Δ' => "Delta",
        'Θ' => "Theta",
        'Λ' => "Lambda",
        'Ξ' => "Xi",
        'Π' => "Pi",
        'Σ' => "Sigma",
        'Υ' => "Upsilon",
        'Φ' => "Phi",
        'Χ' => "Chi",
        'Ψ' => "Psi",
        'Ω' => "Omega",
        '∑' => "sum",
        '∏' => "prod",
        '∞' => "inf",
        _ => return None,
    })
}

/// A name with Greek letters written out.
pub fn spelled(text: &str) -> Rc<str> {
    if text.is_ascii() {
        return text.into();
    }
    let mut name = String::new();
    for c in text.chars() {
        match spelling(c) {
            Some(word) => name.push_str(word),
            None => name.push(c),
        }
    }
    name.into()
}

impl Reader<'_> {
    fn span(&self, node: &Node) -> Span {
        let span = node.as_span();
        // pest's spans may end in blanks.
        let end = span.start() + span.as_str().trim_end().len();
        Span::new(self.source, self.base + span.start(), self.base + end)
    }

    fn name(&self, node: Node) -> Name {
        Name { text: spelled(node.as_str()), span: self.span(&node) }
    }

    /// The words of a string without values in it.
    fn plain(&self, node: Node) -> Rc<str> {
        let text = node.as_str();
        text[1..text.len() - 1].replace("{{", "{").replace("}}", "}").into()
    }

    // ---- statements ----

    fn statement(&mut self, node: Node, doc: Option<Rc<str>>) -> Statement {
        let span = self.span(&node);
        let inner = first(node);
        let kind = match inner.as_rule() {
            Rule::r#use => self.use_statement(inner),
            Rule::param => self.param(inner),
            Rule::lattice => {
                let mut parts = parts_of(inner);
                StatementKind::Lattice { name: self.name(parts.next().unwrap()), value: self.expr(parts.next().unwrap()) }
            }
            Rule::function => StatementKind::Function(Rc::new(self.function(inner, doc.clone()))),
            Rule::process => StatementKind::Process(Rc::new(self.process(inner, doc.clone()))),
            Rule::test => {
                let mut parts = parts_of(inner);
                StatementKind::Test { title: self.plain(parts.next().unwrap()), body: self.block(parts.next().unwrap()) }
            }
            Rule::binding => self.binding(inner),
            Rule::weight => self.weight(inner),
            Rule::for_loop => {
                let mut parts = parts_of(inner);
                StatementKind::For {
                    pattern: self.pattern(parts.next().unwrap()),
                    set: self.expr(parts.next().unwrap()),
                    body: self.block(parts.next().unwrap()),
                }
            }
            Rule::while_loop => {
                let mut parts = parts_of(inner);
                StatementKind::While { condition: self.expr(parts.next().unwrap()), body: self.block(parts.next().unwrap()) }
            }
            Rule::assert => {
                let mut parts = parts_of(inner);
                StatementKind::Assert { condition: self.expr(parts.next().unwrap()), message: parts.next().map(|m| self.expr(m)) }
            }
            Rule::assign => self.assign(inner),
            _ => StatementKind::Expr(self.expr(inner)),
        };
        Statement { kind, span, doc }
    }

    fn use_statement(&mut self, node: Node) -> StatementKind {
        let mut parts = parts_of(node);
        let module = parts.next().unwrap();
        let module = match module.as_rule() {
            Rule::string => Module::File(self.plain(module.clone()), self.span(&module)),
            _ => Module::Library(self.name(module)),
        };
        StatementKind::Use { module, alias: parts.next().map(|n| self.name(n)) }
    }

    fn param(&mut self, node: Node) -> StatementKind {
        let mut parts = parts_of(node).peekable();
        let name = self.name(parts.next().unwrap());
        let ty = parts.next_if(|p| p.as_rule() == Rule::ty).map(|t| self.ty(t));
        let value = self.expr(parts.next().unwrap());
        let help = parts.next().map(|h| self.plain(h));
        StatementKind::Param { name, ty, value, help }
    }

    fn head(&mut self, node: Node) -> (Name, Vec<Name>, Vec<Parameter>) {
        let mut parts = parts_of(node).peekable();
        let name = self.name(parts.next().unwrap());
        let generics = parts.next_if(|p| p.as_rule() == Rule::generics);
        let generics = generics.map(|g| parts_of(g).map(|n| self.name(n)).collect()).unwrap_or_default();
        let parameters = parts
            .map(|p| {
                let mut parts = parts_of(p).peekable();
                let name = self.name(parts.next().unwrap());
                let ty = parts.next_if(|p| p.as_rule() == Rule::ty).map(|t| self.ty(t));
                let default = parts.next().map(|e| self.expr(e));
                Parameter { name, ty, default }
            })
            .collect();
        (name, generics, parameters)
    }

    fn function(&mut self, node: Node, doc: Option<Rc<str>>) -> Function {
        let span = self.span(&node);
        let mut parts = parts_of(node).peekable();
        let kind = match parts.next().unwrap().as_str().trim() {
            "fn" => FunctionKind::Fn,
            "action" => FunctionKind::Action,
            "layer" => FunctionKind::Layer,
            _ => FunctionKind::Network,
        };
        let (name, generics, parameters) = self.head(parts.next().unwrap());
        let result = parts.next_if(|p| p.as_rule() == Rule::ty).map(|t| self.ty(t));
        let body = self.body(parts.next().unwrap());
        Function { kind, name, generics, parameters, result, body, doc, span }
    }

    /// A block or an expression, as an expression.
    fn body(&mut self, node: Node) -> Expr {
        if node.as_rule() == Rule::block {
            let span = self.span(&node);
            let block = self.block(node);
            return Expr { kind: Rc::new(ExprKind::Block(block)), span };
        }
        self.expr(node)
    }

    fn process(&mut self, node: Node, doc: Option<Rc<str>>) -> Process {
        let span = self.span(&node);
        let mut parts = parts_of(node);
        let (name, generics, parameters) = self.head(parts.next().unwrap());
        let lines = parts
            .map(|line| {
                let inner = first(line);
                let rule = inner.as_rule();
                if rule == Rule::statement {
                    return ProcessLine::Statement(self.statement(inner, None));
                }
                let mut parts = parts_of(inner);
                let name = self.name(parts.next().unwrap());
                match rule {
                    Rule::differential => ProcessLine::Differential { state: name, value: self.expr(parts.next().unwrap()) },
                    _ => ProcessLine::Noise { name, ty: self.ty(parts.next().unwrap()) },
                }
            })
            .collect();
        Process { name, generics, parameters, lines, doc, span }
    }

    fn binding(&mut self, node: Node) -> StatementKind {
        let mut parts = parts_of(node).peekable();
        let mutable = parts.next().unwrap().as_str().trim() == "var";
        let pattern = self.pattern(parts.next().unwrap());
        let ty = parts.next_if(|p| p.as_rule() == Rule::ty).map(|t| self.ty(t));
        let draws = parts.next().unwrap().as_str().trim() == "~";
        StatementKind::Let { mutable, pattern, ty, value: self.expr(parts.next().unwrap()), draws }
    }

    fn weight(&mut self, node: Node) -> StatementKind {
        let mut parts = parts_of(node);
        let name = self.name(parts.next().unwrap());
        let ty = self.ty(parts.next().unwrap());
        let draws = parts.next().unwrap().as_str().trim() == "~";
        let value = self.expr(parts.next().unwrap());
        StatementKind::Weight { name, ty, value, draws, frozen: parts.next().is_some() }
    }

    fn assign(&mut self, node: Node) -> StatementKind {
        let mut parts = parts_of(node);
        let name = self.name(parts.next().unwrap());
        let mut target = Target { span: name.span.clone(), name, path: vec![] };
        let mut draws = false;
        for part in parts {
            match part.as_rule() {
                Rule::index_list => {
                    let span = self.span(&part);
                    target.span = target.span.to(&span);
                    let indices = self.indices(part);
                    target.path.push(Access::Index(indices, target.span.clone()));
                }
                Rule::field => {
                    let name = self.name(first(part));
                    target.span = target.span.to(&name.span);
                    target.path.push(Access::Field(name));
                }
                Rule::set => draws = part.as_str().trim() == "~",
                _ => return StatementKind::Assign { target, value: self.expr(part), draws },
            }
        }
        unreachable!("an assignment has a value")
    }

    fn pattern(&mut self, node: Node) -> Pattern {
        let span = self.span(&node);
        let tuple = node.as_str().starts_with('(');
        let mut names: Vec<Name> = parts_of(node).map(|n| self.name(n)).collect();
        if tuple && names.len() > 1 { Pattern::Tuple(names, span) } else { Pattern::Name(names.remove(0)) }
    }

    fn block(&mut self, node: Node) -> Block {
        let span = self.span(&node);
        let statements = parts_of(node).map(|s| self.statement(s, None)).collect();
        Block { statements, span }
    }

    // ---- types ----

    fn ty(&mut self, node: Node) -> TypeExpr {
        let span = self.span(&node);
        let inner = first(node);
        let rule = inner.as_rule();
        let mut parts = parts_of(inner);
        let kind = match rule {
            Rule::tuple_ty => TypeKind::Tuple(parts.map(|t| self.ty(t)).collect()),
            Rule::record_ty => {
                let mut fields = vec![];
                while let Some(name) = parts.next() {
                    fields.push((self.name(name), self.ty(parts.next().unwrap())));
                }
                TypeKind::Record(fields)
            }
            Rule::named_ty => {
                let name = self.name(parts.next().unwrap());
                TypeKind::Named { name, dims: self.dims(parts.next()) }
            }
            _ => {
                let of = Box::new(self.expr(parts.next().unwrap()));
                let dims = self.dims(parts.next());
                match rule {
                    Rule::special => TypeKind::SpecialUnitary { n: of, dims },
                    Rule::site_of => TypeKind::Site { lattice: of, dims },
                    _ => TypeKind::Direction { lattice: of, dims },
                }
            }
        };
        TypeExpr { kind, span }
    }

    fn dims(&mut self, node: Option<Node>) -> Vec<Expr> {
        node.map(|d| parts_of(d).map(|e| self.expr(e)).collect()).unwrap_or_default()
    }

    // ---- expressions ----

    fn make(&self, kind: ExprKind, span: Span) -> Expr {
        Expr { kind: Rc::new(kind), span }
    }

    fn expr(&mut self, node: Node) -> Expr {
        let span = self.span(&node);
        let inner = first(node);
        match inner.as_rule() {
            Rule::lambda => {
                let mut parts: Vec<Node> = parts_of(inner).collect();
                let body = parts.pop().unwrap();
                let body = self.body(body);
                let parameters = parts.into_iter().map(|n| self.name(n)).collect();
                self.make(ExprKind::Lambda { parameters, body }, span)
            }
            _ => self.pipe(inner),
        }
    }

    /// `x |> f(a)` is `f(x, a)`; `x |> f` is `f(x)`.
    fn pipe(&mut self, node: Node) -> Expr {
        let mut parts = parts_of(node);
        let mut value = self.operators(parts.next().unwrap());
        for stage in parts {
            let stage = self.postfix(stage);
            let span = value.span.to(&stage.span);
            let given = Argument { name: None, value };
            let (function, arguments) = match &*stage.kind {
                ExprKind::Call { function, arguments } => {
                    (function.clone(), std::iter::once(given).chain(arguments.iter().cloned()).collect())
                }
                _ => (stage.clone(), vec![given]),
            };
            value = self.make(ExprKind::Call { function, arguments }, span);
        }
        value
    }

    fn operators(&mut self, node: Node) -> Expr {
        let mut items = vec![];
        for part in parts_of(node) {
            match part.as_rule() {
                Rule::infix => items.push(Item::Infix(operator(part.as_str().trim()), self.span(&part))),
                _ => {
                    for piece in parts_of(part) {
                        match piece.as_rule() {
                            Rule::prefix => {
                                let op = if piece.as_str().starts_with('-') { UnaryOp::Neg } else { UnaryOp::Not };
                                items.push(Item::Prefix(op, self.span(&piece)));
                            }
                            Rule::as_ty => {
                                let span = self.span(&piece);
                                let ty = self.ty(first(piece));
                                items.push(Item::As(ty, span));
                            }
                            _ => {
                                let value = self.postfix(piece);
                                items.push(Item::Value(value));
                            }
                        }
                    }
                }
            }
        }
        if items.len() > LONGEST {
            let span = match &items[0] {
                Item::Value(e) => e.span.clone(),
                Item::Prefix(_, s) | Item::Infix(_, s) | Item::As(_, s) => s.clone(),
            };
            self.mistakes.push(
                Diagnostic::error(format!("one expression has more than {LONGEST} operators"))
                    .label(&span, "begins here")
                    .help("give parts of it names with `let`, or use sum(… for …)"),
            );
            return self.make(ExprKind::Int(0), span);
        }
        let mut climb = Climb { items: items.into_iter().peekable(), mistakes: vec![] };
        let result = climb.expression(0);
        self.mistakes.append(&mut climb.mistakes);
        result
    }

    fn postfix(&mut self, node: Node) -> Expr {
        let mut parts = parts_of(node);
        let mut value = self.primary(parts.next().unwrap());
        for part in parts {
            let span = value.span.to(&self.span(&part));
            let kind = match part.as_rule() {
                Rule::call => self.call(value, part),
                Rule::index_list => ExprKind::Index { value, indices: self.indices(part) },
                Rule::field => ExprKind::Field { value, name: self.name(first(part)) },
                Rule::transpose => ExprKind::Transpose(value),
                _ => {
                    let op_span = self.span(&part);
                    let right = self.make(ExprKind::Int(superscript(part.as_str())), op_span.clone());
                    ExprKind::Binary { op: BinaryOp::Pow, op_span, left: value, right }
                }
            };
            value = self.make(kind, span);
        }
        value
    }

    fn call(&mut self, function: Expr, node: Node) -> ExprKind {
        let mut arguments = vec![];
        for part in parts_of(node) {
            if part.as_rule() == Rule::comprehension {
                return ExprKind::Reduction { function, comprehension: self.comprehension(part) };
            }
            let mut pieces = parts_of(part);
            let head = pieces.next().unwrap();
            arguments.push(match head.as_rule() {
                Rule::name => Argument { name: Some(self.name(head)), value: self.expr(pieces.next().unwrap()) },
                _ => Argument { name: None, value: self.expr(head) },
            });
        }
        ExprKind::Call { function, arguments }
    }

    fn indices(&mut self, node: Node) -> Vec<Index> {
        parts_of(node)
            .map(|index| {
                let inner = first(index);
                match inner.as_rule() {
                    Rule::all => Index::All(self.span(&inner)),
                    _ => Index::Expr(self.expr(inner)),
                }
            })
            .collect()
    }

    fn comprehension(&mut self, node: Node) -> Comprehension {
        let mut parts = parts_of(node);
        let body = self.expr(parts.next().unwrap());
        let mut generators = vec![];
        let mut filter = None;
        for part in parts {
            match part.as_rule() {
                Rule::generator => {
                    let mut pieces = parts_of(part);
                    let pattern = self.pattern(pieces.next().unwrap());
                    generators.push((pattern, self.expr(pieces.next().unwrap())));
                }
                _ => filter = Some(self.expr(part)),
            }
        }
        Comprehension { body, generators, filter }
    }

    fn primary(&mut self, node: Node) -> Expr {
        let span = self.span(&node);
        let inner = first(node);
        let kind = match inner.as_rule() {
            Rule::integer => self.integer(&inner),
            Rule::float => ExprKind::Real(number(inner.as_str())),
            Rule::imaginary => ExprKind::Imaginary(number(inner.as_str().trim_end_matches('i'))),
            Rule::string => self.string(inner),
            Rule::root => {
                let name = Name { text: "sqrt".into(), span: Span { end: span.start + '√'.len_utf8(), ..span.clone() } };
                let value = self.primary(first(inner));
                let function = self.make(ExprKind::Name(name.clone()), name.span);
                ExprKind::Call { function, arguments: vec![Argument { name: None, value }] }
            }
            Rule::nabla => {
                let name = Name { text: "grad".into(), span: Span { end: span.start + '∇'.len_utf8(), ..span.clone() } };
                let of = self.name(first(inner));
                let value = self.make(ExprKind::Name(of.clone()), of.span);
                let function = self.make(ExprKind::Name(name.clone()), name.span);
                ExprKind::Call { function, arguments: vec![Argument { name: None, value }] }
            }
            Rule::branch => return self.branch(inner),
            Rule::block => ExprKind::Block(self.block(inner)),
            Rule::record => {
                let mut parts = parts_of(inner);
                let mut fields = vec![];
                while let Some(name) = parts.next() {
                    fields.push((self.name(name), self.expr(parts.next().unwrap())));
                }
                ExprKind::Record(fields)
            }
            Rule::name => ExprKind::Name(self.name(inner)),
            Rule::tuple => {
                let mut items: Vec<Expr> = parts_of(inner).map(|e| self.expr(e)).collect();
                if items.len() == 1 {
                    return Expr { span, ..items.remove(0) };
                }
                ExprKind::Tuple(items)
            }
            _ => {
                let mut items = vec![];
                for part in parts_of(inner) {
                    if part.as_rule() == Rule::comprehension {
                        let comprehension = self.comprehension(part);
                        return self.make(ExprKind::Comprehension(comprehension), span);
                    }
                    items.push(self.expr(part));
                }
                ExprKind::List(items)
            }
        };
        self.make(kind, span)
    }

    fn integer(&mut self, node: &Node) -> ExprKind {
        match node.as_str().replace('_', "").parse() {
            Ok(n) => ExprKind::Int(n),
            Err(_) => {
                let span = self.span(node);
                self.mistakes.push(
                    Diagnostic::error("this integer does not fit in 64 bits").label(&span, "too large").help("write a real number, e.g. 1e20"),
                );
                ExprKind::Int(0)
            }
        }
    }

    fn branch(&mut self, node: Node) -> Expr {
        let span = self.span(&node);
        let mut parts = parts_of(node);
        let condition = self.expr(parts.next().unwrap());
        let then = self.block(parts.next().unwrap());
        let otherwise = parts.next().map(|other| match other.as_rule() {
            Rule::branch => self.branch(other),
            _ => self.body(other),
        });
        self.make(ExprKind::If { condition, then, otherwise }, span)
    }

    /// A text with values `{…}` in it.
    fn string(&mut self, node: Node) -> ExprKind {
        let start = self.base + node.as_span().start() + 1;
        let end = start + node.as_str().len() - 2;
        let source = self.source.clone();
        let text = &source.text[start..end];
        let mut parts = vec![];
        let mut plain = String::new();
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            if rest.starts_with("{{") || rest.starts_with("}}") {
                plain.push_str(&rest[..1]);
                at += 2;
            } else if rest.starts_with('{') {
                let Some(length) = matching(rest) else {
                    self.mistakes.push(
                        Diagnostic::error("this `{` in a text is never closed")
                            .label(&Span::new(&source, start + at, start + at + 1), "opened here")
                            .help("a brace itself is written `{{`"),
                    );
                    break;
                };
                if !plain.is_empty() {
                    parts.push(StringPart::Text(std::mem::take(&mut plain).into()));
                }
                parts.extend(self.interpolated(&rest[1..length], start + at + 1));
                at += length + 1;
            } else if rest.starts_with('}') {
                self.mistakes.push(
                    Diagnostic::error("this `}` closes nothing")
                        .label(&Span::new(&source, start + at, start + at + 1), "here")
                        .help("a brace itself is written `}}`"),
                );
                break;
            } else {
                let c = rest.chars().next().expect("not at the end");
                plain.push(c);
                at += c.len_utf8();
            }
        }
        if !plain.is_empty() {
            parts.push(StringPart::Text(plain.into()));
        }
        ExprKind::Str(parts)
    }

    /// `expr` or `expr:format`, beginning at `start` of the source.
    fn interpolated(&mut self, text: &str, start: usize) -> Option<StringPart> {
        let (value, format) = match split_format(text) {
            Some((value, format)) => (value, Some(Rc::from(format))),
            None => (text, None),
        };
        let outer = std::mem::replace(&mut self.base, start);
        let parsed = match Grammar::parse(Rule::alone, value) {
            Ok(mut pairs) => Some(self.expr(first(pairs.next().expect("one expression")))),
            Err(e) => {
                let source = self.source.clone();
                self.mistakes.push(messages::syntax(&source, &source.text, start, start + value.len(), e));
                None
            }
        };
        self.base = outer;
        parsed.map(|value| StringPart::Value { value, format })
    }
}

/// Where the brace that opens a text is closed.
fn matching(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// The format after the last `:` outside brackets: digits, a point, `e`.
fn split_format(text: &str) -> Option<(&str, &str)> {
    let (value, format) = text.rsplit_once(':')?;
    let valid = !format.is_empty() && format.chars().all(|c| c.is_ascii_digit() || c == '.' || c == 'e');
    let open = value.chars().filter(|c| "([{".contains(*c)).count();
    let closed = value.chars().filter(|c| ")]}".contains(*c)).count();
    (valid && open == closed).then_some((value, format))
}

fn number(text: &str) -> f64 {
    text.replace('_', "").parse().expect("the grammar lets numbers through only")
}

fn superscript(text: &str) -> i64 {
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let value = text.chars().filter_map(|c| digits.iter().position(|d| *d == c)).fold(0_i64, |n, d| n.saturating_mul(10).saturating_add(d as i64));
    if text.starts_with('⁻') { -value } else { value }
}

fn operator(text: &str) -> BinaryOp {
    match text {
        "or" => BinaryOp::Or,
        "and" => BinaryOp::And,
        "==" => BinaryOp::Eq,
        "!=" | "≠" => BinaryOp::Ne,
        "<" => BinaryOp::Lt,
        "<=" | "≤" => BinaryOp::Le,
        ">" => BinaryOp::Gt,
        ">=" | "≥" => BinaryOp::Ge,
        ".." => BinaryOp::Range,
        "+" => BinaryOp::Add,
        "-" => BinaryOp::Sub,
        "*" => BinaryOp::Mul,
        "/" => BinaryOp::Div,
        "//" => BinaryOp::FloorDiv,
        "%" => BinaryOp::Rem,
        "@" => BinaryOp::MatMul,
        "^" => BinaryOp::Pow,
        _ => BinaryOp::Stratonovich,
    }
}

/// The pieces of an expression between which precedence decides.
enum Item {
    Value(Expr),
    Prefix(UnaryOp, Span),
    Infix(BinaryOp, Span),
    As(TypeExpr, Span),
}

/// How tightly operators bind: or, and, not, comparisons, .., sums, products, as, minus, powers.
const NOT: u8 = 3;
const COMPARE: u8 = 4;
const AS: u8 = 8;
const MINUS: u8 = 9;
const POWER: u8 = 10;

fn strength(op: BinaryOp) -> u8 {
    use BinaryOp::*;
    match op {
        Or => 1,
        And => 2,
        Eq | Ne | Lt | Le | Gt | Ge => COMPARE,
        Range => 5,
        Add | Sub => 6,
        Mul | Div | FloorDiv | Rem | MatMul | Stratonovich => 7,
        Pow => POWER,
    }
}

struct Climb {
    items: std::iter::Peekable<std::vec::IntoIter<Item>>,
    mistakes: Vec<Diagnostic>,
}

impl Climb {
    /// An expression whose operators bind at least as tightly as `least`.
    fn expression(&mut self, least: u8) -> Expr {
        let mut left = match self.items.next() {
            Some(Item::Value(e)) => e,
            Some(Item::Prefix(op, span)) => {
                let value = self.expression(if op == UnaryOp::Neg { MINUS } else { NOT });
                let whole = span.to(&value.span);
                Expr { kind: Rc::new(ExprKind::Unary { op, value }), span: whole }
            }
            _ => unreachable!("the grammar puts values between operators"),
        };
        let mut compared = false;
        while let Some(item) = self.items.peek() {
            let binds = match item {
                Item::Infix(op, _) => strength(*op),
                Item::As(..) => AS,
                _ => unreachable!("the grammar puts operators between values"),
            };
            if binds < least {
                break;
            }
            match self.items.next().expect("peeked") {
                Item::As(ty, span) => {
                    let whole = left.span.to(&span);
                    left = Expr { kind: Rc::new(ExprKind::As { value: left, ty }), span: whole };
                }
                Item::Infix(op, op_span) => {
                    if binds == COMPARE {
                        if compared {
                            self.mistakes.push(messages::chained_comparison(&op_span));
                        }
                        compared = true;
                    }
                    let right = self.expression(if op == BinaryOp::Pow { MINUS } else { binds + 1 });
                    let whole = left.span.to(&right.span);
                    left = Expr { kind: Rc::new(ExprKind::Binary { op, op_span, left, right }), span: whole };
                }
                _ => unreachable!("seen above"),
            }
        }
        left
    }
}
