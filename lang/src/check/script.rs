//! The top level: a script. Each statement becomes one program of Core, and what is to be done with its results; loops
//! and branches that print are run by the script itself.

use super::expression::{pattern_names, tight};
use super::figure;
use super::value::*;
use super::*;
use crate::core::identity::identity;
use crate::core::{Block as CoreBlock, Literal, Op, Program, Step, VarSet, Vars};
use crate::host::Host;
use crate::pass;
use crate::syntax::ast::{self, BinaryOp, Expr, ExprKind, Pattern, Statement, StatementKind, StringPart};
use moyal_runtime::array::Scalar;
use std::cell::OnceCell;
use std::collections::HashSet;
use std::sync::Arc;

/// Functions that have an effect; they stand at the top level, in its blocks and in tests.
pub const EFFECTS: &[&str] = &["print", "plot", "table", "save", "load"];

/// What a script does, in order.
pub enum Action {
    Run(Unit),
    /// Reads a stored array into the slots of its real and imaginary parts.
    Load { file: Rc<str>, re: usize, im: Option<usize>, span: Span },
    For { count: Count, turn: usize, body: Vec<Action> },
    While { condition: Unit, turn: usize, test: usize, body: Vec<Action> },
    If { condition: Unit, test: usize, then: Vec<Action>, otherwise: Vec<Action> },
}

impl Action {
    /// Adds every program that the action may run.
    pub fn units<'a>(&'a self, found: &mut Vec<&'a Unit>) {
        match self {
            Action::Run(unit) => found.push(unit),
            Action::Load { .. } => {}
            Action::For { body, .. } => body.iter().for_each(|a| a.units(found)),
            Action::While { condition, body, .. } => {
                found.push(condition);
                body.iter().for_each(|a| a.units(found));
            }
            Action::If { condition, then, otherwise, .. } => {
                found.push(condition);
                then.iter().chain(otherwise).for_each(|a| a.units(found));
            }
        }
    }
}

pub enum Count {
    Known(usize),
    /// A slot that holds an int.
    Slot(usize),
}

/// One statement: its program, where inputs come from and results go, and what is done with them.
pub struct Unit {
    pub program: Arc<Program>,
    pub inputs: Vec<usize>,
    pub outputs: Vec<usize>,
    /// Autocorrelation times that it computes, whose variables are slots.
    pub times: Vec<Time>,
    pub then: Then,
    pub span: Span,
    /// The program made ready for an engine, once it has run.
    pub ready: OnceCell<Rc<crate::execute::Ready>>,
    /// See [`Unit::identity`].
    known: OnceCell<u128>,
}

impl Unit {
    fn new(program: Program, inputs: Vec<usize>, outputs: Vec<usize>, times: Vec<Time>, then: Then, span: &Span) -> Unit {
        let program = Arc::new(program);
        Unit { program, inputs, outputs, times, then, span: span.clone(), ready: OnceCell::new(), known: OnceCell::new() }
    }

    /// What its program is.
    pub fn identity(&self) -> u128 {
        *self.known.get_or_init(|| identity(&self.program))
    }

    /// It does something else from now on.
    pub fn change(&mut self, program: Program) {
        (self.program, self.known) = (Arc::new(program), OnceCell::new());
    }
}

pub enum Then {
    Nothing,
    Print(Vec<Piece>),
    Plot(Plot),
    Table(Vec<Column>),
    Save { file: Rc<str>, value: Value },
    /// The REPL shows the value.
    Show(Value),
}

pub enum Piece {
    Text(Rc<str>),
    /// A value whose leaves are slots, how it is to be written, and its place in the text.
    Value(Value, Option<Rc<str>>, Span),
}

/// A piece of what is printed, before its value is known.
enum Place {
    Text(Rc<str>),
    Value(Option<Rc<str>>, Span),
}

/// A column of a table, or its title.
pub struct Column {
    pub name: Option<Rc<str>>,
    pub value: Value,
    pub span: Span,
}

pub struct Plot {
    pub layers: Vec<Rc<figure::Layer>>,
    pub title: Option<Rc<str>>,
    pub x_label: Option<Rc<str>>,
    pub y_label: Option<Rc<str>>,
    pub file: Option<Rc<str>>,
    pub log_x: bool,
    pub log_y: bool,
}

/// A checked text.
pub struct Script {
    pub actions: Vec<Action>,
    pub tests: Vec<(Rc<str>, Vec<Action>)>,
    pub params: Vec<crate::host::ParamInfo>,
}

/// Walks a text's statements.
pub struct ScriptChecker<'g> {
    pub globals: &'g mut Globals,
    pub diagnostics: Vec<Diagnostic>,
    host: &'g mut dyn Host,
    library: crate::session::Library,
    /// Values of params given from outside.
    overrides: &'g [(String, String)],
    used_overrides: HashSet<String>,
    params: Vec<crate::host::ParamInfo>,
    /// Noise address of the block being walked: place, and slots of the turns of script loops around it.
    place: u64,
    turns: Vec<usize>,
    /// Statements of the block that bind no name, counted.
    unnamed: u64,
    /// The module whose text is walked.
    module: Option<Rc<str>>,
    in_library: bool,
    interactive: bool,
    /// Inside script loops, where a `var` keeps its slots.
    loops: usize,
    /// Files being used, to find circles.
    files: Vec<String>,
    /// Is shown every program that a statement is given, as soon as it is made; those of tests are not.
    pub watch: Option<&'g mut dyn FnMut(&Unit)>,
}

