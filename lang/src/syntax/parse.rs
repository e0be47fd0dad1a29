//! From the text of the layout to the tree; the precedence of operators; the place where every shorthand is opened up.

use super::ast::*;
use super::failure::cannot_read;
use super::layout::{Layout, innermost, layout};
use super::messages;
use super::tokens::{Doc, Kind};
use crate::diagnostic::Diagnostic;
use crate::source::{Source, Span};
use pest::Parser;
use pest::error::{ErrorVariant, InputLocation};
use pest::iterators::Pair;
use pest::pratt_parser::{Assoc, ConstPrattParser, Op};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

#[derive(pest_derive::Parser)]
#[grammar = "syntax/grammar.pest"]
pub(super) struct Grammar;

type Part<'i> = Pair<'i, Rule>;

/// How tightly operators bind, loosest first; `true` begins a new level.
static PRECEDENCE: ConstPrattParser<Rule, 21> = ConstPrattParser::new_const([
    (Op::infix(Rule::or, Assoc::Left), true),
    (Op::infix(Rule::and, Assoc::Left), true),
    (Op::prefix(Rule::not), true),
    (Op::infix(Rule::eq, Assoc::Left), true),
    (Op::infix(Rule::ne, Assoc::Left), false),
    (Op::infix(Rule::lt, Assoc::Left), false),
    (Op::infix(Rule::le, Assoc::Left), false),
    (Op::infix(Rule::gt, Assoc::Left), false),
    (Op::infix(Rule::ge, Assoc::Left), false),
    (Op::infix(Rule::range, Assoc::Left), true),
    (Op::infix(Rule::add, Assoc::Left), true),
    (Op::infix(Rule::sub, Assoc::Left), false),
    (Op::infix(Rule::mul, Assoc::Left), true),
    (Op::infix(Rule::div, Assoc::Left), false),
    (Op::infix(Rule::floor_div, Assoc::Left), false),
    (Op::infix(Rule::rem, Assoc::Left), false),
    (Op::infix(Rule::matmul, Assoc::Left), false),
    (Op::infix(Rule::stratonovich, Assoc::Left), false),
    (Op::postfix(Rule::conversion), true),
    (Op::prefix(Rule::neg), true),
    (Op::infix(Rule::pow, Assoc::Right), true),
]);

/// More than anyone mends in one go.
const MAX_DIAGNOSTICS: usize = 50;

/// Reads a text. The tree lacks the statements that could not be read; each of them has its diagnostic.
pub fn parse(source: &Arc<Source>) -> (Program, Vec<Diagnostic>) {
    let mut laid_out = layout(source);
    let mut diagnostics = std::mem::take(&mut laid_out.diagnostics);
    let builder = Builder {
        source,
        offset: Cell::new(0),
        blocks: Cell::new(0),
        docs: &laid_out.docs,
        names: RefCell::default(),
        found: RefCell::default(),
    };
    let mut text = std::mem::take(&mut laid_out.text);
    let mut statements = vec![];
    for &place in &laid_out.top {
        if diagnostics.len() + builder.found.borrow().len() >= MAX_DIAGNOSTICS {
            break;
        }
        statements.extend(read(&builder, &laid_out, &mut text, place, &mut diagnostics));
    }
    diagnostics.append(&mut builder.found.borrow_mut());
    diagnostics.sort_by_key(|d| d.labels.first().map_or(0, |(span, _)| span.start));
    diagnostics.truncate(MAX_DIAGNOSTICS);
    (Program { statements }, diagnostics)
}

