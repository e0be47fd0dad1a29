//! From the tree to text: one spelling for each tree. Reading what is printed gives the same tree, up to places.

use super::ast::*;
use std::fmt::Write;

pub fn program(program: &Program) -> String {
    let mut printer = Printer::default();
    for statement in &program.statements {
        printer.statement(statement);
        printer.out.push('\n');
    }
    printer.out
}

pub fn statement(statement: &Statement) -> String {
    let mut printer = Printer::default();
    printer.statement(statement);
    printer.out
}

pub fn expr(expr: &Expr) -> String {
    let mut printer = Printer::default();
    printer.expr(expr, Level::Expr);
    printer.out
}

pub fn type_expr(ty: &TypeExpr) -> String {
    let mut printer = Printer::default();
    printer.type_expr(ty);
    printer.out
}

/// How tightly what stands at a place must bind to stand there without brackets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Level {
    Expr,
    Or,
    And,
    Not,
    Comparison,
    Range,
    Sum,
    Product,
    As,
    Neg,
    Power,
    Postfix,
}

impl Level {
    fn tighter(self) -> Level {
        use Level::*;
        const ALL: [Level; 12] = [Expr, Or, And, Not, Comparison, Range, Sum, Product, As, Neg, Power, Postfix];
        ALL[(self as usize + 1).min(ALL.len() - 1)]
    }
}

fn level(expr: &Expr) -> Level {
    match &*expr.kind {
        ExprKind::Lambda { .. } | ExprKind::Block(_) => Level::Expr,
        ExprKind::Unary { op: UnaryOp::Not, .. } => Level::Not,
        ExprKind::Unary { op: UnaryOp::Neg, .. } => Level::Neg,
        ExprKind::As { .. } => Level::As,
        ExprKind::Binary { op, .. } => operator(*op).1,
        _ => Level::Postfix,
    }
}

fn operator(op: BinaryOp) -> (&'static str, Level) {
    match op {
        BinaryOp::Or => (" or ", Level::Or),
        BinaryOp::And => (" and ", Level::And),
        BinaryOp::Eq => (" == ", Level::Comparison),
        BinaryOp::Ne => (" != ", Level::Comparison),
        BinaryOp::Lt => (" < ", Level::Comparison),
        BinaryOp::Le => (" <= ", Level::Comparison),
        BinaryOp::Gt => (" > ", Level::Comparison),
        BinaryOp::Ge => (" >= ", Level::Comparison),
        BinaryOp::Range => ("..", Level::Range),
        BinaryOp::Add => (" + ", Level::Sum),
        BinaryOp::Sub => (" - ", Level::Sum),
        BinaryOp::Mul => (" * ", Level::Product),
        BinaryOp::Div => (" / ", Level::Product),
        BinaryOp::FloorDiv => (" // ", Level::Product),
        BinaryOp::Rem => (" % ", Level::Product),
        BinaryOp::MatMul => (" @ ", Level::Product),
        BinaryOp::Stratonovich => (" o ", Level::Product),
        BinaryOp::Pow => ("^", Level::Power),
    }
}

/// How tightly the operands of an operator must bind.
fn operand_levels(op: BinaryOp) -> (Level, Level) {
    let own = operator(op).1;
    match own {
        // Right to left, and a sign may stand in the exponent.
        Level::Power => (Level::Postfix, Level::Neg),
        // No chains.
        Level::Comparison | Level::Range => (own.tighter(), own.tighter()),
        _ => (own, own.tighter()),
    }
}

#[derive(Default)]
struct Printer {
    out: String,
    indent: usize,
    /// Inside a string, where no line can end.
    flat: bool,
}