impl<'g> ScriptChecker<'g> {
    pub fn new(
        globals: &'g mut Globals,
        host: &'g mut dyn Host,
        library: crate::session::Library,
        overrides: &'g [(String, String)],
        interactive: bool,
    ) -> ScriptChecker<'g> {
        ScriptChecker {
            globals,
            diagnostics: vec![],
            host,
            library,
            overrides,
            used_overrides: HashSet::new(),
            params: vec![],
            place: 0,
            turns: vec![],
            unnamed: 0,
            module: None,
            in_library: false,
            interactive,
            loops: 0,
            files: vec![],
            watch: None,
        }
    }

    /// The whole text. Mistakes are in `diagnostics`.
    pub fn script(&mut self, program: &ast::Program) -> Script {
        self.hoist(&program.statements);
        let mut actions = vec![];
        let mut tests = vec![];
        for statement in &program.statements {
            if let StatementKind::Test { title, body } = &statement.kind {
                for statement in &body.statements {
                    if let StatementKind::Expr(e) = &statement.kind
                        && let ExprKind::Binary { op, .. } = &*e.kind
                        && matches!(op, BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge)
                    {
                        self.diagnostics.push(errors::nothing_tested(&e.span));
                    }
                }
                let watch = self.watch.take();
                if let Ok(body) = self.script_block(&body.statements, "test", tests.len() as u64) {
                    tests.push((title.clone(), body));
                }
                self.watch = watch;
                continue;
            }
            if self.statement(statement, &mut actions).is_err() {
                self.bind_unknown(statement);
            }
        }
        if self.module.is_none() {
            self.unknown_overrides();
            self.uncalled();
        }
        Script { actions, tests, params: std::mem::take(&mut self.params) }
    }

    fn unknown_overrides(&mut self) {
        if self.interactive {
            return;
        }
        let unknown: Vec<&String> = self.overrides.iter().map(|(n, _)| n).filter(|n| !self.used_overrides.contains(*n)).collect();
        for name in unknown {
            let near = scope::nearest(name, self.params.iter().map(|p| p.name.as_str()));
            let mut diagnostic = Diagnostic::error(format!("the program has no param `{name}`"));
            diagnostic.help = match near {
                Some(near) => Some(format!("did you mean `--{near}`?")),
                None if self.params.is_empty() => Some("it declares no params".into()),
                None => {
                    let names: Vec<&str> = self.params.iter().map(|p| p.name.as_str()).collect();
                    Some(format!("its params: {}", names.join(", ")))
                }
            };
            self.diagnostics.push(diagnostic);
        }
    }

    /// Functions and processes are seen in the whole text.
    fn hoist(&mut self, statements: &[Statement]) {
        for statement in statements {
            let Some(name) = hoisted_name(statement) else { continue };
            if !self.interactive
                && let Some(Binding { span: Some(first), .. }) = self.globals.names.get(&name.text)
            {
                let twice = Diagnostic::error(format!("`{}` is declared twice", name.span.text()))
                    .label(&name.span, "the second time")
                    .label(first, "the first time");
                self.diagnostics.push(twice);
            }
            let declared = |c: &mut Checker| match &statement.kind {
                StatementKind::Function(function) => Ok(c.closure(function)),
                StatementKind::Process(process) => c.process(process),
                _ => unreachable!("nothing else is hoisted"),
            };
            let value = self.with_checker((0, vec![]), statement, declared).unwrap_or(Value::Unknown);
            self.bind(name, value, false);
        }
    }

    fn bind(&mut self, name: &ast::Name, value: Value, mutable: bool) {
        let binding = Binding { value, mutable, level: 0, stored: true, span: Some(name.span.clone()) };
        self.globals.names.insert(name.text.clone(), binding);
    }

    fn bind_unknown(&mut self, statement: &Statement) {
        let names: Vec<ast::Name> = match &statement.kind {
            StatementKind::Let { pattern, .. } => pattern_names(pattern).into_iter().cloned().collect(),
            StatementKind::Lattice { name, .. } | StatementKind::Param { name, .. } => vec![name.clone()],
            StatementKind::Use { alias: Some(alias), .. } => vec![alias.clone()],
            StatementKind::Use { module: ast::Module::Library(name), .. } => vec![name.clone()],
            StatementKind::Use { module: ast::Module::File(file, span), .. } => {
                vec![ast::Name { text: module_name(file).into(), span: span.clone() }]
            }
            // Assigned, but not declared: that has been said.
            StatementKind::Assign { target, .. } if !self.globals.names.contains_key(&target.name.text) => vec![target.name.clone()],
            _ => vec![],
        };
        for name in names {
            self.bind(&name, Value::Unknown, true);
        }
    }

    fn fail<T>(&mut self, diagnostic: Diagnostic) -> Checked<T> {
        self.diagnostics.push(diagnostic);
        Err(Reported)
    }

    // ---- statements ----

    fn statement(&mut self, statement: &Statement, actions: &mut Vec<Action>) -> Checked<()> {
        match &statement.kind {
            StatementKind::Function(_) | StatementKind::Process(_) => Ok(()),
            StatementKind::Use { module, alias } => self.use_module(module, alias.as_ref(), &statement.span, actions),
            StatementKind::Param { name, ty, value, help } => self.param(name, ty.as_ref(), value, help.as_deref(), statement, actions),
            StatementKind::Lattice { name, value } => {
                let address = self.address(Some(&name.text));
                let lattice = self.with_checker(address, statement, |c| c.lattice_value(name, value))?;
                self.bind(name, lattice, false);
                Ok(())
            }
            StatementKind::Let { mutable, pattern: Pattern::Name(name), ty, value, draws: false } if is_load(value) => {
                let value = self.load(name, ty.as_ref(), value, statement, actions)?;
                self.bind(name, value, *mutable);
                Ok(())
            }
            StatementKind::Let { mutable, pattern, ty, value, draws } => {
                let first = pattern_names(pattern)[0].text.clone();
                let address = self.address(Some(&first));
                self.warn_of_hidden_param(pattern, value);
                // In messages the name is called as it was written.
                let written: Rc<str> = pattern_names(pattern)[0].span.text().into();
                let (unit, stored) = self.unit(address, statement, Some(&written), &[], |c| {
                    let draw = c.draw_ordinal(*draws, statement);
                    let value = c.let_value(ty.as_ref(), value, draw)?;
                    let value = c.apart(pattern, value);
                    Ok((vec![if *mutable { tight(value) } else { value }], vec![]))
                })?;
                actions.extend(unit.map(Action::Run));
                self.bind_pattern(pattern, stored.into_iter().next().expect("one value"), *mutable)
            }
            StatementKind::For { pattern, set, body } if walk::has_effects(statement) => {
                self.script_for(pattern, set, body, statement, actions)
            }
            StatementKind::While { condition, body } if walk::has_effects(statement) => {
                let address = self.address(None);
                let place = address.0;
                let (unit, test) = self.condition(address, condition, statement)?;
                self.loops += 1;
                let turn = self.new_slot(Type::scalar(Scalar::Int));
                self.turns.push(turn);
                let body = self.script_block_at(&body.statements, place);
                self.turns.pop();
                self.loops -= 1;
                actions.push(Action::While { condition: unit, turn, test, body: body? });
                Ok(())
            }
            StatementKind::Expr(e) => self.expression(e, statement, actions),
            StatementKind::Assign { .. } | StatementKind::For { .. } | StatementKind::While { .. } | StatementKind::Assert { .. } => {
                let address = self.address(None);
                let (unit, _) = self.unit(address, statement, None, &self.mutable_names(), |c| {
                    c.statement(statement)?;
                    Ok((vec![], vec![]))
                })?;
                actions.extend(unit.map(Action::Run));
                Ok(())
            }
            StatementKind::Weight { name, .. } => self.fail(errors::not_yet(&name.span, "weights and networks")),
            StatementKind::Test { .. } => self.fail(errors::top_level_only(&statement.span)),
        }
    }

    fn bind_pattern(&mut self, pattern: &Pattern, value: Value, mutable: bool) -> Checked<()> {
        match (pattern, value) {
            (Pattern::Name(name), value) => self.bind(name, value, mutable),
            (Pattern::Tuple(names, _), Value::Tuple(items)) if items.len() == names.len() => {
                for (name, item) in names.iter().zip(items.iter()) {
                    self.bind(name, item.clone(), mutable);
                }
            }
            (Pattern::Tuple(names, _), Value::Record(fields)) if fields.len() == names.len() => {
                for (name, (_, item)) in names.iter().zip(fields.iter()) {
                    self.bind(name, item.clone(), mutable);
                }
            }
            (Pattern::Tuple(_, _), Value::Unknown) => return Err(Reported),
            (Pattern::Tuple(names, span), other) => return self.fail(errors::pattern_mismatch(span, names.len(), &other)),
        }
        Ok(())
    }

    fn expression(&mut self, e: &Expr, statement: &Statement, actions: &mut Vec<Action>) -> Checked<()> {
        if let ExprKind::Call { function, arguments } = &*e.kind
            && let ExprKind::Name(name) = &*function.kind
            && EFFECTS.contains(&&*name.text)
        {
            let unit = match &*name.text {
                "print" => self.print(arguments, statement)?,
                "plot" => self.plot(e, arguments, statement)?,
                "table" => self.table(arguments, statement)?,
                "save" => self.save(e, arguments, statement)?,
                _ => {
                    let lost = Diagnostic::error("what is loaded here is not kept").label(&e.span, "no name").help("write: let x = load(\"x.npy\")");
                    return self.fail(lost);
                }
            };
            actions.push(Action::Run(unit));
            return Ok(());
        }
        if let ExprKind::If { condition, then, otherwise } = &*e.kind
            && walk::has_effects(statement)
        {
            let address = self.address(None);
            let place = address.0;
            let known = self.with_checker(address.clone(), statement, |c| {
                let test = c.number(condition)?;
                Ok(c.literal_bool(&test))
            })?;
            if known == Some(false) {
                return self.otherwise(otherwise.as_ref(), place, actions);
            }
            if known == Some(true) {
                actions.extend(self.script_block_at(&then.statements, place)?);
                return Ok(());
            }
            let (unit, test) = self.condition(address, condition, statement)?;
            self.loops += 1;
            let then = self.script_block_at(&then.statements, place);
            let mut other = vec![];
            let rest = self.otherwise(otherwise.as_ref(), noise::step(place, "else", 0), &mut other);
            self.loops -= 1;
            rest?;
            actions.push(Action::If { condition: unit, test, then: then?, otherwise: other });
            return Ok(());
        }
        let address = self.address(None);
        let mutable = self.mutable_names();
        let interactive = self.interactive;
        let (unit, stored) = self.unit(address, statement, None, &mutable, |c| {
            let value = c.statement(statement)?;
            Ok((vec![value], vec![]))
        })?;
        let value = stored.into_iter().next().expect("one value");
        let shown = interactive && !matches!(value, Value::Unit);
        match unit {
            Some(mut unit) => {
                if shown {
                    unit.then = Then::Show(value);
                }
                actions.push(Action::Run(unit));
            }
            None if shown => actions.push(Action::Run(nothing(Then::Show(value), &statement.span))),
            None => {}
        }
        Ok(())
    }

    fn otherwise(&mut self, e: Option<&Expr>, place: u64, actions: &mut Vec<Action>) -> Checked<()> {
        let Some(e) = e else { return Ok(()) };
        match &*e.kind {
            ExprKind::Block(block) => actions.extend(self.script_block_at(&block.statements, place)?),
            _ => {
                let statement = Statement { kind: StatementKind::Expr(e.clone()), span: e.span.clone(), doc: None };
                self.expression(e, &statement, actions)?;
            }
        }
        Ok(())
    }

    /// A block of the script: its names are forgotten at its end.
    fn script_block(&mut self, statements: &[Statement], name: &str, ordinal: u64) -> Checked<Vec<Action>> {
        let place = noise::step(self.place, name, ordinal);
        self.script_block_at(statements, place)
    }

    fn script_block_at(&mut self, statements: &[Statement], place: u64) -> Checked<Vec<Action>> {
        let outer = std::mem::replace(&mut self.place, place);
        let unnamed = std::mem::replace(&mut self.unnamed, 0);
        let before = self.globals.names.clone();
        let mut actions = vec![];
        let mut wrong = false;
        for statement in statements {
            if let Some(name) = hoisted_name(statement) {
                self.globals.names.remove(&name.text);
                self.hoist(std::slice::from_ref(statement));
            }
            if self.statement(statement, &mut actions).is_err() {
                self.bind_unknown(statement);
                wrong = true;
            }
        }
        self.globals.names = before;
        self.place = outer;
        self.unnamed = unnamed;
        if wrong { Err(Reported) } else { Ok(actions) }
    }

    fn script_for(
        &mut self,
        pattern: &Pattern,
        set: &Expr,
        body: &ast::Block,
        statement: &Statement,
        actions: &mut Vec<Action>,
    ) -> Checked<()> {
        let address = self.address(None);
        let place = address.0;
        // A list is walked entry by entry, so that each entry stays known.
        if let ExprKind::List(items) | ExprKind::Tuple(items) = &*set.kind {
            let mut members = vec![];
            for item in items {
                let (unit, stored) = self.unit(address.clone(), statement, None, &[], |c| Ok((vec![c.expr(item)?], vec![])))?;
                actions.extend(unit.map(Action::Run));
                members.extend(stored);
            }
            return self.unrolled(pattern, members, body, place, actions);
        }
        let (unit, stored) = self.unit(address, statement, None, &[], |c| {
            let value = c.expr(set)?;
            if let Value::Number(n) = &value
                && n.is_scalar()
            {
                c.plain(n, "the number of turns", &set.span)?;
            }
            Ok((vec![value], vec![]))
        })?;
        actions.extend(unit.map(Action::Run));
        let value = stored.into_iter().next().expect("one value");
        match &value {
            Value::Tuple(items) => return self.unrolled(pattern, items.to_vec(), body, place, actions),
            Value::Record(fields) if !fields.iter().any(|(n, _)| &**n == "0") => {
                let members =
                    fields.iter().map(|(n, v)| Value::Tuple(Rc::new(vec![Value::Text(n.clone()), v.clone()]))).collect();
                return self.unrolled(pattern, members, body, place, actions);
            }
            Value::Set(IndexSet::Directions(lattice)) => {
                let members = (0..lattice.sizes.len()).map(|k| Value::Displacement(comprehension::direction(lattice, k))).collect();
                return self.unrolled(pattern, members, body, place, actions);
            }
            _ => {}
        }
        let turn = self.new_slot(Type::scalar(Scalar::Int));
        let first = pattern_names(pattern)[0].text.clone();
        // Each turn begins by taking its member out of the set.
        let holder = ast::Name { text: "set of this loop".into(), span: set.span.clone() };
        let before = self.globals.names.clone();
        self.bind(&holder, value, false);
        let mut count = None;
        let result = self.unit((place, self.turns.clone()), statement, Some(&first), &[], |c| {
            let binding = c.lookup("set of this loop").expect("just bound").clone();
            let value = c.import(&binding);
            let turn = c.input(turn);
            if let Value::Number(n) = &value
                && n.is_scalar()
                && n.kind == Kind::Int
                && c.b.literal_of(n.re).is_none()
            {
                let Value::Number(slot) = &binding.value else { unreachable!() };
                count = Some(Count::Slot(slot.re.0 as usize));
                return Ok((vec![Value::Number(Number::scalar(Kind::Int, turn))], vec![]));
            }
            match c.members(value, &set.span)? {
                comprehension::Members::Counted { set, element } => {
                    count = Some(Count::Known(set.size()));
                    let element = c.element(&element, &set, turn);
                    Ok((vec![element], vec![]))
                }
                comprehension::Members::Known(..) => unreachable!("unrolled above"),
            }
        });
        self.globals.names = before;
        let (extract, stored) = result?;
        let before = self.globals.names.clone();
        let mut result = self.bind_pattern(pattern, stored.into_iter().next().expect("one value"), false);
        let mut turns = vec![];
        turns.extend(extract.map(Action::Run));
        if result.is_ok() {
            self.turns.push(turn);
            self.loops += 1;
            match self.script_block_at(&body.statements, place) {
                Ok(body) => turns.extend(body),
                Err(reported) => result = Err(reported),
            }
            self.loops -= 1;
            self.turns.pop();
        }
        self.globals.names = before;
        result?;
        actions.push(Action::For { count: count.expect("set above"), turn, body: turns });
        Ok(())
    }

    fn unrolled(
        &mut self,
        pattern: &Pattern,
        members: Vec<Value>,
        body: &ast::Block,
        place: u64,
        actions: &mut Vec<Action>,
    ) -> Checked<()> {
        let mut wrong = false;
        for (turn, member) in members.into_iter().enumerate() {
            let before: Vec<(Rc<str>, Option<Binding>)> = pattern_names(pattern)
                .iter()
                .map(|n| (n.text.clone(), self.globals.names.get(&n.text).cloned()))
                .collect();
            self.bind_pattern(pattern, member, false)?;
            match self.script_block_at(&body.statements, noise::step(place, "turn", turn as u64)) {
                Ok(turn) => actions.extend(turn),
                Err(_) => wrong = true,
            }
            for (name, binding) in before {
                match binding {
                    Some(binding) => self.globals.names.insert(name, binding),
                    None => self.globals.names.remove(&name),
                };
            }
        }
        if wrong { Err(Reported) } else { Ok(()) }
    }

    fn condition(&mut self, address: (u64, Vec<usize>), condition: &Expr, statement: &Statement) -> Checked<(Unit, usize)> {
        let (unit, stored) = self.unit(address, statement, None, &[], |c| {
            let test = c.number(condition)?;
            if test.kind != Kind::Bool || !test.is_scalar() {
                return c.needs(&condition.span, "a condition (a bool)", &Value::Number(test));
            }
            c.plain(&test, "a condition", &condition.span)?;
            Ok((vec![tight(Value::Number(test))], vec![]))
        })?;
        let Some(Value::Number(test)) = stored.first() else { unreachable!("a condition is a number") };
        let slot = test.re.0 as usize;
        Ok((unit.unwrap_or_else(|| nothing(Then::Nothing, &statement.span)), slot))
    }

    // ---- params ----

    fn param(
        &mut self,
        name: &ast::Name,
        ty: Option<&ast::TypeExpr>,
        value: &Expr,
        help: Option<&str>,
        statement: &Statement,
        actions: &mut Vec<Action>,
    ) -> Checked<()> {
        let written = name.span.text().to_string();
        if self.params.iter().any(|p| crate::syntax::latin(&p.name) == *name.text) {
            let twice = Diagnostic::error(format!("the param `{written}` is declared twice"))
                .label(&name.span, "the second time")
                .help("its flag on the command line can mean one of them only");
            return self.fail(twice);
        }
        self.params.push(crate::host::ParamInfo {
            name: written.clone(),
            default: value.span.text().to_string(),
            help: help.map(str::to_string),
        });
        let given = self.overrides.iter().rev().find(|(n, _)| *n == written || **n == *name.text).cloned();
        let address = self.address(Some(&name.text));
        let declared = self.unit(address.clone(), statement, Some(&name.text), &[], |c| {
            let ty = ty.map(|t| c.ty(t)).transpose()?;
            let value = c.expr(value)?;
            let value = match &ty {
                Some(ty) => c.fit(value, ty, &name.span, false)?,
                None => value,
            };
            Ok((vec![value], vec![]))
        })?;
        let (unit, stored) = match given {
            None => declared,
            Some((flag, text)) => {
                self.used_overrides.insert(flag);
                let default = declared.1.into_iter().next().expect("one value");
                self.given_param(&written, &text, default, address, statement)?
            }
        };
        actions.extend(unit.map(Action::Run));
        let value = stored.into_iter().next().expect("one value");
        let value = self.param_value(value, name)?;
        self.bind(name, value, false);
        Ok(())
    }

    /// A param is a constant: an int, a bool or a text is known, a real number is an argument of the compiled code.
    fn param_value(&mut self, value: Value, name: &ast::Name) -> Checked<Value> {
        match value {
            Value::Number(n) if n.is_scalar() || matches!(n.sets[..], [IndexSet::Range(_)]) => {
                if matches!(n.kind, Kind::Int | Kind::Bool) && n.is_scalar() && self.globals.slots[n.re.0 as usize].literal.is_none() {
                    return self.fail(errors::unknown_size(&name.span));
                }
                if n.kind.is_float() {
                    for slot in [Some(n.re), n.im].into_iter().flatten() {
                        // Not a literal: another value must not compile anew.
                        let literal = self.globals.slots[slot.0 as usize].literal;
                        self.globals.slots[slot.0 as usize].literal = None;
                        debug_assert!(literal.is_none(), "param programs keep their results");
                    }
                }
                Ok(Value::Number(Number { loose: true, ..n }))
            }
            text @ Value::Text(_) => Ok(text),
            Value::Unknown => Err(Reported),
            other => {
                let wrong = Diagnostic::error(format!("a param is a number or a text, not {}", other.describe()))
                    .label(&name.span, "this param")
                    .help("use `let` for everything else");
                self.fail(wrong)
            }
        }
    }

    /// `let κ = 0.3` below `param κ = 0.2`: the command line's value would be lost, and silently.
    fn warn_of_hidden_param(&mut self, pattern: &Pattern, value: &Expr) {
        for name in pattern_names(pattern) {
            let is_param = self.files.len() <= 1 && self.params.iter().any(|p| crate::syntax::latin(&p.name) == *name.text);
            let mut reads = false;
            walk::expr(value, &mut |node| {
                reads |= matches!(node, walk::Node::Expr(e) if matches!(&*e.kind, ExprKind::Name(n) if n.text == name.text));
                true
            });
            if is_param && !reads && self.loops == 0 && self.globals.names.get(&name.text).is_some_and(|b| b.span.as_ref().is_some_and(errors::is_of_param)) {
                let declared = self.globals.names.get(&name.text).and_then(|b| b.span.clone());
                self.diagnostics.push(errors::hidden_param(name, &value.span, declared.as_ref()));
            }
        }
    }

    fn given_param(
        &mut self,
        name: &str,
        text: &str,
        default: Value,
        address: (u64, Vec<usize>),
        statement: &Statement,
    ) -> Checked<(Option<Unit>, Vec<Value>)> {
        let wrong = |found: &str| {
            let wrong = Diagnostic::error(format!("the param `{name}` is {}, and `--{name} {text}` gives {found}", default.describe()));
            let StatementKind::Param { value, .. } = &statement.kind else { return wrong };
            let wrong = wrong.label(&value.span, format!("its value here, {}", default.describe()));
            let whole_number = text.replace('_', "").parse::<f64>().ok().filter(|x| found == "real" && x.fract() == 0.0 && x.abs() < 1e15);
            match text.split_once(',') {
                _ if let Some(x) = whole_number => wrong.help(format!("write `--{name} {x}`: with a decimal point or a power of ten it is a real number")),
                Some((whole, digits)) if !digits.contains(',') => wrong.help(format!("a decimal point is meant: `--{name} {whole}.{digits}`")),
                _ => wrong.help(format!("give a value like the one that stands in the program: `--{name} {}`", value.span.text())),
            }
        };
        if let Value::Text(_) = default {
            return Ok((None, vec![Value::Text(text.into())]));
        }
        let source = std::sync::Arc::new(crate::source::Source::new(format!("--{name}"), &format!("({text})")));
        let (program, mistakes) = crate::syntax::parse(&source);
        let [Statement { kind: StatementKind::Expr(e), .. }] = &program.statements[..] else {
            return self.fail(wrong("no value"));
        };
        let too_large = |said: &[Diagnostic]| said.iter().find_map(|d| d.message.split_once(errors::IS_TOO_LARGE)).map(|(_, limit)| limit.to_string());
        let beyond = |limit: String| {
            let beyond = Diagnostic::error(format!("`--{name} {text}`{}{limit}", errors::IS_TOO_LARGE));
            let StatementKind::Param { value, .. } = &statement.kind else { return beyond };
            let beyond = beyond.label(&value.span, format!("its value here, {}", default.describe()));
            let is_real = matches!(&default, Value::Number(n) if n.kind != Kind::Int) && text.chars().all(|c| c.is_ascii_digit());
            if is_real { beyond.help(format!("write it with a decimal point: `--{name} {text}.0`")) } else { beyond }
        };
        if let Some(limit) = too_large(&mistakes) {
            return self.fail(beyond(limit));
        }
        if !mistakes.is_empty() {
            return self.fail(wrong("no value"));
        }
        let Value::Number(wanted) = default.clone() else { return Err(Reported) };
        let before = self.diagnostics.len();
        let mut found = None;
        let result = self.unit(address, statement, None, &[], |c| {
            let value = c.expr(e)?;
            found = Some(value.describe());
            let Value::Number(n) = value else { return Err(Reported) };
            if n.sets != wanted.sets {
                return Err(Reported);
            }
            let n = c.widen(&n, wanted.kind).ok_or(Reported)?;
            Ok((vec![Value::Number(n)], vec![]))
        });
        result.or_else(|_| {
            let limit = too_large(&self.diagnostics[before..]);
            self.diagnostics.truncate(before);
            if let Some(limit) = limit {
                return self.fail(beyond(limit));
            }
            let found = found.unwrap_or_else(|| "no value".to_string());
            self.fail(wrong(&found))
        })
    }

    // ---- modules ----

    fn use_module(&mut self, module: &ast::Module, alias: Option<&ast::Name>, span: &Span, actions: &mut Vec<Action>) -> Checked<()> {
        match module {
            ast::Module::Library(name) => {
                let Some(text) = (self.library)(&name.text) else {
                    let unknown = Diagnostic::error(format!("the library has no module `{}`", name.span.text()))
                        .label(&name.span, "unknown module")
                        .help("a file of your own is used by its name in quotes: use \"file.moy\"");
                    return self.fail(unknown);
                };
                let known = alias.unwrap_or(name).text.clone();
                self.module_from(known, format!("library {}", name.text), text.to_string(), true, span, actions)
            }
            ast::Module::File(file, file_span) => {
                let from = file_span.source.name.clone();
                let (path, text) = match self.host.read_source(&from, file) {
                    Ok(found) => found,
                    Err(why) => {
                        return self.fail(Diagnostic::error(format!("\"{file}\" cannot be used: {why}")).label(file_span, "this file"));
                    }
                };
                if self.files.contains(&path) || path == from {
                    let circle = Diagnostic::error(format!("\"{file}\" uses itself")).label(file_span, "a circle of files");
                    return self.fail(circle);
                }
                let known = alias.map(|a| a.text.clone()).unwrap_or_else(|| module_name(file).into());
                self.module_from(known, path, text, false, span, actions)
            }
        }
    }

    fn module_from(
        &mut self,
        known: Rc<str>,
        path: String,
        text: String,
        library: bool,
        span: &Span,
        actions: &mut Vec<Action>,
    ) -> Checked<()> {
        let source = std::sync::Arc::new(crate::source::Source::new(path.clone(), &text));
        let (program, mistakes) = crate::syntax::parse(&source);
        if !mistakes.is_empty() {
            self.diagnostics.extend(mistakes);
            return Err(Reported);
        }
        for statement in &program.statements {
            let refused = match &statement.kind {
                StatementKind::Param { .. } => "params",
                _ if walk::has_effects(statement) => "output",
                _ => continue,
            };
            let wrong = Diagnostic::error(format!("a file that is used has no {refused}"))
                .label(&statement.span, "here")
                .label(span, "used here");
            return self.fail(wrong);
        }
        let before = self.diagnostics.len();
        let outer = std::mem::take(&mut self.globals.names);
        let module = std::mem::replace(&mut self.module, Some(known.clone()));
        let in_library = std::mem::replace(&mut self.in_library, library);
        let place = std::mem::replace(&mut self.place, noise::step(0, &known, 0));
        self.globals.modules.remove(&known);
        self.files.push(path);
        let script = self.script(&program);
        self.files.pop();
        actions.extend(script.actions);
        let names = std::mem::replace(&mut self.globals.names, outer);
        self.globals.modules.insert(known, Rc::new(names));
        self.module = module;
        self.in_library = in_library;
        self.place = place;
        if self.diagnostics[before..].iter().any(Diagnostic::is_failure) { Err(Reported) } else { Ok(()) }
    }

    /// The library's own names, from the files of its prelude.
    pub fn prelude(&mut self) {
        let Some(files) = (self.library)("prelude") else { return };
        let files = files.lines().map(|path| (path, (self.library)(path).unwrap_or_default()));
        self.globals.library = Rc::new(library::Library::new(files));
    }

    // ---- effects ----

    fn print(&mut self, arguments: &[ast::Argument], statement: &Statement) -> Checked<Unit> {
        let address = self.address(None);
        let mut layout: Vec<Place> = vec![];
        let (unit, stored) = self.unit(address, statement, None, &[], |c| {
            let mut values = vec![];
            let mut wrong = false;
            let mut valued = |c: &mut Checker, e: &Expr| match c.expr(e) {
                Ok(Value::Unit) => {
                    c.error(errors::no_value(&e.span));
                    wrong = true;
                }
                Ok(value) => values.push(value),
                Err(_) => wrong = true,
            };
            for (k, argument) in arguments.iter().enumerate() {
                if k > 0 {
                    layout.push(Place::Text(" ".into()));
                }
                let ExprKind::Str(parts) = &*argument.value.kind else {
                    valued(c, &argument.value);
                    layout.push(Place::Value(None, argument.value.span.clone()));
                    continue;
                };
                for part in parts {
                    match part {
                        StringPart::Text(t) => layout.push(Place::Text(t.clone())),
                        StringPart::Value { value, format } => {
                            valued(c, value);
                            layout.push(Place::Value(format.clone(), value.span.clone()));
                        }
                    }
                }
            }
            if wrong { Err(Reported) } else { Ok((values, vec![])) }
        })?;
        let mut unit = unit.unwrap_or_else(|| nothing(Then::Nothing, &statement.span));
        let mut values = stored.into_iter();
        let piece = |place: Place| match place {
            Place::Text(text) => Piece::Text(text),
            Place::Value(format, span) => Piece::Value(values.next().expect("a value for each place"), format, span),
        };
        unit.then = Then::Print(layout.into_iter().map(piece).collect());
        Ok(unit)
    }

    fn plot(&mut self, e: &Expr, arguments: &[ast::Argument], statement: &Statement) -> Checked<Unit> {
        let address = self.address(None);
        let mut plot = Plot { layers: vec![], title: None, x_label: None, y_label: None, file: None, log_x: false, log_y: false };
        let (unit, stored) = self.unit(address, statement, None, &[], |c| {
            let mut over = None;
            let mut given = vec![];
            for argument in arguments {
                let Some(name) = &argument.name else {
                    given.push(argument);
                    continue;
                };
                let value = c.expr(&argument.value)?;
                let text = |value: &Value| if let Value::Text(t) = value { Some(t.clone()) } else { None };
                match &*name.text {
                    "title" => plot.title = text(&value),
                    "x" => plot.x_label = text(&value),
                    "y" => plot.y_label = text(&value),
                    "file" => plot.file = text(&value),
                    "log_x" => plot.log_x = matches!(&value, Value::Number(n) if c.literal_bool(n) == Some(true)),
                    "log_y" => plot.log_y = matches!(&value, Value::Number(n) if c.literal_bool(n) == Some(true)),
                    "over" => {
                        let Value::Tuple(ends) = &value else {
                            return c.needs(&argument.value.span, "a pair (from, to)", &value);
                        };
                        let mut known = vec![];
                        for end in ends.iter() {
                            if let Value::Number(n) = end {
                                known.extend(c.literal_real(n));
                            }
                        }
                        let [from, to] = known[..] else {
                            return c.needs(&argument.value.span, "a pair of known numbers", &value);
                        };
                        over = Some((from, to));
                    }
                    _ => return c.fail(errors::unknown_argument(name, "plot", None, "layers …, title, x, y, over, file, log_x, log_y")),
                }
            }
            if given.is_empty() {
                return c.fail(errors::builtin_arguments(&e.span, "plot", "plot(x), plot(histogram(m)), plot(points(x, y))", 1, 0));
            }
            let mut layers = vec![];
            for argument in given {
                let value = c.expr(&argument.value)?;
                layers.push(Value::Layer(c.layer_of(value, &argument.value.span, over)?));
            }
            Ok((layers, vec![]))
        })?;
        plot.layers = stored.into_iter().filter_map(|v| if let Value::Layer(l) = v { Some(l) } else { None }).collect();
        let mut unit = unit.unwrap_or_else(|| nothing(Then::Nothing, &statement.span));
        unit.then = Then::Plot(plot);
        Ok(unit)
    }

    fn table(&mut self, arguments: &[ast::Argument], statement: &Statement) -> Checked<Unit> {
        let address = self.address(None);
        let (unit, stored) = self.unit(address, statement, None, &[], |c| {
            let values: Vec<Checked<Value>> = arguments.iter().map(|a| c.expr(&a.value)).collect();
            Ok((values.into_iter().collect::<Checked<Vec<Value>>>()?, vec![]))
        })?;
        let mut unit = unit.unwrap_or_else(|| nothing(Then::Nothing, &statement.span));
        let column = |(a, value): (&ast::Argument, Value)| {
            Column { name: a.name.as_ref().map(|n| n.span.text().into()), value, span: a.value.span.clone() }
        };
        unit.then = Then::Table(arguments.iter().zip(stored).map(column).collect());
        Ok(unit)
    }

    fn save(&mut self, e: &Expr, arguments: &[ast::Argument], statement: &Statement) -> Checked<Unit> {
        let address = self.address(None);
        let mut file = None;
        let (unit, stored) = self.unit(address, statement, None, &[], |c| {
            let [name, value] = arguments else {
                return c.fail(errors::builtin_arguments(&e.span, "save", "save(\"x.npy\", x)", 2, arguments.len()));
            };
            match c.expr(&name.value)? {
                Value::Text(t) => file = Some((t, name.value.span.clone())),
                other => return c.needs(&name.value.span, "the name of a file in quotes", &other),
            }
            match c.expr(&value.value)? {
                Value::Number(n) if c.is_estimate(&n) => c.fail(errors::save_of_estimate(&value.value.span)),
                Value::Number(n) => Ok((vec![Value::Number(n)], vec![])),
                Value::Unknown => Err(Reported),
                other => c.needs(&value.value.span, "an array", &other),
            }
        })?;
        let (file, span) = file.expect("set above");
        if let Err(why) = self.host.can_save(&file) {
            return self.fail(Diagnostic::error(why).label(&span, "this name"));
        }
        let mut unit = unit.unwrap_or_else(|| nothing(Then::Nothing, &statement.span));
        unit.then = Then::Save { file, value: stored.into_iter().next().expect("one value") };
        Ok(unit)
    }

    /// `let x = load("x.npy")`: kind and shape come from the file's header, or from the declared type if there is no file
    /// yet.
    fn load(
        &mut self,
        name: &ast::Name,
        ty: Option<&ast::TypeExpr>,
        e: &Expr,
        statement: &Statement,
        actions: &mut Vec<Action>,
    ) -> Checked<Value> {
        let ExprKind::Call { arguments, .. } = &*e.kind else { unreachable!("a call of load") };
        let address = self.address(Some(&name.text));
        let (file, declared) = self.with_checker(address, statement, |c| {
            let [argument] = &arguments[..] else {
                return c.fail(errors::builtin_arguments(&e.span, "load", "load(\"x.npy\")", 1, arguments.len()));
            };
            let file = match c.expr(&argument.value)? {
                Value::Text(t) => t,
                other => return c.needs(&argument.value.span, "the name of a file in quotes", &other),
            };
            let declared = match ty.map(|t| c.ty(t)).transpose()? {
                Some(types::Ty::Number(kind, sets)) => Some((kind, sets)),
                Some(other) => return c.fail(errors::not_yet(&e.span, &format!("files with {}", other.describe()))),
                None => None,
            };
            Ok((file, declared))
        })?;
        let found = self.host.header(&file);
        let (kind, sets) = match (found, declared) {
            (Ok(header), declared) => {
                use moyal_runtime::array::Scalar;
                let kind = match (header.complex, header.scalar) {
                    (true, _) => Kind::Complex,
                    (_, Scalar::Real) => Kind::Real,
                    (_, Scalar::F32) => Kind::F32,
                    (_, Scalar::Int) => Kind::Int,
                    (_, Scalar::Bool) => Kind::Bool,
                };
                let plain: Vec<IndexSet> = header.shape.iter().map(|n| IndexSet::Range(*n)).collect();
                match declared {
                    None => (kind, plain),
                    Some((k, sets)) if k == kind && sets.iter().map(IndexSet::size).eq(header.shape.iter().copied()) => (k, sets),
                    Some((k, sets)) => {
                        let wrong = errors::wrong_type(&e.span, &describe(k, &sets), &describe(kind, &plain));
                        return self.fail(wrong);
                    }
                }
            }
            (Err(_), Some(declared)) => declared,
            (Err(why), None) => {
                let missing = Diagnostic::error(format!("\"{file}\" cannot be read: {why}"))
                    .label(&e.span, "this file")
                    .help("a file that does not exist yet needs a declared type: let x: real[100] = load(\"x.npy\")");
                return self.fail(missing);
            }
        };
        let shape: Vec<usize> = sets.iter().map(IndexSet::size).collect();
        let re = self.new_slot(Type::new(kind.scalar(), shape.clone()));
        let im = (kind == Kind::Complex).then(|| self.new_slot(Type::new(kind.scalar(), shape)));
        actions.push(Action::Load { file, re, im, span: e.span.clone() });
        let number = Number::new(kind, sets, Var(re as u32));
        Ok(Value::Number(Number { im: im.map(|s| Var(s as u32)), ..number }))
    }

    // ---- programs ----

    /// Always in one order, so that a text gives the same Core each time.
    fn mutable_names(&self) -> Vec<Rc<str>> {
        let mut names: Vec<Rc<str>> = self.globals.names.iter().filter(|(_, b)| b.mutable).map(|(n, _)| n.clone()).collect();
        names.sort();
        names
    }

    fn new_slot(&mut self, ty: Type) -> usize {
        self.globals.new_slot(Slot { ty, fluctuations: vec![], literal: None })
    }

    /// The noise address of the next statement: by the name that it binds, else its number among those that bind none.
    fn address(&mut self, name: Option<&Rc<str>>) -> (u64, Vec<usize>) {
        let place = match name {
            Some(name) => noise::step(self.place, name, 0),
            None => {
                self.unnamed += 1;
                noise::step(self.place, "#", self.unnamed)
            }
        };
        (place, self.turns.clone())
    }

    fn checker(&mut self, address: (u64, Vec<usize>), statement: &Statement) -> Checker<'_> {
        let (in_library, module) = (self.in_library, self.module.clone());
        let mut c = Checker::new(self.globals);
        c.in_library = in_library;
        c.module = module;
        c.ordinals = Rc::new(walk::ordinals_of(statement));
        c.address.place = address.0;
        c.address.turns = address.1.into_iter().map(|slot| c.input(slot)).collect();
        c.b.at(&statement.span);
        c
    }

    fn with_checker<T>(
        &mut self,
        address: (u64, Vec<usize>),
        statement: &Statement,
        f: impl FnOnce(&mut Checker) -> Checked<T>,
    ) -> Checked<T> {
        let mut c = self.checker(address, statement);
        let result = f(&mut c);
        let diagnostics = std::mem::take(&mut c.diagnostics);
        drop(c);
        let failed = diagnostics.iter().any(Diagnostic::is_failure);
        self.merge(diagnostics);
        if failed { Err(Reported) } else { result }
    }

    fn merge(&mut self, diagnostics: Vec<Diagnostic>) {
        for d in diagnostics {
            if !self.diagnostics.iter().any(|known| known.message == d.message && same_place(known, &d)) {
                self.diagnostics.push(d);
            }
        }
    }

    /// One program: `f` gives the values to keep. `assignable` names may be assigned by it and keep their new values.
    /// Returns the values with slots for leaves; no unit if there is nothing to compute.
    fn unit(
        &mut self,
        address: (u64, Vec<usize>),
        statement: &Statement,
        name: Option<&Rc<str>>,
        assignable: &[Rc<str>],
        f: impl FnOnce(&mut Checker) -> Checked<(Vec<Value>, Vec<Value>)>,
    ) -> Checked<(Option<Unit>, Vec<Value>)> {
        let loops = self.loops;
        let mut c = self.checker(address, statement);
        if let Some(name) = name {
            c.binding_name = name.clone();
        }
        for name in assignable {
            let binding = c.globals.names[name].clone();
            c.locals.bind(name.clone(), binding);
        }
        let result = f(&mut c);
        let diagnostics = std::mem::take(&mut c.diagnostics);
        let failed = diagnostics.iter().any(Diagnostic::is_failure);
        let made = match result {
            Ok((values, _)) if !failed => {
                let assigned: Vec<(Rc<str>, Value)> = assignable
                    .iter()
                    .filter_map(|n| c.locals.get(n).filter(|b| !b.stored).map(|b| (n.clone(), b.value.clone())))
                    .collect();
                Some(finished(c, values, assigned, statement, loops > 0))
            }
            _ => None,
        };
        self.merge(diagnostics);
        if let (Some((Some(unit), _)), Some(watch)) = (&made, &mut self.watch) {
            watch(unit);
        }
        made.ok_or(Reported)
    }

    /// A call of a function with arrays of these types (and whether they are complex): the unit, the slots of the
    /// arguments, and the result.
    #[allow(clippy::type_complexity)]
    pub fn call(&mut self, function: &str, arguments: &[(Type, bool)]) -> Checked<(Option<Unit>, Vec<(usize, Option<usize>)>, Value)> {
        let source = std::sync::Arc::new(crate::source::Source { name: "<call>".into(), text: function.to_string() });
        let span = Span::new(&source, 0, function.len());
        let Some(Value::Function(f)) = self.globals.names.get(function).map(|b| b.value.clone()) else {
            return self.fail(Diagnostic::error(format!("the text declares no function `{function}`")).label(&span, "unknown"));
        };
        let slots: Vec<(usize, Option<usize>)> = arguments
            .iter()
            .map(|(ty, complex)| (self.new_slot(ty.clone()), complex.then(|| self.new_slot(ty.clone()))))
            .collect();
        let e = Expr { kind: Rc::new(ExprKind::Tuple(vec![])), span: span.clone() };
        let statement = Statement { kind: StatementKind::Expr(e), span: span.clone(), doc: None };
        let (unit, values) = self.unit((0, vec![]), &statement, None, &[], |c| {
            let mut given = vec![];
            for (k, ((ty, _), (re, im))) in arguments.iter().zip(&slots).enumerate() {
                let number = c.argument(&f, k, ty, *re, *im)?;
                given.push((None, Value::Number(number), span.clone()));
            }
            Ok((vec![c.apply_function(&f, given, &span)?], vec![]))
        })?;
        Ok((unit, slots, values.into_iter().next().expect("one value")))
    }

    /// Processes and functions that nobody called, where all types are declared: checked by themselves, in the order of the text.
    fn uncalled(&mut self) {
        let mut names: Vec<Binding> = self.globals.names.values().cloned().collect();
        names.sort_by_key(|b| b.span.as_ref().map(|s| s.start));
        for binding in names {
            match &binding.value {
                Value::Process(p) => self.uncalled_process(p),
                Value::Function(f) => self.uncalled_function(f),
                _ => {}
            }
        }
    }

    fn uncalled_process(&mut self, p: &Rc<process::Process>) {
        let (closure, declaration) = p.declared();
        if closure.checked.get() {
            return;
        }
        let kind = StatementKind::Process(declaration.clone());
        let statement = Statement { kind, span: declaration.span.clone(), doc: None };
        let _ = self.with_checker((0, vec![]), &statement, |c| c.check_process(p));
    }

    fn uncalled_function(&mut self, f: &Rc<value::Function>) {
        let value::Function::User(closure) = &**f else { return };
        let Declaration::Function(declared) = &closure.declaration else { return };
        // An int may be a size, which only a call knows.
        let known = |p: &ast::Parameter| p.ty.as_ref().is_some_and(|t| t.span.text().trim() != "int");
        let whole = declared.generics.is_empty() && declared.parameters.iter().all(known);
        let runs = matches!(declared.kind, ast::FunctionKind::Fn | ast::FunctionKind::Action);
        if closure.checked.get() || !whole || !runs {
            return;
        }
        let kind = StatementKind::Function(declared.clone());
        let statement = Statement { kind, span: declared.span.clone(), doc: None };
        let _ = self.with_checker((0, vec![]), &statement, |c| {
            let mut given = vec![];
            for parameter in &declared.parameters {
                let ty = c.ty(parameter.ty.as_ref().expect("declared"))?;
                given.push((None, c.unknown_of(&ty), parameter.name.span.clone()));
            }
            c.apply_function(f, given, &declared.name.span)
        });
    }
}