/// Reads a statement of the top level. Where a statement inside it cannot be read, it is left out, and the rest read.
fn read(
    builder: &Builder,
    laid_out: &Layout,
    text: &mut String,
    (start, end): (usize, usize),
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Statement> {
    while diagnostics.len() < MAX_DIAGNOSTICS {
        if text[start..end].trim().is_empty() {
            return None;
        }
        let failure = match Grammar::parse(Rule::line, &text[start..end]) {
            Ok(mut pairs) => {
                builder.offset.set(start);
                let line = pairs.next().expect("one line");
                return Some(builder.statement(line.into_inner().next().expect("one statement")));
            }
            Err(failure) => failure,
        };
        let at = start
            + match failure.location {
                InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
            };
        let ErrorVariant::ParsingError { positives, .. } = failure.variant else {
            // The stack's end is near.
            diagnostics.push(messages::too_deep(&Span::new(builder.source, at, at)));
            return None;
        };
        let (from, to) = failed_statement(laid_out, at).unwrap_or((start, end));
        let mistake = cannot_read(builder.source, &laid_out.tokens, from, at, &positives);
        // `function f(x)` and its body on the next lines: the answer to its first word shows where a body stands.
        let word = builder.source.text[from..].split_whitespace().next().unwrap_or("");
        if !(matches!(word, "function" | "func" | "fun" | "def") && mistake.message.ends_with("has no body")) {
            diagnostics.push(mistake);
        }
        if from <= start {
            return None;
        }
        let blank: String = text[from..to].bytes().map(|_| ' ').collect();
        if text[from..to] == blank {
            return None;
        }
        text.replace_range(from..to, &blank);
    }
    None
}

/// The smallest statement that a failure at `at` belongs to: one that lacks its end fails just behind it.
fn failed_statement(laid_out: &Layout, at: usize) -> Option<(usize, usize)> {
    let behind = laid_out.tokens.partition_point(|t| t.start < at);
    let token = laid_out.tokens.get(behind)?;
    let ends = matches!(token.kind, Kind::Newline | Kind::Semicolon | Kind::Close);
    let before = laid_out.tokens[..behind].iter().rev().find(|t| t.kind != Kind::Newline);
    let place = match before {
        Some(before) if ends => before.start,
        _ => at,
    };
    innermost(&laid_out.statements, place).copied()
}

/// An operand or the result of an operator, with that operator: brackets hide it.
struct Operand {
    expr: Expr,
    op: Option<BinaryOp>,
}

struct Builder<'a> {
    source: &'a Arc<Source>,
    /// Where the statement being read begins.
    offset: Cell<usize>,
    /// Blocks around what is being read.
    blocks: Cell<usize>,
    docs: &'a [Doc],
    names: RefCell<HashMap<String, Rc<str>>>,
    found: RefCell<Vec<Diagnostic>>,
}

/// What a rule consists of, without the words and marks that only hold it together.
fn parts(part: Part) -> impl Iterator<Item = Part> {
    part.into_inner().filter(|p| {
        !matches!(
            p.as_rule(),
            Rule::comma
                | Rule::equals
                | Rule::arrow
                | Rule::use_word
                | Rule::param_word
                | Rule::lattice_word
                | Rule::process_word
                | Rule::test_word
                | Rule::weight_word
                | Rule::noise_word
                | Rule::d_word
                | Rule::for_word
                | Rule::while_word
                | Rule::assert_word
                | Rule::else_word
                | Rule::as_word
                | Rule::in_word
        )
    })
}

/// The next part, which the grammar promises.
fn next<'i>(parts: &mut impl Iterator<Item = Part<'i>>) -> Part<'i> {
    parts.next().expect("the grammar has it")
}

fn next_if<'i>(parts: &mut std::iter::Peekable<impl Iterator<Item = Part<'i>>>, rule: Rule) -> Option<Part<'i>> {
    parts.next_if(|p| p.as_rule() == rule)
}

