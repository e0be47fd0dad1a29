//! `moyal verify`: what mathematics says of a program's actions and samplers without knowing the answer. The checks are a
//! module of the library; here a text is turned into one that calls them, and what they give into verdicts.
//!
//! Each action is given to `check_action`. Each call of a sampler becomes a call of its check with the same arguments; statements
//! that print, or that need what a sampler gives, are left out. A function that calls samplers gets a twin whose value is what
//! their checks give, and is checked where it is called; of a loop the first turn is checked. Tests that need no sampler are
//! run, for there a program states its symmetries. Updates of hybrid Monte Carlo are checked where they are made, by the same rules,
//! but their values are kept: samplers need them.

use crate::check::scope::Names;
use crate::check::value::{Number, Value};
use crate::check::walk::{self, Node};
use crate::estimate::Estimate;
use crate::format::Slots;
use crate::source::Span;
use crate::syntax::ast::*;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Samplers of the library, each with a `check_…` in the module.
const SAMPLERS: &[&str] = &["hmc", "sample", "langevin", "mala", "metropolis", "cluster", "parallel_tempering", "simulate"];

/// Updates whose trajectories are checked by themselves, wherever they are made.
const UPDATES: &[&str] = &["hmc_update"];

/// How many standard errors an estimate may lie off: one in 16 000 true ones lies farther.
const SIGMAS: f64 = 4.0;

const SAMPLER_IN_LAMBDA: &str = "a sampler in a lambda is not checked: write a function, and call it by name";
const UPDATE_IN_LAMBDA: &str = "an update in a lambda is checked only as a part of its sampler";

/// The module's name in the rewritten text: no program can hide it.
const MODULE: &str = "verify ";

/// The field that holds what a claim within a function gives.
const INNER: &str = "checks of it";

/// A text that calls the checks, and what its claims are about.
pub struct Plan {
    pub program: Program,
    pub claims: Vec<Claim>,
    /// Samplers that are not checked, and why.
    pub left_out: Vec<(Span, &'static str)>,
}

/// Something that is checked.
pub struct Claim {
    /// The name that the results are bound to.
    name: Rc<str>,
    pub subject: String,
    pub place: Span,
    /// Whether some check must apply to it, as to a sampler.
    checked: bool,
}

impl Claim {
    /// That no check applies to it, if some should.
    pub fn left_out(&self, found: &[Verified]) -> Option<(Span, &'static str)> {
        (self.checked && found.is_empty()).then(|| (self.place.clone(), "no check applies to it here"))
    }

    /// Where its results are stored.
    pub fn slots(&self, names: &Names) -> Vec<usize> {
        names.get(&self.name).map(|binding| binding.value.leaves().iter().map(|v| v.0 as usize).collect()).unwrap_or_default()
    }

    /// The outcome of one whose checks did not come to their end.
    pub fn stopped(&self) -> Verified {
        let check = Check { name: "runs to its end".into(), found: "stopped".into(), expected: String::new(), verdict: Verdict::Failed, advice: None };
        Verified { subject: self.subject.clone(), place: self.place.clone(), checks: vec![check] }
    }