/// How a file's declarations are called: `use "plots/style.moy"` gives `style.line`.
fn module_name(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file).trim_end_matches(".moy")
}

impl Checker<'_> {
    /// An array from outside as argument `k`: over the declared index sets if their sizes agree, else over integers.
    fn argument(&mut self, f: &value::Function, k: usize, ty: &Type, re: usize, im: Option<usize>) -> Checked<Number> {
        use moyal_runtime::array::Scalar;
        let kind = match (im, ty.scalar) {
            (Some(_), _) => Kind::Complex,
            (_, Scalar::Real) => Kind::Real,
            (_, Scalar::F32) => Kind::F32,
            (_, Scalar::Int) => Kind::Int,
            (_, Scalar::Bool) => Kind::Bool,
        };
        let mut sets: Vec<IndexSet> = ty.shape.iter().map(|n| IndexSet::Range(*n)).collect();
        if let value::Function::User(Closure { declaration: Declaration::Function(declared), .. }) = f
            && declared.generics.is_empty()
            && let Some(written) = declared.parameters.get(k).and_then(|p| p.ty.as_ref())
            && let types::Ty::Number(_, wanted) = self.ty(written)?
            && wanted.iter().map(IndexSet::size).eq(ty.shape.iter().copied())
        {
            sets = wanted;
        }
        let re = self.input(re);
        let im = im.map(|slot| self.input(slot));
        Ok(Number { im, ..Number::new(kind, sets, re) })
    }
}