impl Builder<'_> {
    fn say(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic);
    }

    fn span(&self, part: &Part) -> Span {
        let start = part.as_span().start() + self.offset.get();
        // A wide sign is laid out as a narrow one and blanks: the place ends behind the sign that was written.
        let end = self.source.text.ceil_char_boundary(start + part.as_str().trim_end().len());
        Span::new(self.source, start, end)
    }

    fn name(&self, part: Part) -> Name {
        debug_assert_eq!(part.as_rule(), Rule::name);
        Name { text: self.spelling(part.as_str()), span: self.span(&part) }
    }

    /// One spelling for all: Greek letters become their LaTeX names.
    fn spelling(&self, written: &str) -> Rc<str> {
        if let Some(name) = self.names.borrow().get(written) {
            return name.clone();
        }
        let name: Rc<str> = super::greek::latin(written).into();
        self.names.borrow_mut().insert(written.to_string(), name.clone());
        name
    }

    // Statements.

    fn statement(&self, part: Part) -> Statement {
        let span = self.span(&part);
        let doc = self.doc(span.start);
        let rule = part.as_rule();
        if matches!(rule, Rule::import | Rule::param | Rule::test) && self.blocks.get() > 0 {
            self.say(messages::only_at_top_level(&span));
        }
        let kind = match rule {
            Rule::import => self.import(part),
            Rule::param => self.param(part),
            Rule::lattice => {
                let mut parts = parts(part);
                StatementKind::Lattice { name: self.name(next(&mut parts)), value: self.expr(next(&mut parts)) }
            }
            Rule::function => StatementKind::Function(Rc::new(self.function(part, doc.clone()))),
            Rule::process => StatementKind::Process(Rc::new(self.process(part, doc.clone()))),
            Rule::test => {
                let mut parts = parts(part);
                StatementKind::Test { title: self.plain_text(next(&mut parts)), body: self.block(next(&mut parts)) }
            }
            Rule::weight => self.weight(part),
            Rule::binding => self.binding(part),
            Rule::for_loop => {
                let (pattern, set, body) = self.for_loop(part);
                StatementKind::For { pattern, set, body }
            }
            Rule::while_loop => {
                let mut parts = parts(part);
                StatementKind::While { condition: self.expr(next(&mut parts)), body: self.block(next(&mut parts)) }
            }
            Rule::assertion => {
                let mut parts = parts(part);
                let condition = self.expr(next(&mut parts));
                StatementKind::Assert { condition, message: parts.next().map(|p| self.string(p)) }
            }
            _ => self.assignment(part),
        };
        Statement { kind, span, doc }
    }

    /// The `##` lines that end on the line before.
    fn doc(&self, start: usize) -> Option<Rc<str>> {
        let doc = &self.docs[self.docs.partition_point(|d| d.end <= start).checked_sub(1)?];
        let between = &self.source.text[doc.end..start];
        (between.trim().is_empty() && !between.contains('\n')).then(|| doc.text.as_str().into())
    }

    fn import(&self, part: Part) -> StatementKind {
        let mut parts = parts(part);
        let module = next(&mut parts);
        let module = match module.as_rule() {
            Rule::name => Module::Library(self.name(module)),
            _ => {
                let span = self.span(&module);
                Module::File(self.plain_text(module), span)
            }
        };
        StatementKind::Use { module, alias: parts.next().map(|p| self.name(p)) }
    }

    fn param(&self, part: Part) -> StatementKind {
        let mut parts = parts(part).peekable();
        StatementKind::Param {
            name: self.name(next(&mut parts)),
            ty: self.annotation(&mut parts),
            value: self.expr(next(&mut parts)),
            help: parts.next().map(|p| self.plain_text(p)),
        }
    }

    fn annotation<'i>(&self, parts: &mut std::iter::Peekable<impl Iterator<Item = Part<'i>>>) -> Option<TypeExpr> {
        let annotation = next_if(parts, Rule::annotation)?;
        Some(self.type_expr(next(&mut annotation.into_inner())))
    }

    fn function(&self, part: Part, doc: Option<Rc<str>>) -> Function {
        let span = self.span(&part);
        let mut parts = parts(part).peekable();
        let kind = match next(&mut parts).as_str() {
            "fn" => FunctionKind::Fn,
            "action" => FunctionKind::Action,
            "layer" => FunctionKind::Layer,
            _ => FunctionKind::Network,
        };
        let name = self.name(next(&mut parts));
        let generics = self.generics(&mut parts);
        let parameters = self.parameters(next(&mut parts));
        let result = self.annotation(&mut parts);
        let body = self.body(next(&mut parts));
        Function { kind, name, generics, parameters, result, body, doc, span }
    }

    /// An expression, or a block as one.
    fn body(&self, part: Part) -> Expr {
        if part.as_rule() != Rule::block {
            return self.expr(part);
        }
        let block = self.block(part);
        let span = block.span.clone();
        Expr::new(ExprKind::Block(block), span)
    }

    fn generics<'i>(&self, parts: &mut std::iter::Peekable<impl Iterator<Item = Part<'i>>>) -> Vec<Name> {
        next_if(parts, Rule::generics).map_or(vec![], |p| self.names(p))
    }

    fn names(&self, part: Part) -> Vec<Name> {
        parts(part).map(|p| self.name(p)).collect()
    }

    fn parameters(&self, part: Part) -> Vec<Parameter> {
        let parameters: Vec<Parameter> = parts(part)
            .map(|p| {
                let mut parts = parts(p).peekable();
                Parameter {
                    name: self.name(next(&mut parts)),
                    ty: self.annotation(&mut parts),
                    default: parts.next().map(|p| self.expr(p)),
                }
            })
            .collect();
        self.different(parameters.iter().map(|p| &p.name));
        parameters
    }

    fn process(&self, part: Part, doc: Option<Rc<str>>) -> Process {
        let span = self.span(&part);
        let mut parts = parts(part).peekable();
        let name = self.name(next(&mut parts));
        let generics = self.generics(&mut parts);
        let parameters = self.parameters(next(&mut parts));
        let lines = next(&mut parts).into_inner().map(|p| self.process_line(p)).collect();
        Process { name, generics, parameters, lines, doc, span }
    }

    fn process_line(&self, part: Part) -> ProcessLine {
        match part.as_rule() {
            Rule::differential => {
                let mut parts = parts(part);
                ProcessLine::Differential { state: self.name(next(&mut parts)), value: self.expr(next(&mut parts)) }
            }
            Rule::noise => {
                let mut parts = parts(part).peekable();
                let name = self.name(next(&mut parts));
                ProcessLine::Noise { name, ty: self.annotation(&mut parts).expect("the grammar has it") }
            }
            _ => ProcessLine::Statement(self.statement(part)),
        }
    }

    fn weight(&self, part: Part) -> StatementKind {
        let mut parts = parts(part).peekable();
        let name = self.name(next(&mut parts));
        let ty = self.annotation(&mut parts).expect("the grammar has it");
        let draws = next_if(&mut parts, Rule::draws).is_some();
        let value = self.expr(next(&mut parts));
        StatementKind::Weight { name, ty, value, draws, frozen: parts.next().is_some() }
    }

    fn binding(&self, part: Part) -> StatementKind {
        let mut parts = parts(part).peekable();
        let mutable = next(&mut parts).as_str() == "var";
        let pattern = self.pattern(next(&mut parts));
        let ty = self.annotation(&mut parts);
        let draws = next_if(&mut parts, Rule::draws).is_some();
        StatementKind::Let { mutable, pattern, ty, value: self.expr(next(&mut parts)), draws }
    }

    fn pattern(&self, part: Part) -> Pattern {
        let span = self.span(&part);
        let in_brackets = part.as_str().starts_with('(');
        let mut names = self.names(part);
        self.different(names.iter());
        match names.len() {
            1 if !in_brackets => Pattern::Name(names.remove(0)),
            _ => Pattern::Tuple(names, span),
        }
    }

    fn for_loop(&self, part: Part) -> (Pattern, Expr, Block) {
        let mut parts = parts(part);
        (self.pattern(next(&mut parts)), self.expr(next(&mut parts)), self.block(next(&mut parts)))
    }

    fn block(&self, part: Part) -> Block {
        let span = self.span(&part);
        self.blocks.set(self.blocks.get() + 1);
        let statements = part.into_inner().map(|p| self.statement(p)).collect();
        self.blocks.set(self.blocks.get() - 1);
        Block { statements, span }
    }

    /// An expression, or, with a second one, an assignment to what the first one names.
    fn assignment(&self, part: Part) -> StatementKind {
        let mut parts = parts(part).peekable();
        let target = self.expr(next(&mut parts));
        let draws = next_if(&mut parts, Rule::draws).is_some();
        let Some(value) = parts.next() else { return StatementKind::Expr(target) };
        let value = self.expr(value);
        match as_target(&target) {
            Some(target) => StatementKind::Assign { target, value, draws },
            None => {
                self.say(messages::cannot_assign(&target, &value.span, draws));
                StatementKind::Expr(value)
            }
        }
    }

    // Types.

    fn type_expr(&self, part: Part) -> TypeExpr {
        let span = self.span(&part);
        let mut parts = part.into_inner();
        let head = next(&mut parts);
        let dims = |d: Option<Part>| d.map_or(vec![], |d| self.exprs(d));
        let kind = match head.as_rule() {
            Rule::tuple_type => self.tuple_type(head),
            Rule::record_type => TypeKind::Record(self.labelled(head, |b, p| b.type_expr(p))),
            Rule::group_type => {
                let mut group = head.into_inner();
                let word = next(&mut group);
                let of = Box::new(self.expr(next(&mut group)));
                let dims = dims(parts.next());
                match word.as_str() {
                    "SU" => TypeKind::SpecialUnitary { n: of, dims },
                    "site" => TypeKind::Site { lattice: of, dims },
                    _ => TypeKind::Direction { lattice: of, dims },
                }
            }
            _ => TypeKind::Named { name: self.name(head), dims: dims(parts.next()) },
        };
        TypeExpr { kind, span }
    }

    /// `(real, int)`; `(real)` is `real`
    fn tuple_type(&self, part: Part) -> TypeKind {
        let mut members: Vec<TypeExpr> = parts(part).map(|p| self.type_expr(p)).collect();
        match members.len() {
            1 => members.remove(0).kind,
            _ => TypeKind::Tuple(members),
        }
    }

    /// The members of `{a: …, b: …}`.
    fn labelled<T>(&self, part: Part, member: impl Fn(&Self, Part) -> T) -> Vec<(Name, T)> {
        let mut parts = parts(part);
        let mut members = vec![];
        while let Some(label) = parts.next() {
            members.push((self.label(label), member(self, next(&mut parts))));
        }
        self.different(members.iter().map(|m| &m.0));
        members
    }

    /// Says which names stand twice where each would mean something else.
    fn different<'n>(&self, names: impl Iterator<Item = &'n Name>) {
        let mut seen: Vec<&Name> = vec![];
        for name in names.filter(|n| &*n.text != "_") {
            match seen.iter().find(|n| n.text == name.text) {
                Some(first) => self.say(messages::name_twice(&first.span, &name.span)),
                None => seen.push(name),
            }
        }
    }

    fn label(&self, part: Part) -> Name {
        self.name(next(&mut part.into_inner()))
    }

    // Expressions.

    fn exprs(&self, part: Part) -> Vec<Expr> {
        parts(part).map(|p| self.expr(p)).collect()
    }

    fn expr(&self, part: Part) -> Expr {
        match part.as_rule() {
            Rule::lambda => self.lambda(part),
            _ => self.operation(part),
        }
    }

    /// `x -> y -> x + y`
    fn lambda(&self, part: Part) -> Expr {
        let span = self.span(&part);
        let (mut heads, mut body) = (vec![], None);
        for part in part.into_inner() {
            match part.as_rule() {
                Rule::lambda_head => heads.push((self.span(&part), self.names(part))),
                _ => body = Some(self.body(part)),
            }
        }
        let mut body = body.expect("the grammar has it");
        for (head, parameters) in heads.into_iter().rev() {
            self.different(parameters.iter());
            body = Expr::new(ExprKind::Lambda { parameters, body }, Span { end: span.end, ..head });
        }
        body
    }

    /// Operators, then pipes.
    fn operation(&self, part: Part) -> Expr {
        let mut inner: Vec<Part> = part.into_inner().collect();
        let pipes = inner.iter().position(|p| p.as_rule() == Rule::pipe_op).unwrap_or(inner.len());
        let pipes = inner.split_off(pipes);
        let mut value = match inner.len() {
            1 => self.postfix(inner.remove(0)),
            _ => self.operators(inner).expr,
        };
        for target in pipes.into_iter().filter(|p| p.as_rule() == Rule::postfix) {
            value = self.pipe(value, target);
        }
        value
    }

    fn operators(&self, operation: Vec<Part>) -> Operand {
        PRECEDENCE
            .map_primary(|p| Operand { expr: self.postfix(p), op: None })
            .map_prefix(|op, x| {
                let kind = if op.as_rule() == Rule::neg { UnaryOp::Neg } else { UnaryOp::Not };
                let span = self.span(&op).to(&x.expr.span);
                Operand { expr: Expr::new(ExprKind::Unary { op: kind, value: x.expr }, span), op: None }
            })
            .map_postfix(|x, conversion| {
                let span = x.expr.span.to(&self.span(&conversion));
                let ty = self.type_expr(next(&mut parts(conversion)));
                Operand { expr: Expr::new(ExprKind::As { value: x.expr, ty }, span), op: None }
            })
            .map_infix(|left, op, right| self.binary(left, op, right))
            .parse(operation.into_iter())
    }

    fn binary(&self, left: Operand, op: Part, right: Operand) -> Operand {
        let kind = binary_op(op.as_rule());
        let op_span = self.span(&op);
        if let Some(first) = left.op.filter(|l| is_comparison(*l) && is_comparison(kind)) {
            self.say(messages::chained_comparison(&left.expr, first, &op_span, &right.expr));
        }
        if left.op == Some(BinaryOp::Range) && kind == BinaryOp::Range {
            self.say(messages::chained_range(&op_span));
        }
        let span = left.expr.span.to(&right.expr.span);
        let expr = ExprKind::Binary { op: kind, op_span, left: left.expr, right: right.expr };
        Operand { expr: Expr::new(expr, span), op: Some(kind) }
    }

    /// `x |> f(a)` is `f(x, a)`; `x |> f` is `f(x)`.
    fn pipe(&self, value: Expr, target: Part) -> Expr {
        let span = value.span.to(&self.span(&target));
        let mut inner: Vec<Part> = target.into_inner().collect();
        let mut arguments = vec![Argument { name: None, value }];
        if inner.last().is_some_and(|p| p.as_rule() == Rule::call) {
            let call = inner.pop().expect("just seen");
            let at = self.span(&call);
            match self.arguments(call) {
                Arguments::Plain(more) => arguments.extend(more),
                Arguments::Comprehension(_) => self.say(messages::pipe_into_comprehension(&at)),
            }
        }
        let function = self.trailers(inner);
        Expr::new(ExprKind::Call { function, arguments }, span)
    }

    fn postfix(&self, part: Part) -> Expr {
        self.trailers(part.into_inner().collect())
    }

    /// A primary and what is attached to it.
    fn trailers(&self, inner: Vec<Part>) -> Expr {
        let mut inner = inner.into_iter();
        let head = next(&mut inner);
        let rooted = head.as_rule() == Rule::root;
        let mut value = self.primary(head);
        for (i, trailer) in inner.enumerate() {
            if rooted && i == 0 && trailer.as_rule() == Rule::superscript {
                self.say(messages::root_of_power(&value.span, &self.span(&trailer), trailer.as_str()));
            }
            value = self.trailer(value, trailer);
        }
        value
    }

    fn trailer(&self, value: Expr, part: Part) -> Expr {
        let at = self.span(&part);
        let span = value.span.to(&at);
        let kind = match part.as_rule() {
            Rule::call => match self.arguments(part) {
                Arguments::Plain(arguments) => ExprKind::Call { function: value, arguments },
                Arguments::Comprehension(comprehension) => ExprKind::Reduction { function: value, comprehension },
            },
            Rule::subscript => ExprKind::Index { value, indices: parts(part).map(|p| self.index(p)).collect() },
            Rule::field => ExprKind::Field { value, name: self.name(next(&mut part.into_inner())) },
            Rule::transpose => ExprKind::Transpose(value),
            _ => {
                let right = self.superscript(&part);
                ExprKind::Binary { op: BinaryOp::Pow, op_span: at, left: value, right }
            }
        };
        Expr::new(kind, span)
    }

    fn index(&self, part: Part) -> Index {
        let inner = next(&mut part.into_inner());
        match inner.as_rule() {
            Rule::whole => Index::All(self.span(&inner)),
            _ => Index::Expr(self.expr(inner)),
        }
    }

    fn superscript(&self, part: &Part) -> Expr {
        let span = self.span(part);
        let digits: String = part.as_str().chars().filter_map(superscript_digit).collect();
        let number = Expr::new(self.integer(&digits, &span), span.clone());
        match part.as_str().starts_with('⁻') {
            true => Expr::new(ExprKind::Unary { op: UnaryOp::Neg, value: number }, span),
            false => number,
        }
    }

    fn arguments(&self, part: Part) -> Arguments {
        let mut inner: Vec<Part> = parts(part).collect();
        if inner.last().is_some_and(|p| p.as_rule() == Rule::comprehension) {
            let rest = inner.pop().expect("just seen");
            let body = self.argument(inner.remove(0));
            if let Some(name) = &body.name {
                self.say(messages::named_comprehension(&name.span, &self.span(&rest)));
            }
            return Arguments::Comprehension(self.comprehension(body.value, rest));
        }
        Arguments::Plain(inner.into_iter().map(|p| self.argument(p)).collect())
    }

    fn argument(&self, part: Part) -> Argument {
        let mut inner = part.into_inner().peekable();
        let name = next_if(&mut inner, Rule::label).map(|p| self.label(p));
        Argument { name, value: self.expr(next(&mut inner)) }
    }

    fn comprehension(&self, body: Expr, part: Part) -> Comprehension {
        let (mut generators, mut filter) = (vec![], None);
        for part in parts(part) {
            match part.as_rule() {
                Rule::generator => {
                    let mut parts = parts(part);
                    generators.push((self.pattern(next(&mut parts)), self.expr(next(&mut parts))));
                }
                Rule::if_word => {}
                _ => filter = Some(self.expr(part)),
            }
        }
        Comprehension { body, generators, filter }
    }

    fn primary(&self, part: Part) -> Expr {
        let span = self.span(&part);
        let kind = match part.as_rule() {
            Rule::number => self.number(part.as_str(), &span),
            Rule::string => return self.string(part),
            Rule::paren => return self.paren(part),
            Rule::list => self.list(part),
            Rule::condition => return self.condition(part),
            Rule::record => ExprKind::Record(self.labelled(part, |b, p| b.expr(p))),
            Rule::root => return self.root(part),
            Rule::gradient => return self.gradient(part),
            _ => ExprKind::Name(self.name(part)),
        };
        Expr::new(kind, span)
    }

    fn number(&self, written: &str, span: &Span) -> ExprKind {
        let digits = written.replace('_', "");
        if let Some(digits) = digits.strip_suffix('i') {
            return ExprKind::Imaginary(self.real(digits, span));
        }
        match digits.contains(['.', 'e', 'E']) {
            true => ExprKind::Real(self.real(&digits, span)),
            false => self.integer(&digits, span),
        }
    }

    fn real(&self, digits: &str, span: &Span) -> f64 {
        let value: f64 = digits.parse().expect("the grammar has digits here");
        if value.is_infinite() {
            self.say(messages::real_too_large(span));
        }
        value
    }

    fn integer(&self, digits: &str, span: &Span) -> ExprKind {
        digits.parse().map_or_else(
            |_| {
                self.say(messages::integer_too_large(span));
                ExprKind::Int(0)
            },
            ExprKind::Int,
        )
    }

    /// `(a)` is `a`, in a place that holds the brackets.
    fn paren(&self, part: Part) -> Expr {
        let span = self.span(&part);
        let comma = part.clone().into_inner().any(|p| p.as_rule() == Rule::comma);
        let mut members = self.exprs(part);
        if members.len() != 1 {
            return Expr::new(ExprKind::Tuple(members), span);
        }
        if comma {
            self.say(messages::tuple_of_one(&span));
        }
        Expr { span, ..members.remove(0) }
    }

    fn list(&self, part: Part) -> ExprKind {
        let mut inner: Vec<Part> = parts(part).collect();
        if inner.last().is_some_and(|p| p.as_rule() == Rule::comprehension) {
            let rest = inner.pop().expect("just seen");
            return ExprKind::Comprehension(self.comprehension(self.expr(inner.remove(0)), rest));
        }
        ExprKind::List(inner.into_iter().map(|p| self.expr(p)).collect())
    }

    /// `if a { … } else if b { … } else { … }`: the last comes first.
    fn condition(&self, part: Part) -> Expr {
        let whole = self.span(&part);
        let (mut branches, mut otherwise) = (vec![], None);
        let mut parts = parts(part);
        while let Some(part) = parts.next() {
            match part.as_rule() {
                Rule::if_word => {
                    let start = self.span(&part).start;
                    branches.push((start, self.expr(next(&mut parts)), self.block(next(&mut parts))));
                }
                _ => otherwise = Some(self.body(part)),
            }
        }
        for (start, condition, then) in branches.into_iter().rev() {
            let span = Span { start, ..whole.clone() };
            otherwise = Some(Expr::new(ExprKind::If { condition, then, otherwise }, span));
        }
        otherwise.expect("the grammar has one branch at least")
    }

    /// `√√x`
    fn root(&self, part: Part) -> Expr {
        let span = self.span(&part);
        let mut inner: Vec<Part> = part.into_inner().collect();
        let rest = inner.iter().position(|p| p.as_rule() != Rule::root_sign).expect("the grammar has it");
        let mut value = self.trailers(inner.split_off(rest));
        for sign in inner.into_iter().rev() {
            let sign = self.span(&sign);
            let whole = Span { end: span.end, ..sign.clone() };
            value = self.call_of("sqrt", sign, value, whole);
        }
        value
    }

    /// `∇S` is `grad(S)`; `∇` before a bracket is `grad`.
    fn gradient(&self, part: Part) -> Expr {
        let span = self.span(&part);
        let sign = Span { end: span.start + '∇'.len_utf8(), ..span.clone() };
        match part.into_inner().next() {
            None => self.named("grad", sign),
            Some(name) => {
                let name = self.name(name);
                let at = name.span.clone();
                self.call_of("grad", sign, Expr::new(ExprKind::Name(name), at), span)
            }
        }
    }

    fn named(&self, name: &str, span: Span) -> Expr {
        Expr::new(ExprKind::Name(Name { text: self.spelling(name), span: span.clone() }), span)
    }

    fn call_of(&self, name: &str, at: Span, value: Expr, span: Span) -> Expr {
        let arguments = vec![Argument { name: None, value }];
        Expr::new(ExprKind::Call { function: self.named(name, at), arguments }, span)
    }

    // Strings.

    fn string(&self, part: Part) -> Expr {
        let span = self.span(&part);
        let mut found: Vec<StringPart> = vec![];
        let mut text = String::new();
        for part in part.into_inner() {
            match part.as_rule() {
                Rule::text => text.push_str(part.as_str()),
                Rule::escape => text.push_str(&part.as_str()[1..]),
                _ => {
                    if !text.is_empty() {
                        found.push(StringPart::Text(std::mem::take(&mut text).into()));
                    }
                    found.push(self.hole(part));
                }
            }
        }
        if !text.is_empty() {
            found.push(StringPart::Text(text.into()));
        }
        Expr::new(ExprKind::Str(found), span)
    }

    /// `{value:format}`
    fn hole(&self, part: Part) -> StringPart {
        let mut inner = part.into_inner();
        let value = self.expr(next(&mut inner));
        let format = inner.next().map(|p| {
            let format = p.as_str().trim();
            if !is_format(format) {
                self.say(messages::unknown_format(&self.span(&p), format));
            }
            format.into()
        });
        StringPart::Value { value, format }
    }

    /// A string that cannot hold values: the name of a file, the title of a test.
    fn plain_text(&self, part: Part) -> Rc<str> {
        let string = self.string(part);
        let ExprKind::Str(parts) = &*string.kind else { unreachable!("a string is a string") };
        match parts.as_slice() {
            [] => "".into(),
            [StringPart::Text(text)] => text.clone(),
            _ => {
                self.say(messages::value_in_plain_text(&string.span));
                "".into()
            }
        }
    }
}