impl Printer {
    fn text(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn line(&mut self) {
        self.out.push('\n');
        for _ in 0..self.indent {
            self.out.push_str("    ");
        }
    }

    fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.text(", ");
            }
            each(self, item);
        }
    }

    fn name(&mut self, name: &Name) {
        self.text(&name.text);
    }

    fn names(&mut self, names: &[Name]) {
        self.list(names, |p, n| p.name(n));
    }

    // Statements.

    fn statement(&mut self, statement: &Statement) {
        if let Some(doc) = &statement.doc {
            for line in doc.split('\n') {
                self.text(if line.is_empty() { "##" } else { "## " });
                self.text(line);
                self.line();
            }
        }
        match &statement.kind {
            StatementKind::Use { module, alias } => self.import(module, alias.as_ref()),
            StatementKind::Param { name, ty, value, help } => {
                self.declaration("param", name);
                self.annotation(ty.as_ref());
                self.value("=", value);
                if let Some(help) = help {
                    self.text(" ");
                    self.plain(help);
                }
            }
            StatementKind::Lattice { name, value } => {
                self.declaration("lattice", name);
                self.value("=", value);
            }
            StatementKind::Function(function) => self.function(function),
            StatementKind::Process(process) => self.process(process),
            StatementKind::Test { title, body } => {
                self.text("test ");
                self.plain(title);
                self.text(" ");
                self.block(body);
            }
            StatementKind::Let { mutable, pattern, ty, value, draws } => {
                self.text(if *mutable { "var " } else { "let " });
                self.pattern(pattern);
                self.annotation(ty.as_ref());
                self.value(sign(*draws), value);
            }
            StatementKind::Weight { name, ty, value, draws, frozen } => {
                self.declaration("weight", name);
                self.annotation(Some(ty));
                self.value(sign(*draws), value);
                self.text(if *frozen { " frozen" } else { "" });
            }
            StatementKind::Assign { target, value, draws } => {
                self.target(target);
                self.value(sign(*draws), value);
            }
            StatementKind::For { pattern, set, body } => {
                self.text("for ");
                self.generator(pattern, set);
                self.text(" ");
                self.block(body);
            }
            StatementKind::While { condition, body } => {
                self.text("while ");
                self.expr(condition, Level::Expr);
                self.text(" ");
                self.block(body);
            }
            StatementKind::Assert { condition, message } => {
                self.text("assert ");
                self.expr(condition, Level::Expr);
                if let Some(message) = message {
                    self.text(", ");
                    self.expr(message, Level::Expr);
                }
            }
            StatementKind::Expr(expr) => self.expr(expr, Level::Expr),
        }
    }

    fn import(&mut self, module: &Module, alias: Option<&Name>) {
        self.text("use ");
        match module {
            Module::Library(name) => self.name(name),
            Module::File(path, _) => self.plain(path),
        }
        if let Some(alias) = alias {
            self.text(" as ");
            self.name(alias);
        }
    }

    fn declaration(&mut self, word: &str, name: &Name) {
        self.text(word);
        self.text(" ");
        self.name(name);
    }

    fn annotation(&mut self, ty: Option<&TypeExpr>) {
        if let Some(ty) = ty {
            self.text(": ");
            self.type_expr(ty);
        }
    }

    fn value(&mut self, sign: &str, value: &Expr) {
        self.text(" ");
        self.text(sign);
        self.text(" ");
        self.expr(value, Level::Expr);
    }

    fn function(&mut self, function: &Function) {
        let word = match function.kind {
            FunctionKind::Fn => "fn",
            FunctionKind::Action => "action",
            FunctionKind::Layer => "layer",
            FunctionKind::Network => "network",
        };
        self.declaration(word, &function.name);
        self.head(&function.generics, &function.parameters);
        self.annotation(function.result.as_ref());
        match &*function.body.kind {
            ExprKind::Block(block) => {
                self.text(" ");
                self.block(block);
            }
            _ => self.value("=", &function.body),
        }
    }

    fn head(&mut self, generics: &[Name], parameters: &[Parameter]) {
        if !generics.is_empty() {
            self.text("[");
            self.names(generics);
            self.text("]");
        }
        self.text("(");
        self.list(parameters, |p, parameter| {
            p.name(&parameter.name);
            p.annotation(parameter.ty.as_ref());
            if let Some(default) = &parameter.default {
                p.value("=", default);
            }
        });
        self.text(")");
    }

    fn process(&mut self, process: &Process) {
        self.declaration("process", &process.name);
        self.head(&process.generics, &process.parameters);
        self.text(" {");
        self.indent += 1;
        for line in &process.lines {
            self.line();
            match line {
                ProcessLine::Differential { state, value } => {
                    self.declaration("d", state);
                    self.value("=", value);
                }
                ProcessLine::Noise { name, ty } => {
                    self.declaration("noise", name);
                    self.annotation(Some(ty));
                }
                ProcessLine::Statement(statement) => self.statement(statement),
            }
        }
        self.indent -= 1;
        self.line();
        self.text("}");
    }

    fn pattern(&mut self, pattern: &Pattern) {
        match pattern {
            Pattern::Name(name) => self.name(name),
            Pattern::Tuple(names, _) => {
                self.text("(");
                self.names(names);
                self.text(")");
            }
        }
    }

    fn target(&mut self, target: &Target) {
        self.name(&target.name);
        for access in &target.path {
            match access {
                Access::Index(indices, _) => self.indices(indices),
                Access::Field(name) => {
                    self.text(".");
                    self.name(name);
                }
            }
        }
    }

    /// A short block stays on its line.
    fn block(&mut self, block: &Block) {
        let short = match block.statements.as_slice() {
            [] => return self.text("{}"),
            [only] => only.doc.is_none() && matches!(&only.kind, StatementKind::Expr(e) if !holds_block(e)),
            _ => false,
        };
        self.text("{");
        self.indent += 1;
        for (i, statement) in block.statements.iter().enumerate() {
            match (short, self.flat) {
                (false, false) => self.line(),
                (false, true) if i > 0 => self.text("; "),
                _ => self.text(" "),
            }
            self.statement(statement);
        }
        self.indent -= 1;
        match short || self.flat {
            true => self.text(" "),
            false => self.line(),
        }
        self.text("}");
    }

    // Types.

    fn type_expr(&mut self, ty: &TypeExpr) {
        match &ty.kind {
            TypeKind::Named { name, dims } => {
                self.name(name);
                self.dims(dims);
            }
            TypeKind::SpecialUnitary { n, dims } => self.group("SU", n, dims),
            TypeKind::Site { lattice, dims } => self.group("site", lattice, dims),
            TypeKind::Direction { lattice, dims } => self.group("direction", lattice, dims),
            TypeKind::Tuple(members) => {
                self.text("(");
                self.list(members, |p, m| p.type_expr(m));
                self.text(")");
            }
            TypeKind::Record(members) => {
                self.text("{");
                self.list(members, |p, (name, ty)| {
                    p.name(name);
                    p.annotation(Some(ty));
                });
                self.text("}");
            }
        }
    }

    fn group(&mut self, word: &str, of: &Expr, dims: &[Expr]) {
        self.text(word);
        self.text("(");
        self.expr(of, Level::Expr);
        self.text(")");
        self.dims(dims);
    }

    fn dims(&mut self, dims: &[Expr]) {
        if !dims.is_empty() {
            self.text("[");
            self.exprs(dims);
            self.text("]");
        }
    }

    // Expressions.

    fn exprs(&mut self, exprs: &[Expr]) {
        self.list(exprs, |p, e| p.expr(e, Level::Expr));
    }

    /// An expression at a place that wants it to bind as tightly as `least`.
    fn expr(&mut self, expr: &Expr, least: Level) {
        if level(expr) < least {
            self.text("(");
            self.bare(expr);
            self.text(")");
        } else {
            self.bare(expr);
        }
    }

    fn bare(&mut self, expr: &Expr) {
        match &*expr.kind {
            ExprKind::Int(value) => write!(self.out, "{value}").expect("a string takes all"),
            ExprKind::Real(value) => self.real(*value),
            ExprKind::Imaginary(value) => {
                self.real(*value);
                self.text("i");
            }
            ExprKind::Str(parts) => self.string(parts),
            ExprKind::Name(name) => self.name(name),
            ExprKind::If { condition, then, otherwise } => self.condition(condition, then, otherwise.as_ref()),
            ExprKind::Block(block) => self.block(block),
            ExprKind::Record(members) => {
                self.text("{");
                self.list(members, |p, (name, value)| {
                    p.name(name);
                    p.text(": ");
                    p.expr(value, Level::Expr);
                });
                self.text("}");
            }
            ExprKind::Tuple(members) => {
                self.text("(");
                self.exprs(members);
                self.text(")");
            }
            ExprKind::List(members) => {
                self.text("[");
                self.exprs(members);
                self.text("]");
            }
            ExprKind::Comprehension(comprehension) => {
                self.text("[");
                self.comprehension(comprehension);
                self.text("]");
            }
            ExprKind::Call { function, arguments } => {
                self.attached(function);
                self.text("(");
                self.list(arguments, Self::argument);
                self.text(")");
            }
            ExprKind::Reduction { function, comprehension } => {
                self.attached(function);
                self.text("(");
                self.comprehension(comprehension);
                self.text(")");
            }
            ExprKind::Index { value, indices } => {
                self.attached(value);
                self.indices(indices);
            }
            ExprKind::Field { value, name } => {
                self.attached(value);
                self.text(".");
                self.name(name);
            }
            ExprKind::Transpose(value) => {
                self.attached(value);
                self.text("'");
            }
            ExprKind::Unary { op: UnaryOp::Neg, value } => {
                self.text("-");
                self.expr(value, Level::Neg);
            }
            ExprKind::Unary { op: UnaryOp::Not, value } => {
                self.text("not ");
                self.expr(value, Level::Not);
            }
            ExprKind::Binary { op, left, right, .. } => {
                let (l, r) = operand_levels(*op);
                self.expr(left, l);
                self.text(operator(*op).0);
                self.expr(right, r);
            }
            ExprKind::As { value, ty } => {
                self.expr(value, Level::As);
                self.text(" as ");
                self.type_expr(ty);
            }
            ExprKind::Lambda { parameters, body } => self.lambda(parameters, body),
        }
    }

    /// With a decimal point or an exponent, so that it stays a `real`.
    fn real(&mut self, value: f64) {
        write!(self.out, "{value:?}").expect("a string takes all");
    }

    /// What a bracket, a point or a `'` follows.
    fn attached(&mut self, value: &Expr) {
        let number = matches!(&*value.kind, ExprKind::Int(_) | ExprKind::Real(_) | ExprKind::Imaginary(_));
        if number {
            self.text("(");
        }
        self.expr(value, Level::Postfix);
        if number {
            self.text(")");
        }
    }

    fn argument(&mut self, argument: &Argument) {
        if let Some(name) = &argument.name {
            self.name(name);
            self.text(": ");
        }
        self.expr(&argument.value, Level::Expr);
    }

    fn indices(&mut self, indices: &[Index]) {
        self.text("[");
        self.list(indices, |p, index| match index {
            Index::All(_) => p.text(".."),
            Index::Expr(e) => p.expr(e, Level::Expr),
        });
        self.text("]");
    }

    fn comprehension(&mut self, comprehension: &Comprehension) {
        self.expr(&comprehension.body, Level::Expr);
        self.text(" for ");
        self.list(&comprehension.generators, |p, (pattern, set)| p.generator(pattern, set));
        if let Some(filter) = &comprehension.filter {
            self.text(" if ");
            self.expr(filter, Level::Expr);
        }
    }

    fn generator(&mut self, pattern: &Pattern, set: &Expr) {
        self.pattern(pattern);
        self.text(" in ");
        self.expr(set, Level::Expr);
    }

    fn condition(&mut self, condition: &Expr, then: &Block, otherwise: Option<&Expr>) {
        self.text("if ");
        self.expr(condition, Level::Expr);
        self.text(" ");
        self.block(then);
        if let Some(otherwise) = otherwise {
            self.text(" else ");
            self.bare(otherwise);
        }
    }

    fn lambda(&mut self, parameters: &[Name], body: &Expr) {
        match parameters {
            [one] => self.name(one),
            several => {
                self.text("(");
                self.names(several);
                self.text(")");
            }
        }
        self.text(" -> ");
        self.expr(body, Level::Expr);
    }

    // Strings.

    fn string(&mut self, parts: &[StringPart]) {
        self.text("\"");
        for part in parts {
            match part {
                StringPart::Text(text) => self.escaped(text),
                StringPart::Value { value, format } => {
                    self.text("{");
                    let (before, start) = (std::mem::replace(&mut self.flat, true), self.out.len());
                    self.expr(value, Level::Expr);
                    self.flat = before;
                    if self.out[start..].starts_with('{') {
                        // `{{` would be a brace.
                        self.out.insert(start, ' ');
                    }
                    if let Some(format) = format {
                        self.text(":");
                        self.text(format);
                    }
                    self.text("}");
                }
            }
        }
        self.text("\"");
    }

    fn plain(&mut self, text: &str) {
        self.text("\"");
        self.escaped(text);
        self.text("\"");
    }

    fn escaped(&mut self, text: &str) {
        self.text(&text.replace('{', "{{").replace('}', "}}"));
    }
}

fn sign(draws: bool) -> &'static str {
    if draws { "~" } else { "=" }
}

/// Does a block stand somewhere in it?
fn holds_block(expr: &Expr) -> bool {
    match &*expr.kind {
        ExprKind::If { .. } | ExprKind::Block(_) => true,
        ExprKind::Lambda { body, .. } => holds_block(body),
        ExprKind::Unary { value, .. } | ExprKind::As { value, .. } | ExprKind::Transpose(value) => holds_block(value),
        ExprKind::Binary { left, right, .. } => holds_block(left) || holds_block(right),
        ExprKind::Call { function, arguments } => {
            holds_block(function) || arguments.iter().any(|a| holds_block(&a.value))
        }
        _ => false,
    }
}