/// The name of a function or process that a statement declares.
fn hoisted_name(statement: &Statement) -> Option<&ast::Name> {
    match &statement.kind {
        StatementKind::Function(function) => Some(&function.name),
        StatementKind::Process(process) => Some(&process.name),
        _ => None,
    }
}

fn is_load(e: &Expr) -> bool {
    matches!(walk::callee(e), Some((name, _)) if &**name == "load")
}

/// A unit that computes nothing.
fn nothing(then: Then, span: &Span) -> Unit {
    let program = Program { types: vec![], spans: Arc::default(), body: CoreBlock::default() };
    Unit::new(program, vec![], vec![], vec![], then, span)
}

/// Closes a checker's walk into a unit, its values into slots.
fn finished(
    mut c: Checker,
    values: Vec<Value>,
    assigned: Vec<(Rc<str>, Value)>,
    statement: &Statement,
    in_loop: bool,
) -> (Option<Unit>, Vec<Value>) {
    // What a member of a comprehension or a turn of a loop made ends with it.
    let outer: VarSet = c.b.open_steps().flat_map(|s| s.outs.iter().copied()).chain(c.inputs.iter().map(|i| i.1)).collect();
    let mut records = std::mem::take(&mut c.new_records);
    let mut times = std::mem::take(&mut c.times);
    times.retain(|time| time.found.iter().all(|v| outer.contains(v)));
    records.retain(|(_, record)| record.needs().iter().all(|v| outer.contains(v)));
    let mut results: Vec<Var> = values.iter().flat_map(Value::needs).collect();
    let own = results.len();
    results.extend(assigned.iter().flat_map(|(_, v)| v.needs()));
    results.extend(records.iter().flat_map(|(_, v)| v.needs()));
    let is_param = matches!(statement.kind, StatementKind::Param { .. });
    let changes = matches!(statement.kind, StatementKind::Let { mutable: true, .. });
    let literals: Vec<Option<Literal>> = results
        .iter()
        .enumerate()
        .map(|(k, v)| {
            let literal = c.b.literal_of(*v)?;
            let keeps = k >= own || changes || (is_param && literal.scalar().is_float());
            (!keeps).then_some(literal)
        })
        .collect();
    let types: Vec<Type> = results.iter().map(|v| c.b.type_of(*v).clone()).collect();
    let perturbations = std::mem::take(&mut c.perturbations);
    let steps = c.b.take_steps();
    let mut b = std::mem::take(&mut c.b);
    let fluctuations = with_fluctuations(&mut b, steps, &results, perturbations);

    // Slots: a `var` assigned in a loop keeps its own, everything else gets new ones.
    let mut slots: Vec<usize> = vec![];
    let kept: Vec<usize> = assigned
        .iter()
        .flat_map(|(name, _)| c.globals.names[name].value.leaves())
        .map(|v| v.0 as usize)
        .collect();
    for (k, ty) in types.iter().enumerate() {
        let in_place = in_loop && k >= own && k < own + kept.len();
        if in_place {
            slots.push(kept[k - own]);
            continue;
        }
        slots.push(c.globals.new_slot(Slot { ty: ty.clone(), fluctuations: vec![], literal: literals[k] }));
    }
    let mut outputs = vec![];
    let mut core_results = vec![];
    for (k, result) in results.iter().enumerate() {
        if literals[k].is_none() {
            outputs.push(slots[k]);
            core_results.push(*result);
        }
    }
    let mut beside = |globals: &mut Globals, var: Var| {
        let slot = globals.new_slot(Slot { ty: b.type_of(var).clone(), fluctuations: vec![], literal: None });
        outputs.push(slot);
        core_results.push(var);
        slot
    };
    for (k, ensemble, fluctuation) in fluctuations {
        let slot = beside(c.globals, fluctuation);
        c.globals.slots[slots[k]].fluctuations.push((ensemble, slot));
    }
    for time in &mut times {
        time.found = time.found.map(|var| Var(beside(c.globals, var) as u32));
    }
    let mut rest = slots.into_iter();
    let mut store = |v: Value| v.kept(&mut |_| Var(rest.next().expect("a slot for each leaf") as u32));
    let stored: Vec<Value> = values.into_iter().map(&mut store).collect();
    let changed: Vec<(Rc<str>, Value)> = assigned.into_iter().map(|(n, v)| (n, store(v))).collect();
    let records: Vec<(u64, Value)> = records.into_iter().map(|(k, v)| (k, store(v))).collect();
    for (name, value) in changed {
        let binding = c.globals.names.get_mut(&name).expect("an assigned name");
        binding.value = value;
    }
    c.globals.records.extend(records);
    let mut program = b.finish(vec![], core_results);
    // `run.acceptance` names `run` but does not read it.
    let read: VarSet = program.body.captures().into_iter().collect();
    let (inputs, params) = c.inputs.iter().filter(|(_, var)| read.contains(var)).copied().unzip();
    program.body.params = params;
    let requires = program.body.steps.iter().any(|s| matches!(s.op, Op::Require { .. }) || !s.op.blocks().is_empty());
    if outputs.is_empty() && !requires {
        return (None, stored);
    }
    (Some(Unit::new(program, inputs, outputs, times, Then::Nothing, &statement.span)), stored)
}