enum Arguments {
    Plain(Vec<Argument>),
    Comprehension(Comprehension),
}

/// A name, elements and fields of it: what can be assigned to.
fn as_target(expr: &Expr) -> Option<Target> {
    let mut path = vec![];
    let mut at = expr;
    loop {
        match &*at.kind {
            ExprKind::Name(name) => {
                path.reverse();
                return Some(Target { name: name.clone(), path, span: expr.span.clone() });
            }
            ExprKind::Index { value, indices } => {
                path.push(Access::Index(indices.clone(), Span { start: value.span.end, ..at.span.clone() }));
                at = value;
            }
            ExprKind::Field { value, name } => {
                path.push(Access::Field(name.clone()));
                at = value;
            }
            _ => return None,
        }
    }
}

fn is_comparison(op: BinaryOp) -> bool {
    use BinaryOp::*;
    matches!(op, Eq | Ne | Lt | Le | Gt | Ge)
}

fn binary_op(rule: Rule) -> BinaryOp {
    match rule {
        Rule::or => BinaryOp::Or,
        Rule::and => BinaryOp::And,
        Rule::eq => BinaryOp::Eq,
        Rule::ne => BinaryOp::Ne,
        Rule::lt => BinaryOp::Lt,
        Rule::le => BinaryOp::Le,
        Rule::gt => BinaryOp::Gt,
        Rule::ge => BinaryOp::Ge,
        Rule::range => BinaryOp::Range,
        Rule::add => BinaryOp::Add,
        Rule::sub => BinaryOp::Sub,
        Rule::mul => BinaryOp::Mul,
        Rule::div => BinaryOp::Div,
        Rule::floor_div => BinaryOp::FloorDiv,
        Rule::rem => BinaryOp::Rem,
        Rule::matmul => BinaryOp::MatMul,
        Rule::stratonovich => BinaryOp::Stratonovich,
        _ => BinaryOp::Pow,
    }
}

fn superscript_digit(c: char) -> Option<char> {
    match c {
        '⁰' => Some('0'),
        '¹' => Some('1'),
        '²' => Some('2'),
        '³' => Some('3'),
        '⁴'..='⁹' => char::from_digit(c as u32 - '⁰' as u32, 10),
        _ => None,
    }
}

/// `.3`, `8.3`, `e`, `.2e`
fn is_format(format: &str) -> bool {
    let digits = |text: &str| text.len() <= 3 && text.bytes().all(|c| c.is_ascii_digit());
    let numbers = format.strip_suffix('e').unwrap_or(format);
    !format.is_empty()
        && match numbers.split_once('.') {
            Some((width, decimals)) => digits(width) && digits(decimals) && !decimals.is_empty(),
            None => digits(numbers),
        }
}
