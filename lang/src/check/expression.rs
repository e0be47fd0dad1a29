//! Expressions, blocks and branches: one function for each form.

use super::value::*;
use super::*;
use crate::core::{Block as CoreBlock, Literal};
use crate::syntax::ast::*;

impl Checker<'_> {
    pub fn expr(&mut self, e: &Expr) -> Checked<Value> {
        self.b.at(&e.span);
        match &*e.kind {
            ExprKind::Int(n) => Ok(Value::Number(self.literal(Literal::Int(*n)))),
            ExprKind::Real(x) => Ok(Value::Number(self.literal(Literal::Real(*x)))),
            ExprKind::Imaginary(y) => {
                let (re, im) = (self.b.real(0.0), self.b.real(*y));
                Ok(Value::Number(Number { loose: true, ..self.complex(vec![], re, im) }))
            }
            ExprKind::Str(parts) => self.text(parts, &e.span),
            ExprKind::Name(name) => self.name(name),
            ExprKind::If { condition, then, otherwise } => self.branches(e, condition, then, otherwise.as_ref()),
            ExprKind::Block(block) => self.block(block),
            ExprKind::Record(fields) => {
                let fields: Vec<_> = fields.iter().map(|(n, e)| (n.text.clone(), self.expr(e))).collect();
                let fields = fields.into_iter().map(|(n, v)| Ok((n, v?))).collect::<Checked<_>>()?;
                Ok(Value::Record(Rc::new(fields)))
            }
            ExprKind::Tuple(items) => {
                let items: Vec<_> = items.iter().map(|e| self.expr(e)).collect();
                Ok(Value::Tuple(Rc::new(items.into_iter().collect::<Checked<_>>()?)))
            }
            ExprKind::List(items) => self.list(items, &e.span),
            ExprKind::Comprehension(c) => self.array_of(c, &e.span),
            ExprKind::Call { function, arguments } => self.call(e, function, arguments),
            ExprKind::Reduction { function, comprehension } => self.reduction(e, function, comprehension),
            ExprKind::Index { value, indices } => {
                let array = self.expr(value)?;
                self.indexed(array, &value.span, indices, &e.span)
            }
            ExprKind::Field { value, name } => self.field(value, name),
            ExprKind::Transpose(value) => match self.expr(value)? {
                Value::Number(n) if n.sets.len() <= 2 => Ok(Value::Number(self.transpose(&n))),
                Value::Unknown => Err(Reported),
                other => self.fail(errors::not_a_matrix(&value.span, &other)),
            },
            ExprKind::Unary { op, value } => self.unary(*op, value, &e.span),
            ExprKind::Binary { op, op_span, left, right } => self.binary(*op, op_span, left, right),
            ExprKind::As { value, ty } => self.converted(value, ty),
            ExprKind::Lambda { parameters, body } => Ok(Value::Function(Rc::new(value::Function::User(Closure {
                declaration: Declaration::Lambda { parameters: parameters.clone(), body: body.clone(), span: e.span.clone() },
                locals: self.locals.seen(),
                ordinals: Rc::new(walk::ordinals(body)),
                checked: Default::default(),
                library: self.in_library,
                module: self.module.clone(),
            })))),
        }
    }

    /// An expression that must be a number.
    pub fn number(&mut self, e: &Expr) -> Checked<Number> {
        match self.expr(e)? {
            Value::Number(n) => Ok(n),
            Value::Unknown => Err(Reported),
            other => self.needs(&e.span, "a number", &other),
        }
    }

    /// A text without values in it; texts with values stand in `print` and its like, which take them apart themselves.
    fn text(&mut self, parts: &[StringPart], span: &Span) -> Checked<Value> {
        let mut text = String::new();
        for part in parts {
            match part {
                StringPart::Text(t) => text.push_str(t),
                StringPart::Value { value, .. } => match self.expr(value)? {
                    Value::Text(t) => text.push_str(&t),
                    known if self.literal_int(&known).is_some() => text.push_str(&self.literal_int(&known).unwrap().to_string()),
                    Value::Unknown => return Err(Reported),
                    _ => return self.fail(errors::unknown_text(&value.span, span)),
                },
            }
        }
        Ok(Value::Text(text.into()))
    }

    fn name(&mut self, name: &Name) -> Checked<Value> {
        if let Some(binding) = self.lookup(&name.text).cloned() {
            return Ok(self.import(&binding));
        }
        if let Some(value) = self.constant_named(&name.text) {
            return Ok(value);
        }
        if let Some(function) = builtin::function(&name.text) {
            return Ok(Value::Function(Rc::new(function)));
        }
        let known = self.known_names();
        // As it is written: φ is no slip for `pi`.
        let near = scope::nearest(name.span.text(), known.iter().map(|n| &**n)).map(str::to_string);
        if let Some((set, moves)) = self.indexing.last()
            && name.text.as_ref() != "end"
        {
            let moves = moves.is_some_and(|from| name.span.start >= from);
            let mistake = errors::unbound_index(name, set, moves, near.as_deref());
            return self.fail(mistake);
        }
        let action = self.globals.names.values().find_map(|binding| match &binding.value {
            Value::Function(f) => f.declared().filter(|f| f.kind == FunctionKind::Action && f.parameters.iter().any(|p| p.name.text == name.text)),
            _ => None,
        });
        self.fail(errors::unknown_name(name, near.as_deref(), action.as_ref().map(|f| f.name.span.text())))
    }

    fn constant_named(&mut self, name: &str) -> Option<Value> {
        let literal = match name {
            "true" => Literal::Bool(true),
            "false" => Literal::Bool(false),
            "pi" => Literal::Real(std::f64::consts::PI),
            "inf" => Literal::Real(f64::INFINITY),
            _ => return None,
        };
        Some(Value::Number(self.literal(literal)))
    }

    pub fn known_names(&self) -> Vec<Rc<str>> {
        let mut names: Vec<Rc<str>> = self.locals.names().filter(|n| !n.starts_with("type ")).cloned().collect();
        names.extend(self.globals.names.keys().cloned());
        names.extend(self.globals.library.names().filter(|n| !n.starts_with('_')).cloned());
        names.extend(builtin::names().map(Rc::from));
        names.extend(["pi", "inf", "true", "false"].map(Rc::from));
        names
    }

    fn converted(&mut self, value: &Expr, ty: &TypeExpr) -> Checked<Value> {
        let operand = self.expr(value);
        let wanted = self.ty(ty)?;
        let operand = operand?;
        let types::Ty::Number(kind, sets) = &wanted else {
            return self.fit(operand, &wanted, &value.span, false);
        };
        match operand {
            Value::Number(n) if sets.is_empty() || n.sets == *sets => {
                if n.kind == Kind::Complex && *kind != Kind::Complex {
                    return self.fail(errors::complex_as(&value.span, *kind));
                }
                let n = self.as_kind(&n, *kind);
                Ok(Value::Number(Number { loose: false, ..n }))
            }
            Value::Unknown => Err(Reported),
            other => self.fail(errors::wrong_type(&value.span, &wanted.describe(), &other.describe())),
        }
    }

    fn list(&mut self, items: &[Expr], span: &Span) -> Checked<Value> {
        let values: Vec<_> = items.iter().map(|e| self.expr(e)).collect();
        let values: Vec<Value> = values.into_iter().collect::<Checked<_>>()?;
        let spans = items.iter().map(|e| e.span.clone()).collect::<Vec<_>>();
        if values.iter().all(|v| matches!(v, Value::Distribution(_) | Value::Function(_) | Value::Process(_) | Value::Text(_) | Value::Set(_))) && !values.is_empty() {
            return Ok(Value::Tuple(Rc::new(values)));
        }
        self.stacked(values, &spans, IndexSet::Range(items.len()), span)
    }

    /// Values of one type along a new first index set.
    pub fn stacked(&mut self, values: Vec<Value>, spans: &[Span], set: IndexSet, span: &Span) -> Checked<Value> {
        if values.is_empty() {
            let re = self.b.full(crate::core::Literal::Real(0.0).scalar(), &[0], 0.0);
            return Ok(Value::Number(Number::new(Kind::Real, vec![set], re)));
        }
        match &values[0] {
            Value::Number(_) => {
                let mut numbers = vec![];
                for (v, s) in values.iter().zip(spans) {
                    match v {
                        Value::Number(n) => numbers.push((n.clone(), s.clone())),
                        Value::Unknown => return Err(Reported),
                        other => return self.fail(errors::list_of_different(s, other, &values[0])),
                    }
                }
                let first = numbers[0].0.clone();
                if let Some((n, s)) = numbers.iter().find(|(n, _)| n.sets != first.sets) {
                    return self.fail(errors::list_of_different(s, &Value::Number(n.clone()), &values[0]));
                }
                let numbers = self.all_alike(numbers)?;
                let loose = numbers.iter().all(|n| n.loose);
                let re: Vec<Var> = numbers.iter().map(|n| n.re).collect();
                let im: Option<Vec<Var>> = numbers.iter().map(|n| n.im).collect();
                let re = self.b.stack(&re);
                let im = im.filter(|_| numbers[0].kind == Kind::Complex).map(|im| self.b.stack(&im));
                let sets = [vec![set], numbers[0].sets.clone()].concat();
                Ok(Value::Number(Number { im, loose, ..Number::new(numbers[0].kind, sets, re) }))
            }
            Value::Record(fields) => {
                let mut stacked = vec![];
                for (k, (name, _)) in fields.iter().enumerate() {
                    let column: Vec<Value> = values
                        .iter()
                        .map(|v| match v {
                            Value::Record(f) if f.len() == fields.len() => f[k].1.clone(),
                            _ => Value::Unit,
                        })
                        .collect();
                    stacked.push((name.clone(), self.stacked(column, spans, set.clone(), span)?));
                }
                Ok(Value::Record(Rc::new(stacked)))
            }
            Value::Tuple(items) => {
                let mut stacked = vec![];
                for k in 0..items.len() {
                    let column: Vec<Value> = values
                        .iter()
                        .map(|v| match v {
                            Value::Tuple(t) if t.len() == items.len() => t[k].clone(),
                            _ => Value::Unit,
                        })
                        .collect();
                    stacked.push(self.stacked(column, spans, set.clone(), span)?);
                }
                Ok(Value::Tuple(Rc::new(stacked)))
            }
            Value::Unknown => Err(Reported),
            // What is known before the run is listed, not stacked.
            Value::Distribution(_) | Value::Function(_) | Value::Process(_) | Value::Text(_) | Value::Set(_) => Ok(Value::Tuple(Rc::new(values))),
            other => self.fail(errors::no_array_of(span, other)),
        }
    }

    // ---- blocks ----

    pub fn block(&mut self, block: &Block) -> Checked<Value> {
        let mark = self.locals.mark();
        let result = self.block_open(block);
        self.locals.leave(mark);
        result
    }

    /// A block whose names stay visible.
    pub fn block_open(&mut self, block: &Block) -> Checked<Value> {
        let mut result = Ok(Value::Unit);
        let mut wrong = false;
        for statement in &block.statements {
            let depth = self.b.depth();
            result = self.statement(statement);
            if result.is_err() {
                // Go on with the next statement, so that several mistakes are told at once.
                self.b.abandon_to(depth);
                self.bind_unknown(statement);
                wrong = true;
                // What an assertion was to protect is not looked at; nor what a call of the library that asserts was.
                if matches!(statement.kind, StatementKind::Assert { .. }) || (self.in_library && matches!(statement.kind, StatementKind::Expr(_))) {
                    break;
                }
            }
        }
        if wrong { Err(Reported) } else { result }
    }

    /// After a mistake: the names that the statement would have bound go with everything.
    pub fn bind_unknown(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Let { pattern, mutable, .. } => {
                for name in pattern_names(pattern) {
                    self.bind(name, Value::Unknown, *mutable);
                }
            }
            StatementKind::Lattice { name, .. } | StatementKind::Param { name, .. } => self.bind(name, Value::Unknown, false),
            StatementKind::Process(p) => self.bind(&p.name, Value::Unknown, false),
            _ => {}
        }
    }

    /// One statement; the value of an expression statement, else nothing.
    pub fn statement(&mut self, statement: &Statement) -> Checked<Value> {
        self.b.at(&statement.span);
        match &statement.kind {
            StatementKind::Let { mutable, pattern, ty, value, draws } => {
                let value = self.let_value(ty.as_ref(), value, self.draw_ordinal(*draws, statement))?;
                self.bind_pattern(pattern, value, *mutable)?;
            }
            StatementKind::Lattice { name, value } => {
                let value = self.lattice_value(name, value)?;
                self.bind(name, value, false);
            }
            StatementKind::Function(function) => {
                let value = self.closure(function);
                self.bind(&function.name, value, false);
            }
            StatementKind::Assign { target, value, draws } => self.assign(target, value, self.draw_ordinal(*draws, statement))?,
            StatementKind::For { pattern, set, body } => self.for_statement(pattern, set, body)?,
            StatementKind::While { condition, body } => self.while_statement(condition, body)?,
            StatementKind::Assert { condition, message } => self.assert_statement(condition, message.as_ref())?,
            StatementKind::Expr(e) => {
                if let ExprKind::If { condition, then, otherwise: None } = &*e.kind {
                    self.branches(e, condition, then, None)?;
                    return Ok(Value::Unit);
                }
                return self.expr(e);
            }
            StatementKind::Process(p) => {
                let value = self.process(p)?;
                self.bind(&p.name, value, false);
            }
            StatementKind::Weight { name, .. } => return self.fail(errors::not_yet(&name.span, "weights and networks")),
            StatementKind::Use { .. } | StatementKind::Param { .. } | StatementKind::Test { .. } => {
                return self.fail(errors::top_level_only(&statement.span));
            }
        }
        Ok(Value::Unit)
    }

    pub fn closure(&mut self, function: &Rc<crate::syntax::ast::Function>) -> Value {
        Value::Function(Rc::new(value::Function::User(Closure {
            declaration: Declaration::Function(function.clone()),
            locals: self.locals.seen(),
            ordinals: Rc::new(walk::ordinals(&function.body)),
            checked: Default::default(),
            library: self.in_library,
            module: self.module.clone(),
        })))
    }

    /// Which draw of this body a statement is, if it is one.
    pub fn draw_ordinal(&self, draws: bool, statement: &Statement) -> Option<u32> {
        draws.then(|| self.ordinals.get(&statement.span.start).copied().unwrap_or(0))
    }

    pub fn let_value(&mut self, ty: Option<&TypeExpr>, value: &Expr, draw: Option<u32>) -> Checked<Value> {
        let ty = ty.map(|t| self.ty(t)).transpose();
        let result = self.expr(value);
        let (ty, result) = (ty?, result?);
        if let Some(ordinal) = draw {
            return self.drawn(result, ty.as_ref(), &value.span, ordinal);
        }
        match ty {
            Some(ty) => self.fit(result, &ty, &value.span, true).map(tight),
            None => match result {
                Value::Unit => self.fail(errors::no_value(&value.span)),
                other => Ok(other),
            },
        }
    }

    pub fn bind_pattern(&mut self, pattern: &Pattern, value: Value, mutable: bool) -> Checked<()> {
        match pattern {
            Pattern::Name(name) => self.bind(name, value, mutable),
            Pattern::Tuple(names, span) => {
                let value = self.apart(pattern, value);
                let items = self.parts(value, names.len(), span)?;
                for (name, item) in names.iter().zip(items) {
                    self.bind(name, item, mutable);
                }
            }
        }
        Ok(())
    }

    /// The rows of an array over as many integers as a pattern has names, as a tuple; other values as they are.
    pub fn apart(&mut self, pattern: &Pattern, value: Value) -> Value {
        let Pattern::Tuple(names, _) = pattern else { return value };
        match &value {
            Value::Number(n) if matches!(n.sets.first(), Some(IndexSet::Range(size)) if *size == names.len()) => {
                let mut rows = vec![];
                for k in 0..names.len() {
                    let k = self.b.int(k as i64);
                    rows.push(self.row(&value, k));
                }
                Value::Tuple(Rc::new(rows))
            }
            _ => value,
        }
    }

    /// The parts of a tuple, or the rows of an array over so many integers, that a pattern of `count` names takes apart.
    fn parts(&mut self, value: Value, count: usize, span: &Span) -> Checked<Vec<Value>> {
        match value {
            Value::Tuple(items) if items.len() == count => Ok(items.to_vec()),
            Value::Record(fields) if fields.len() == count => Ok(fields.iter().map(|(_, v)| v.clone()).collect()),
            Value::Unknown => Err(Reported),
            other => self.fail(errors::pattern_mismatch(span, count, &other)),
        }
    }

    /// The message of an assertion. Values that a run computes are noted, and stand in it as they do in the text.
    fn message(&mut self, e: &Expr) -> Checked<String> {
        let ExprKind::Str(parts) = &*e.kind else {
            return match self.expr(e)? {
                Value::Text(t) => Ok(t.to_string()),
                Value::Unknown => Err(Reported),
                other => self.needs(&e.span, "a text", &other),
            };
        };
        let (mut text, mut shown) = (String::new(), vec![]);
        for part in parts {
            let (value, format) = match part {
                StringPart::Text(t) => {
                    text.push_str(t);
                    continue;
                }
                StringPart::Value { value, format } => (value, format.as_deref().map(Into::into)),
            };
            match self.expr(value)? {
                Value::Text(t) => text.push_str(&t),
                known if self.literal_int(&known).is_some() => text.push_str(&self.literal_int(&known).unwrap().to_string()),
                Value::Number(n) if n.is_scalar() => {
                    let [begin, end] = crate::core::PLACE;
                    let name = format!("{begin}{}{end}", value.span.text());
                    text.push_str(&name);
                    shown.push(crate::core::Shown { name: name.into(), format, re: n.re, im: n.im });
                }
                Value::Unknown => return Err(Reported),
                other => return self.needs(&value.span, "a single number or a text", &other),
            }
        }
        if !shown.is_empty() {
            self.b.note(shown);
        }
        Ok(text)
    }

    fn assert_statement(&mut self, condition: &Expr, message: Option<&Expr>) -> Checked<()> {
        let value = match self.expr(condition)? {
            Value::Number(n) if n.kind == Kind::Bool && n.is_scalar() => n,
            Value::Unknown => return Err(Reported),
            other => return self.needs(&condition.span, "a condition (a bool)", &other),
        };
        self.plain(&value, "a condition", &condition.span)?;
        // What stands in it is computed where the assertion does not hold.
        let said = self.opened(|c| message.map(|e| c.message(e)).transpose())?.unwrap_or_default();
        let otherwise = self.b.close(vec![], vec![]);
        let text = if said.is_empty() { format!("`{}` does not hold", condition.span.text()) } else { said };
        match self.literal_bool(&value) {
            Some(true) => return Ok(()),
            Some(false) => return self.fail(errors::assertion(&condition.span, &text.replace(crate::core::PLACE, ""), self.in_library)),
            None => {}
        }
        if !otherwise.steps.is_empty() {
            self.b.if_with(value.re, crate::core::Block::default(), otherwise);
        }
        // What the library refuses is shown where it was given.
        let given = if self.in_library { self.argument_behind(&condition.span, true) } else { None };
        let call = self.called_by_user().filter(|_| self.in_library).map(|frame| frame.call.clone());
        let place = given.map(|(argument, _)| argument).or(call).unwrap_or_else(|| condition.span.clone());
        self.b.at(&place);
        self.b.require(value.re, text);
        Ok(())
    }

    // ---- branches ----

    fn branches(&mut self, e: &Expr, condition: &Expr, then: &Block, otherwise: Option<&Expr>) -> Checked<Value> {
        let test = self.number(condition)?;
        if test.kind != Kind::Bool || !test.is_scalar() {
            return self.needs(&condition.span, "a condition (a bool)", &Value::Number(test));
        }
        if let Some(known) = self.literal_bool(&test) {
            return match (known, otherwise) {
                (true, _) => self.block(then),
                (false, Some(other)) => self.expr(other),
                (false, None) => Ok(Value::Unit),
            };
        }
        self.plain(&test, "a condition", &condition.span)?;
        let mut names = walk::assigned(then);
        for name in otherwise.map(walk::assigned_in).unwrap_or_default() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let names = self.assignable(&names);
        let before = self.current(&names);
        let is_value = otherwise.is_some();
        let (first, then_block) = self.branch(&names, &before, |c| c.block(then))?;
        let (second, else_block) = self.branch(&names, &before, |c| match otherwise {
            Some(other) => c.expr(other),
            None => Ok(Value::Unit),
        })?;
        let (values, then_block, else_block) = self.joined(first, then_block, second, else_block, is_value, &e.span)?;
        self.b.at(&e.span);
        let outs = self.b.if_with(test.re, then_block, else_block);
        let mut rest = &outs[..];
        let mut results = values.into_iter().map(|v| {
            let count = v.leaves().len();
            let (now, later) = rest.split_at(count);
            rest = later;
            tight(v.with_leaves(now))
        });
        let result = results.next().unwrap();
        let new: Vec<Value> = results.collect();
        self.set_current(&names, new);
        Ok(result)
    }

    /// One branch: its own value first, then those of the assigned names. The block has no results yet.
    fn branch(
        &mut self,
        names: &[Rc<str>],
        before: &[Value],
        body: impl FnOnce(&mut Self) -> Checked<Value>,
    ) -> Checked<(Vec<Value>, CoreBlock)> {
        let values = self.opened(|c| {
            let result = body(c);
            let after = c.current(names);
            c.set_current(names, before.to_vec());
            Ok([vec![result?], after].concat())
        })?;
        Ok((values, self.b.close(vec![], vec![])))
    }

    /// Both branches with results of the same types.
    fn joined(
        &mut self,
        first: Vec<Value>,
        then_block: CoreBlock,
        second: Vec<Value>,
        else_block: CoreBlock,
        is_value: bool,
        span: &Span,
    ) -> Checked<(Vec<Value>, CoreBlock, CoreBlock)> {
        let mut targets = vec![];
        for (k, (a, b)) in first.iter().zip(&second).enumerate() {
            if k == 0 && !is_value {
                targets.push(Value::Unit);
                continue;
            }
            match common_shape(a, b) {
                Some(common) => targets.push(common),
                // The mistake in a branch has been told.
                None if a.has_unknown() || b.has_unknown() => return Err(Reported),
                None => return self.fail(errors::branches_differ(span, a, b)),
            }
        }
        let mut close = |values: Vec<Value>, block: CoreBlock| {
            self.b.reopen(block);
            let values: Vec<Value> = values.into_iter().zip(&targets).map(|(v, t)| self.shaped(v, t)).collect();
            let leaves = values.iter().flat_map(Value::leaves).collect();
            (values, self.b.close(vec![], leaves))
        };
        let (_, then_block) = close(first, then_block);
        let (values, else_block) = close(second, else_block);
        Ok((values, then_block, else_block))
    }

    /// `value` converted to the kinds of `target` (made by [`common_shape`], so it can be).
    fn shaped(&mut self, value: Value, target: &Value) -> Value {
        match (value, target) {
            (Value::Number(n), Value::Number(t)) => Value::Number(self.as_kind(&n, t.kind)),
            (Value::Tuple(items), Value::Tuple(targets)) => {
                Value::Tuple(Rc::new(items.iter().zip(targets.iter()).map(|(v, t)| self.shaped(v.clone(), t)).collect()))
            }
            (Value::Record(fields), Value::Record(targets)) => Value::Record(Rc::new(
                fields.iter().zip(targets.iter()).map(|((n, v), (_, t))| (n.clone(), self.shaped(v.clone(), t))).collect(),
            )),
            (_, Value::Unit) => Value::Unit,
            (value, _) => value,
        }
    }

    /// Of the names that a region assigns, those that it may.
    pub fn assignable(&self, names: &[Rc<str>]) -> Vec<Rc<str>> {
        names
            .iter()
            .filter(|n| self.locals.get(n).is_some_and(|b| b.mutable && b.level == self.level))
            .cloned()
            .collect()
    }

    pub fn current(&mut self, names: &[Rc<str>]) -> Vec<Value> {
        names
            .iter()
            .map(|n| {
                let binding = self.locals.get(n).expect("an assignable name").clone();
                self.import(&binding)
            })
            .collect()
    }

    pub fn set_current(&mut self, names: &[Rc<str>], values: Vec<Value>) {
        for (name, value) in names.iter().zip(values) {
            let binding = self.locals.get_mut(name).expect("an assignable name");
            binding.value = value;
            binding.stored = false;
        }
    }
}