/// Puts the steps back, with the perturbations' strengths zero, and adds the fluctuations of the results that are
/// estimates: (which result, ensemble, value of shape [blocks of all chains, …]).
fn with_fluctuations(
    b: &mut Builder,
    steps: Vec<Step>,
    results: &[Var],
    perturbations: Vec<Perturbation>,
) -> Vec<(usize, Rc<Ensemble>, Var)> {
    if perturbations.is_empty() {
        b.extend(steps);
        return vec![];
    }
    let sources = perturbations.iter().flat_map(|p| [p.strength, p.block]).collect();
    let steps = super::estimates::with_split_maps(b, steps, &sources);
    let zeros = perturbations
        .iter()
        .flat_map(|p| {
            [(p.strength, Literal::Real(0.0)), (p.block, Literal::Int(0))]
                .map(|(var, literal)| Step { outs: Vars::from_slice(&[var]), op: Op::Constant(literal), span: 0 })
        })
        .collect();
    b.extend(zeros);
    let (touched, after) = super::estimates::depending(&b.types, &steps, sources);
    b.extend(steps);
    let mut found = vec![];
    let estimates: Vec<usize> =
        (0..results.len()).filter(|k| touched.contains(&results[*k]) && b.scalar_of(results[*k]).is_float()).collect();
    if estimates.is_empty() {
        return found;
    }
    for p in perturbations {
        let block = CoreBlock {
            params: vec![p.strength, p.block],
            steps: after.clone(),
            results: estimates.iter().map(|k| results[*k]).collect(),
        };
        let (blocks, _) = super::estimates::blocks(&p.ensemble);
        let mut which = vec![];
        let rows = b.map(blocks * p.ensemble.chains, |b, number| {
            let (zero, one) = (b.real(0.0), b.real(1.0));
            let (_, tangents) = pass::forward::jvp(b, &block, &[zero, number], &[Some(one), None], &[]);
            let mut rows = vec![];
            for (k, tangent) in estimates.iter().zip(tangents) {
                if let Some(tangent) = tangent {
                    which.push(*k);
                    rows.push(tangent);
                }
            }
            rows
        });
        found.extend(which.into_iter().zip(rows).map(|(k, row)| (k, p.ensemble.clone(), row)));
    }
    found
}