    /// What it gives, with its subject, as a part of the value of a function.
    fn within(&self, place: &Span) -> Expr {
        let subject = Expr::new(ExprKind::Str(vec![StringPart::Text(self.subject.clone().into())]), place.clone());
        let fields = vec![(named("subject", place), subject), (named(INNER, place), name_expr(&self.name, place))];
        Expr::new(ExprKind::Record(fields), place.clone())
    }
}

/// The outcome for one action or sampler.
#[derive(Clone)]
pub struct Verified {
    pub subject: String,
    pub place: Span,
    pub checks: Vec<Check>,
}

#[derive(Clone)]
pub struct Check {
    pub name: String,
    pub found: String,
    pub expected: String,
    pub verdict: Verdict,
    /// What is likely to be wrong where it fails.
    pub advice: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    Failed,
    /// Off by more than its error, but within the systematic error that such an update has.
    Biased,
    /// Said without a verdict: whether a symmetry holds.
    Holds,
    Broken,
}

// ---- the text ----

pub fn plan(program: &Program) -> Plan {
    let functions = Functions::of(program);
    let mut lost = HashSet::new();
    let mut planner = Planner::of(program, &functions, &lost);
    // What names something lost is lost too, wherever it is declared.
    loop {
        let more = functions.naming(&planner.ever_lost);
        if more.is_subset(&lost) {
            break;
        }
        lost.extend(more);
        planner = Planner::of(program, &functions, &lost);
    }
    let never = functions.checked.values().filter(|f| !planner.called.contains(&f.function.name.text));
    let never = never.map(|f| (f.function.name.span.clone(), if f.samples { "a sampler in a function is checked where the function is called by name" } else { "an update in a function is checked where the function is called by name" }));
    planner.left_out.extend(never);
    planner.left_out.sort_by_key(|(place, _)| place.start);
    planner.claim_actions();
    let Planner { mut statements, claims, left_out, .. } = planner;
    if let Some(first) = program.statements.first() {
        let module = Module::Library(named("verify", &first.span));
        let kind = StatementKind::Use { module, alias: Some(named(MODULE, &first.span)) };
        statements.insert(0, Statement { kind, span: first.span.clone(), doc: None });
    }
    Plan { program: Program { statements, ..program.clone() }, claims, left_out }
}

/// The functions that a text declares.
struct Functions {
    all: Vec<Rc<Function>>,
    /// Those that call samplers, make updates, or call others of these.
    checked: HashMap<Rc<str>, Checked>,
}

struct Checked {
    function: Rc<Function>,
    /// Whether it calls a sampler: then its value is not to be had.
    samples: bool,
}

impl Functions {
    fn of(program: &Program) -> Functions {
        let mut all = vec![];
        let mut note = |node: Node| {
            if let Node::Statement(Statement { kind: StatementKind::Function(f), .. }) = node {
                all.push(f.clone());
            }
            true
        };
        program.statements.iter().for_each(|s| walk::statement(s, &mut note));
        let mut functions = Functions { all, checked: HashMap::new() };
        loop {
            let checked = |f: &Rc<Function>| {
                let calls = functions.checked_in_expr(&f.body);
                let samples = calls.iter().any(|call| functions.samples(call));
                (!calls.is_empty()).then(|| (f.name.text.clone(), Checked { function: f.clone(), samples }))
            };
            let found: HashMap<_, _> = functions.all.iter().filter_map(checked).collect();
            let sampling = |of: &HashMap<_, Checked>| of.values().filter(|f| f.samples).count();
            if found.len() == functions.checked.len() && sampling(&found) == sampling(&functions.checked) {
                return functions;
            }
            functions.checked = found;
        }
    }

    /// The functions of the text that name one of these.
    fn naming(&self, names: &HashSet<Rc<str>>) -> HashSet<Rc<str>> {
        let naming = |f: &&Rc<Function>| {
            let own: HashSet<_> = f.parameters.iter().map(|p| p.name.text.clone()).collect();
            free_names(&f.body).difference(&own).any(|name| names.contains(name))
        };
        self.all.iter().filter(naming).map(|f| f.name.text.clone()).collect()
    }

    /// The function that checks a call of a sampler or of what makes an update, if it is one.
    fn check_of(&self, call: &Expr) -> Option<Expr> {
        let name = called(call)?;
        if self.checked.contains_key(name) {
            Some(name_expr(&checking(name), &call.span))
        } else if self.is_of_library(name, SAMPLERS) || self.is_of_library(name, UPDATES) {
            Some(of_module(&format!("check_{name}"), &call.span))
        } else {
            None
        }
    }

    /// Whether a call that is checked samples.
    fn samples(&self, call: &Expr) -> bool {
        called(call).is_some_and(|name| self.checked.get(name).map_or_else(|| self.is_of_library(name, SAMPLERS), |f| f.samples))
    }

    fn is_of_library(&self, name: &Rc<str>, names: &[&str]) -> bool {
        names.contains(&&**name) && !self.all.iter().any(|f| f.name.text == *name)
    }

    /// Calls that are checked; none inside lambdas and functions.
    fn checked_in(&self, statement: &Statement) -> Vec<Expr> {
        let mut found = vec![];
        walk::statement(statement, &mut |node| self.note_checked(node, &mut found));
        found
    }

    fn samples_in(&self, statement: &Statement) -> bool {
        self.checked_in(statement).iter().any(|call| self.samples(call))
    }