/// The value without what made it a constant: declared types and joined branches are what they say.
pub fn tight(value: Value) -> Value {
    match value {
        Value::Number(n) => Value::Number(Number { loose: false, below: None, ..n }),
        Value::Tuple(items) => Value::Tuple(Rc::new(items.iter().cloned().map(tight).collect())),
        Value::Record(fields) => Value::Record(Rc::new(fields.iter().map(|(n, v)| (n.clone(), tight(v.clone()))).collect())),
        other => other,
    }
}

/// The type that two branches have together, as a value whose leaves mean nothing; None if they do not go together.
fn common_shape(a: &Value, b: &Value) -> Option<Value> {
    match (a, b) {
        (Value::Unit, Value::Unit) => Some(Value::Unit),
        (Value::Number(x), Value::Number(y)) if x.sets == y.sets => {
            let kind = arithmetic::common_kind(x, y)?;
            Some(Value::Number(Number { kind, ..x.clone() }))
        }
        (Value::Tuple(x), Value::Tuple(y)) if x.len() == y.len() => {
            let items: Option<Vec<Value>> = x.iter().zip(y.iter()).map(|(p, q)| common_shape(p, q)).collect();
            Some(Value::Tuple(Rc::new(items?)))
        }
        (Value::Record(x), Value::Record(y)) if x.len() == y.len() => {
            let fields: Option<Vec<(Rc<str>, Value)>> = x
                .iter()
                .zip(y.iter())
                .map(|((n, p), (m, q))| if n == m { Some((n.clone(), common_shape(p, q)?)) } else { None })
                .collect();
            Some(Value::Record(Rc::new(fields?)))
        }
        (Value::Site(x), Value::Site(y)) if x.lattice.identity == y.lattice.identity && x.offset == y.offset => Some(a.clone()),
        _ => None,
    }
}

pub fn pattern_names(pattern: &Pattern) -> Vec<&Name> {
    match pattern {
        Pattern::Name(name) => vec![name],
        Pattern::Tuple(names, _) => names.iter().collect(),
    }
}