    /// Those inside lambdas.
    fn checked_in_lambdas(&self, statement: &Statement) -> Vec<Expr> {
        let mut found = vec![];
        walk::statement(statement, &mut |node| {
            if let Node::Expr(Expr { kind, .. }) = node
                && let ExprKind::Lambda { body, .. } = &**kind
            {
                found.extend(self.checked_in_expr(body));
            }
            !matches!(node, Node::Statement(Statement { kind: StatementKind::Function(_), .. }))
        });
        found
    }

    fn checked_in_expr(&self, e: &Expr) -> Vec<Expr> {
        let mut found = vec![];
        walk::expr(e, &mut |node| self.note_checked(node, &mut found));
        found
    }

    /// Whether to look deeper: a sampler's arguments may make updates.
    fn note_checked(&self, node: Node, found: &mut Vec<Expr>) -> bool {
        match node {
            Node::Expr(e) => {
                found.extend(self.check_of(e).map(|_| e.clone()));
                !matches!(&*e.kind, ExprKind::Lambda { .. })
            }
            Node::Statement(s) => !matches!(s.kind, StatementKind::Function(_)),
        }
    }
}

/// The name that is called.
fn called(call: &Expr) -> Option<&Rc<str>> {
    let ExprKind::Call { function, .. } = &*call.kind else { return None };
    let ExprKind::Name(Name { text, .. }) = &*function.kind else { return None };
    Some(text)
}

/// The name of the function that checks what another samples.
fn checking(function: &str) -> String {
    format!("checks of {function}")
}

/// The statements of a text, a function or a turn of a loop, made into ones that check.
struct Planner<'f> {
    functions: &'f Functions,
    statements: Vec<Statement>,
    claims: Vec<Claim>,
    /// Claimed at the end: what an action names may be declared after it.
    actions: Vec<Name>,
    processes: Vec<Name>,
    left_out: Vec<(Span, &'static str)>,
    /// Names whose values need what a sampler gives.
    lost: HashSet<Rc<str>>,
    /// Those of all statements so far.
    ever_lost: HashSet<Rc<str>>,
    /// Lost names that a shorter simulation gives back where another simulation begins at its ends.
    shorter: HashMap<Rc<str>, Shorter>,
    /// Functions whose samplers are checked, or left out with a word.
    called: HashSet<Rc<str>>,
    /// Whether statements are those of a function: they print nothing, and end with its value.
    inside: bool,
}

/// A statement that gives lost names values again.
#[derive(Clone)]
struct Shorter {
    statement: Statement,
    /// Lost names that it needs itself.
    needs: Vec<Rc<str>>,
}

impl<'f> Planner<'f> {
    fn new(functions: &'f Functions, lost: HashSet<Rc<str>>, inside: bool) -> Planner<'f> {
        Planner { functions, statements: vec![], claims: vec![], actions: vec![], processes: vec![], left_out: vec![], ever_lost: lost.clone(), lost, shorter: HashMap::new(), called: HashSet::new(), inside }
    }

    fn of(program: &Program, functions: &'f Functions, lost: &HashSet<Rc<str>>) -> Planner<'f> {
        let mut planner = Planner::new(functions, lost.clone(), false);
        program.statements.iter().for_each(|s| planner.statement(s));
        planner
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Test { .. } => self.test(statement),
            StatementKind::Function(f) => self.function(f, statement),
            StatementKind::For { pattern, set, body } if self.functions.samples_in(statement) => {
                self.first_turn(pattern, set, body, &statement.span);
                self.lose(statement);
            }
            StatementKind::While { .. } if self.functions.samples_in(statement) => {
                for call in self.functions.checked_in(statement) {
                    self.leave_out(&call, "a sampler in a `while` is not checked: take it out of the loop");
                }
                self.lose(statement);
            }
            _ => self.other(statement),
        }
    }

    /// A test states what must hold, say a symmetry.
    fn test(&mut self, statement: &Statement) {
        if self.functions.samples_in(statement) {
            for call in self.functions.checked_in(statement) {
                self.leave_out(&call, "a sampler in a test is not checked: call it outside");
            }
        } else if !self.needs_lost(statement) {
            self.statements.push(statement.clone());
        }
    }

    fn function(&mut self, f: &Rc<Function>, statement: &Statement) {
        if self.lost.contains(&f.name.text) {
            return;
        }
        self.statements.push(statement.clone());
        let declared = f.generics.is_empty() && f.parameters.len() == 1 && f.parameters[0].ty.is_some();
        let of_integers = declared && f.parameters[0].ty.as_ref().is_some_and(is_of_integers);
        if f.kind == FunctionKind::Action && of_integers {
            self.left_out.push((f.name.span.clone(), "an action of integers has no gradient to check"));
        } else if f.kind == FunctionKind::Action && declared {
            self.actions.push(f.name.clone());
        } else if f.kind == FunctionKind::Action {
            self.left_out.push((f.name.span.clone(), "an action by itself is checked if it has one argument, of a declared type"));
        }
        if self.functions.checked.contains_key(&f.name.text) {
            let mut inner = Planner::new(self.functions, self.lost.clone(), true);
            f.parameters.iter().for_each(|p| _ = inner.lost.remove(&p.name.text));
            let body = self.checked(inner, &f.body);
            let name = named(&checking(&f.name.text), &f.name.span);
            let checks = Function { name, body, result: None, doc: None, ..(**f).clone() };
            self.statements.push(Statement { kind: StatementKind::Function(Rc::new(checks)), span: statement.span.clone(), doc: None });
        }
    }

    /// The first turn of a loop over what the text lists.
    fn first_turn(&mut self, pattern: &Pattern, set: &Expr, body: &Block, place: &Span) {
        let Some(first) = first_of(set) else {
            for call in body.statements.iter().flat_map(|s| self.functions.checked_in(s)) {
                self.leave_out(&call, "a sampler in a loop is checked if the loop is over a range, a tuple or a list");
            }
            return;
        };
        let mut inner = Planner::new(self.functions, self.lost.clone(), true);
        // The turn is a function: it assigns nothing outside.
        inner.lost.extend(walk::assigned(body));
        let begin = StatementKind::Let { mutable: false, pattern: pattern.clone(), ty: None, value: first, draws: false };
        inner.statement(&Statement { kind: begin, span: set.span.clone(), doc: None });
        let body = self.checked(inner, &Expr::new(ExprKind::Block(body.clone()), body.span.clone()));
        let name = named(&format!("turn {}", self.statements.len()), place);
        let turn = Function {
            kind: FunctionKind::Fn,
            name: name.clone(),
            generics: vec![],
            parameters: vec![],
            result: None,
            body,
            doc: None,
            span: place.clone(),
        };
        self.statements.push(Statement { kind: StatementKind::Function(Rc::new(turn)), span: place.clone(), doc: None });
        let call = Expr::new(ExprKind::Call { function: name_expr(&name.text, place), arguments: vec![] }, place.clone());
        self.claim("first turn of the loop".to_string(), set.span.clone(), call);
    }

    /// What `inner` makes of a body: a block whose value is what its checks give.
    fn checked(&mut self, mut inner: Planner, body: &Expr) -> Expr {
        match &*body.kind {
            ExprKind::Block(block) => block.statements.iter().for_each(|s| inner.statement(s)),
            _ => inner.statement(&Statement { kind: StatementKind::Expr(body.clone()), span: body.span.clone(), doc: None }),
        }
        inner.claim_actions();
        self.left_out.append(&mut inner.left_out);
        self.called.extend(inner.called);
        let span = &body.span;
        let mut found: Vec<Expr> = inner.claims.iter().map(|claim| claim.within(span)).collect();
        let result = match found.len() {
            0 => Expr::new(ExprKind::Record(vec![(named("nothing", span), Expr::new(ExprKind::Int(0), span.clone()))]), span.clone()),
            1 => found.remove(0),
            _ => Expr::new(ExprKind::Tuple(found), span.clone()),
        };
        let mut statements = inner.statements;
        statements.push(Statement { kind: StatementKind::Expr(result), span: span.clone(), doc: None });
        Expr::new(ExprKind::Block(Block { statements, span: span.clone() }), span.clone())
    }

    fn other(&mut self, statement: &Statement) {
        for call in self.functions.checked_in_lambdas(statement) {
            let samples = self.functions.samples(&call);
            self.leave_out(&call, if samples { SAMPLER_IN_LAMBDA } else { UPDATE_IN_LAMBDA });
        }
        self.renamed(statement);
        let calls = self.functions.checked_in(statement);
        if calls.iter().any(|call| self.functions.samples(call)) || self.needs_lost(statement) {
            self.lose(statement);
        } else {
            self.keep(statement);
        }
        for call in calls {
            let free = free_names(&call);
            let around = bound_within(statement, |e| (e.span.start, e.span.end) != (call.span.start, call.span.end));
            if !self.bring_back(&free) {
                self.leave_out(&call, "its arguments need what another sampler gives");
            } else if free.iter().any(|name| around.contains(name)) {
                self.leave_out(&call, "its arguments are bound in the expression or block around it: write it as a statement or in a function");
            } else {
                self.check(&call);
            }
        }
        self.remember(statement);
    }

    /// Whether names have values or get them back, those of a simulation by a shorter one.
    fn bring_back(&mut self, names: &HashSet<Rc<str>>) -> bool {
        let lost: Vec<Rc<str>> = names.iter().filter(|name| self.lost.contains(*name)).cloned().collect();
        if !lost.iter().all(|name| self.shorter.contains_key(name)) {
            return false;
        }
        lost.iter().for_each(|name| self.emit_shorter(name));
        true
    }

    fn emit_shorter(&mut self, name: &Rc<str>) {
        let Some(Shorter { statement, needs }) = self.shorter.get(name).cloned() else { return };
        needs.iter().filter(|need| self.lost.contains(*need)).cloned().collect::<Vec<_>>().iter().for_each(|need| self.emit_shorter(need));
        declared_by(&statement).iter().for_each(|name| _ = self.lost.remove(name));
        self.statements.push(statement);
    }

    /// Notes how a statement's names could have values: a simulation with fewer paths, or what needs nothing lost but these.
    fn remember(&mut self, statement: &Statement) {
        let bound = bound_by(statement);
        self.shorter.retain(|name, shorter| !bound.contains(name) && !shorter.needs.iter().any(|need| bound.contains(need)));
        if !bound.iter().any(|name| self.lost.contains(name) || self.ever_lost.contains(name)) {
            return;
        }
        let StatementKind::Let { mutable: false, pattern, ty, value, draws: false } = &statement.kind else { return };
        let calls = self.functions.checked_in(statement);
        let value = match (&calls[..], &*value.kind) {
            ([], _) => value.clone(),
            ([call], ExprKind::Call { arguments, .. }) if (call.span.start, call.span.end) == (value.span.start, value.span.end) && called(call).is_some_and(|name| self.functions.is_of_library(name, &["simulate"])) => {
                Expr::new(ExprKind::Call { function: of_module("fewer_paths", &value.span), arguments: arguments.clone() }, value.span.clone())
            }
            _ => return,
        };
        let needs: Vec<Rc<str>> = free_names(&value).into_iter().filter(|name| self.ever_lost.contains(name)).collect();
        if !needs.iter().all(|name| !self.lost.contains(name) || self.shorter.contains_key(name)) {
            return;
        }
        // A statement that has its values already is not lost.
        if calls.is_empty() && needs.iter().all(|name| !self.lost.contains(name)) {
            return;
        }
        let kind = StatementKind::Let { mutable: false, pattern: pattern.clone(), ty: ty.clone(), value, draws: false };
        let statement = Statement { kind, ..statement.clone() };
        for name in bound {
            self.lost.insert(name.clone());
            self.shorter.insert(name, Shorter { statement: statement.clone(), needs: needs.clone() });
        }
    }

    /// A sampler by another name is not known in the text.
    fn renamed(&mut self, statement: &Statement) {
        if let StatementKind::Let { value, .. } = &statement.kind
            && let ExprKind::Name(Name { text, span }) = &*value.kind
            && (self.functions.is_of_library(text, SAMPLERS) || self.functions.checked.contains_key(text))
        {
            self.left_out.push((span.clone(), "a sampler that gets another name is not checked: call it by its own"));
        }
    }

    /// A statement that later ones may need; what prints or is only there for its value is left out.
    fn keep(&mut self, statement: &Statement) {
        if walk::has_effects(statement) || self.inside && is_plain_value(statement) {
            return;
        }
        declared_by(statement).iter().for_each(|name| _ = self.lost.remove(name));
        self.statements.push(statement.clone());
        if let StatementKind::Process(p) = &statement.kind
            && p.generics.is_empty()
            && p.parameters.iter().all(|parameter| parameter.ty.is_some())
        {
            self.processes.push(p.name.clone());
        }
    }

    fn leave_out(&mut self, call: &Expr, why: &'static str) {
        self.called.extend(walk::callee(call).map(|(name, _)| name.clone()));
        self.left_out.push((call.span.clone(), why));
    }

    fn lose(&mut self, statement: &Statement) {
        self.lost.extend(bound_by(statement));
        self.ever_lost.extend(bound_by(statement));
    }

    fn check(&mut self, call: &Expr) {
        let (Some(function), ExprKind::Call { arguments, .. }) = (self.functions.check_of(call), &*call.kind) else { return };
        self.called.extend(walk::callee(call).map(|(name, _)| name.clone()));
        let check = Expr::new(ExprKind::Call { function, arguments: arguments.clone() }, call.span.clone());
        self.claim(crate::report::one_line(call.span.text()), call.span.clone(), check);
        let of_library = called(call).is_some_and(|name| !self.functions.checked.contains_key(name));
        self.claims.iter_mut().last().expect("just claimed").checked = of_library;
    }

    fn claim_actions(&mut self) {
        let mut samplers = std::mem::take(&mut self.claims);
        let actions = std::mem::take(&mut self.actions);
        let argument = |name: &Name| Argument { name: None, value: name_expr(&name.text, &name.span) };
        for process in std::mem::take(&mut self.processes) {
            for action in &actions {
                let call = ExprKind::Call { function: of_module("check_stationary", &process.span), arguments: vec![argument(&process), argument(action)] };
                let subject = format!("process {} with action {}", process.span.text(), action.span.text());
                self.claim(subject, process.span.clone(), Expr::new(call, process.span.clone()));
            }
        }
        samplers.splice(0..0, std::mem::take(&mut self.claims));
        for name in actions {
            let action = Argument { name: None, value: name_expr(&name.text, &name.span) };
            let call = ExprKind::Call { function: of_module("check_action", &name.span), arguments: vec![action] };
            self.claim(format!("action {}", name.span.text()), name.span.clone(), Expr::new(call, name.span.clone()));
        }
        self.claims.append(&mut samplers);
    }

    fn claim(&mut self, subject: String, place: Span, check: Expr) {
        // Noise knows the names that statements bind: a number does not change with the layout of the text.
        let name: Rc<str> = format!("claim {}", self.statements.len()).into();
        self.statements.push(bound(&name, check));
        self.claims.push(Claim { name, subject, place, checked: false });
    }

    fn needs_lost(&self, statement: &Statement) -> bool {
        let mut names = HashSet::new();
        walk::statement(statement, &mut |node| {
            note_name(node, &mut names);
            true
        });
        let assigned = if let StatementKind::Assign { target, .. } = &statement.kind { Some(target.name.text.clone()) } else { None };
        let around = bound_within(statement, |_| true);
        names.into_iter().filter(|name| !around.contains(name)).chain(assigned).any(|name| self.lost.contains(&name))
    }
}

/// The first member of what a loop goes over, if the text shows it.
fn first_of(set: &Expr) -> Option<Expr> {
    match &*set.kind {
        ExprKind::Int(_) => Some(Expr::new(ExprKind::Int(0), set.span.clone())),
        ExprKind::Binary { op: BinaryOp::Range, left, .. } => Some(left.clone()),
        ExprKind::Tuple(items) | ExprKind::List(items) => items.first().cloned(),
        _ => None,
    }
}

/// A statement that is only there for its value.
fn is_plain_value(statement: &Statement) -> bool {
    matches!(&statement.kind, StatementKind::Expr(e) if walk::assigned_in(e).is_empty())
}

fn note_name(node: Node, names: &mut HashSet<Rc<str>>) {
    if let Node::Expr(Expr { kind, .. }) = node
        && let ExprKind::Name(name) = &**kind
    {
        names.insert(name.text.clone());
    }
}

fn names_in(e: &Expr) -> HashSet<Rc<str>> {
    let mut names = HashSet::new();
    walk::expr(e, &mut |node| {
        note_name(node, &mut names);
        true
    });
    names
}

/// Names that an expression takes from around it.
fn free_names(e: &Expr) -> HashSet<Rc<str>> {
    let mut bound = HashSet::new();
    walk::expr(e, &mut |node| {
        note_bound(node, &mut bound);
        true
    });
    names_in(e).difference(&bound).cloned().collect()
}

/// Names bound within a statement, but not by itself, down to where `deeper` is false.
fn bound_within(statement: &Statement, deeper: impl Fn(&Expr) -> bool) -> HashSet<Rc<str>> {
    let mut bound = HashSet::new();
    let mut outermost = true;
    walk::statement(statement, &mut |node| {
        if !std::mem::replace(&mut outermost, false) {
            note_bound(node, &mut bound);
        }
        !matches!(node, Node::Expr(e) if !deeper(e))
    });
    bound
}

fn note_bound(node: Node, bound: &mut HashSet<Rc<str>>) {
    let mut generators = |c: &Comprehension| c.generators.iter().for_each(|(pattern, _)| bound.extend(names_of(pattern)));
    match node {
        Node::Expr(Expr { kind, .. }) => match &**kind {
            ExprKind::Comprehension(c) | ExprKind::Reduction { comprehension: c, .. } => generators(c),
            ExprKind::Lambda { parameters, .. } => bound.extend(parameters.iter().map(|p| p.text.clone())),
            _ => {}
        },
        Node::Statement(statement) => bound.extend(declared_by(statement)),
    }
}

fn names_of(pattern: &Pattern) -> Vec<Rc<str>> {
    match pattern {
        Pattern::Name(name) => vec![name.text.clone()],
        Pattern::Tuple(names, _) => names.iter().map(|n| n.text.clone()).collect(),
    }
}

/// Names that a statement declares.
fn declared_by(statement: &Statement) -> Vec<Rc<str>> {
    match &statement.kind {
        StatementKind::Let { pattern, .. } | StatementKind::For { pattern, .. } => names_of(pattern),
        StatementKind::Lattice { name, .. } => vec![name.text.clone()],
        StatementKind::Function(f) => vec![f.name.text.clone()],
        _ => vec![],
    }
}

/// Names to which a statement gives values.
fn bound_by(statement: &Statement) -> Vec<Rc<str>> {
    let assigned = match &statement.kind {
        StatementKind::Assign { target, .. } => vec![target.name.text.clone()],
        StatementKind::For { body, .. } | StatementKind::While { body, .. } => walk::assigned(body),
        StatementKind::Expr(e) => walk::assigned_in(e),
        _ => vec![],
    };
    [declared_by(statement), assigned].concat()
}

/// `int[Λ]`, or a record with such a part.
fn is_of_integers(ty: &TypeExpr) -> bool {
    match &ty.kind {
        TypeKind::Named { name, .. } => &*name.text == "int",
        TypeKind::Tuple(items) => items.iter().any(is_of_integers),
        TypeKind::Record(fields) => fields.iter().any(|(_, ty)| is_of_integers(ty)),
        _ => false,
    }
}

fn named(text: &str, place: &Span) -> Name {
    Name { text: text.into(), span: place.clone() }
}

fn name_expr(text: &str, place: &Span) -> Expr {
    Expr::new(ExprKind::Name(named(text, place)), place.clone())
}

/// A function of the module, at a place of the program.
fn of_module(function: &str, place: &Span) -> Expr {
    let name = named(function, place);
    Expr::new(ExprKind::Field { value: name_expr(MODULE, place), name }, place.clone())
}

fn bound(name: &Rc<str>, value: Expr) -> Statement {
    let span = value.span.clone();
    let pattern = Pattern::Name(Name { text: name.clone(), span: span.clone() });
    Statement { kind: StatementKind::Let { mutable: false, pattern, ty: None, value, draws: false }, span, doc: None }
}

// ---- verdicts ----

/// The verdicts on a claim that has been computed, for each action and sampler that it is about.
pub fn verified(claim: &Claim, names: &Names, slots: &dyn Slots) -> Vec<Verified> {
    let mut found = vec![];
    if let Some(binding) = names.get(&claim.name) {
        collect(&binding.value, slots, &claim.subject, &claim.place, &mut found);
    }
    found
}

fn collect(value: &Value, slots: &dyn Slots, subject: &str, place: &Span, found: &mut Vec<Verified>) {
    match value {
        Value::Tuple(items) => items.iter().for_each(|v| collect(v, slots, subject, place, found)),
        Value::Record(fields) => match &fields[..] {
            [(_, Value::Text(inner)), (name, checks)] if &**name == INNER => {
                collect(checks, slots, &format!("{subject}: {inner}"), place, found)
            }
            _ => add(check(fields, slots), subject, place, found),
        },
        _ => {}
    }
}

fn add(check: Option<Check>, subject: &str, place: &Span, found: &mut Vec<Verified>) {
    let Some(check) = check else { return };
    match found.last_mut().filter(|v| v.subject == subject) {
        Some(verified) => verified.checks.push(check),
        None => found.push(Verified { subject: subject.to_string(), place: place.clone(), checks: vec![check] }),
    }
}

/// One record; None if it does not apply.
fn check(fields: &[(Rc<str>, Value)], slots: &dyn Slots) -> Option<Check> {
    let field = |name: &str| fields.iter().find(|(n, _)| &**n == name).map(|(_, v)| v);
    let number = |name: &str| if let Some(Value::Number(n)) = field(name) { Some(n) } else { None };
    let value = |n: &Number| slots.array(n.re.0 as usize).reals()[0];
    let real = |name: &str| number(name).map(value);
    if number("unless").is_some_and(|n| slots.array(n.re.0 as usize).bools()[0]) {
        return None;
    }
    let Some(Value::Text(name)) = field("check") else { return None };
    let estimate = number("found")?;
    let first = value(estimate);
    let (found, error, expected, verdict) = if let Some(limit) = real("below") {
        (first, 0.0, format!("below {limit:e}"), passed(first < limit))
    } else if let Some(limit) = real("above") {
        (first, 0.0, format!("above {limit}"), passed(first > limit))
    } else if let Some(limit) = real("holds_below") {
        (first, 0.0, String::new(), if first < limit { Verdict::Holds } else { Verdict::Broken })
    } else if let Some(limit) = real("at_least") {
        let (found, error) = farthest(estimate, limit, slots)?;
        (found, error, format!("at least {}", (limit * 1e6).round() / 1e6), passed(found + SIGMAS * error >= limit))
    } else {
        let expected = real("expected")?;
        let (found, error) = farthest(estimate, expected, slots)?;
        (found, error, format!("{expected}"), agreement(found, error.max(real("rounding").unwrap_or(0.0)), expected, real("bias").unwrap_or(0.0)))
    };
    let found = match (error == 0.0, number("above").is_some()) {
        (true, _) if found == 0.0 => "0".to_string(),
        // No minus before a zero.
        (true, true) => format!("{:.2}", if found.abs() < 0.005 { 0.0 } else { found }),
        (true, false) if real("expected").is_some_and(|x| x != 0.0) => format!("{found:.4}"),
        (true, false) => format!("{found:.1e}"),
        (false, _) => moyal_runtime::estimate::format(found, error),
    };
    let advice = if let Some(Value::Text(advice)) = field("advice") { Some(advice.to_string()) } else { None };
    Some(Check { name: name.to_string(), found, expected, verdict, advice })
}

fn passed(yes: bool) -> Verdict {
    if yes { Verdict::Passed } else { Verdict::Failed }
}

/// Of several estimates the one that is farthest off, in its errors, with its error. Not-a-number is farther than any.
fn farthest(estimate: &Number, expected: f64, slots: &dyn Slots) -> Option<(f64, f64)> {
    let slot = estimate.re.0 as usize;
    let array = slots.array(slot);
    let errors = Estimate::of(slots, slot).map_or_else(|| vec![0.0; array.len()], |e| e.errors());
    let off = |(x, error): &(f64, f64)| if x.is_nan() { f64::INFINITY } else { (x - expected).abs() / error.max(1e-300) };
    array.reals().iter().copied().zip(errors).max_by(|a, b| off(a).total_cmp(&off(b)))
}

fn agreement(found: f64, error: f64, expected: f64, bias: f64) -> Verdict {
    let off = (found - expected).abs();
    if off <= SIGMAS * error {
        Verdict::Passed
    } else if off <= bias + SIGMAS * error {
        Verdict::Biased
    } else {
        // Not-a-number comes here too.
        Verdict::Failed
    }
}
