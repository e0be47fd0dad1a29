//! `moyal verify`: what mathematics says of a program's actions and samplers without knowing the answer. The checks are a
//! module of the library; here a text is turned into one that calls them, and what they give into verdicts.
//!
//! Each action is given to `check_action`. Each call of a sampler at the top level becomes a call of its check with the same
//! arguments; statements that print, or that need what a sampler gives, are left out. Tests that need no sampler are run, for
//! there a program states its symmetries.

use crate::check::scope::Names;
use crate::check::value::{Number, Value};
use crate::check::walk::{self, Node};
use crate::estimate::Estimate;
use crate::format::{self, Slots};
use crate::source::Span;
use crate::syntax::ast::*;
use std::collections::HashSet;
use std::rc::Rc;

/// Samplers of the library, each with a `check_…` in the module.
const SAMPLERS: &[&str] = &["hmc", "sample", "langevin", "mala", "metropolis", "cluster"];

/// How many standard errors an estimate may lie off: one in 16 000 true ones lies farther.
const SIGMAS: f64 = 4.0;

/// The module's name in the rewritten text: no program can hide it.
const MODULE: &str = "verify ";

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
}

/// The outcome for one action or sampler.
pub struct Verified {
    pub subject: String,
    pub place: Span,
    pub checks: Vec<Check>,
}

pub struct Check {
    pub name: String,
    pub found: String,
    pub expected: String,
    pub verdict: Verdict,
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
    let mut planner = Planner { statements: vec![], actions: vec![], samplers: vec![], left_out: vec![], lost: HashSet::new() };
    program.statements.iter().for_each(|s| planner.statement(s));
    let Planner { mut statements, actions, samplers, left_out, .. } = planner;
    if let Some(first) = program.statements.first() {
        let name = |text: &str| Name { text: text.into(), span: first.span.clone() };
        let module = Module::Library(name("verify"));
        let kind = StatementKind::Use { module, alias: Some(name(MODULE)) };
        statements.insert(0, Statement { kind, span: first.span.clone(), doc: None });
    }
    // Actions are declared in the whole text; what they name is there at the end.
    let mut claims = vec![];
    for (subject, call) in actions {
        let claim = Claim { name: format!("claim about {subject}").into(), subject, place: call.span.clone() };
        statements.push(bound(&claim.name, call));
        claims.push(claim);
    }
    claims.extend(samplers);
    Plan { program: Program { statements, ..program.clone() }, claims, left_out }
}

struct Planner {
    statements: Vec<Statement>,
    actions: Vec<(String, Expr)>,
    samplers: Vec<Claim>,
    left_out: Vec<(Span, &'static str)>,
    /// Names whose values need what a sampler gives.
    lost: HashSet<Rc<str>>,
}

impl Planner {
    fn statement(&mut self, statement: &Statement) {
        if let StatementKind::Test { .. } = statement.kind {
            if samplers_in(statement).is_empty() && !self.needs_lost(statement) {
                self.statements.push(statement.clone());
            }
            return;
        }
        if let StatementKind::Function(f) = &statement.kind {
            let declared = f.generics.is_empty() && f.parameters.len() == 1 && f.parameters[0].ty.is_some();
            if f.kind == FunctionKind::Action && declared {
                let action = Expr::new(ExprKind::Name(f.name.clone()), f.name.span.clone());
                let call = call_of("check_action", vec![Argument { name: None, value: action }], &f.name.span);
                self.actions.push((format!("action {}", f.name.span.text()), call));
            }
            if !samplers_in(statement).is_empty() {
                self.left_out.push((f.name.span.clone(), "a sampler inside a function is checked where it is called at the top level"));
            }
            return self.statements.push(statement.clone());
        }
        let calls = samplers_in(statement);
        let needs_lost = self.needs_lost(statement);
        if calls.is_empty() && !needs_lost && !walk::has_effects(statement) {
            return self.statements.push(statement.clone());
        }
        if !calls.is_empty() || needs_lost {
            self.lost.extend(bound_by(statement));
        }
        let looped = matches!(statement.kind, StatementKind::For { .. } | StatementKind::While { .. });
        for call in calls {
            if looped {
                self.left_out.push((call.span.clone(), "a sampler in a loop is not checked: take it out of the loop"));
            } else if self.expression_needs_lost(&call) {
                self.left_out.push((call.span.clone(), "its arguments need what another sampler gives"));
            } else {
                self.sampler(&call);
            }
        }
    }

    fn sampler(&mut self, call: &Expr) {
        let ExprKind::Call { function, arguments } = &*call.kind else { return };
        let ExprKind::Name(name) = &*function.kind else { return };
        let check = call_of(&format!("check_{}", name.text), arguments.clone(), &call.span);
        let subject = crate::report::one_line(call.span.text());
        let claim = Claim { name: format!("claim {}", self.samplers.len()).into(), subject, place: call.span.clone() };
        self.statements.push(bound(&claim.name, check));
        self.samplers.push(claim);
    }

    fn needs_lost(&self, statement: &Statement) -> bool {
        let mut found = false;
        walk::statement(statement, &mut |node| self.sees(node, &mut found));
        found
    }

    fn expression_needs_lost(&self, e: &Expr) -> bool {
        let mut found = false;
        walk::expr(e, &mut |node| self.sees(node, &mut found));
        found
    }

    fn sees(&self, node: Node, found: &mut bool) -> bool {
        match node {
            Node::Expr(e) => {
                if let ExprKind::Name(name) = &*e.kind {
                    *found |= self.lost.contains(&name.text);
                }
            }
            Node::Statement(s) => {
                if let StatementKind::Assign { target, .. } = &s.kind {
                    *found |= self.lost.contains(&target.name.text);
                }
            }
        }
        true
    }
}

/// Calls of samplers, by name; none inside functions of their own.
fn samplers_in(statement: &Statement) -> Vec<Expr> {
    let mut found = vec![];
    walk::statement(statement, &mut |node| {
        if let Node::Expr(e) = node {
            if matches!(&*e.kind, ExprKind::Call { .. }) && walk::callee(e).is_some_and(|(name, _)| SAMPLERS.contains(&&**name)) {
                found.push(e.clone());
                return false;
            }
            return !matches!(&*e.kind, ExprKind::Lambda { .. });
        }
        true
    });
    found
}

fn bound_by(statement: &Statement) -> Vec<Rc<str>> {
    match &statement.kind {
        StatementKind::Let { pattern: Pattern::Name(name), .. } => vec![name.text.clone()],
        StatementKind::Let { pattern: Pattern::Tuple(names, _), .. } => names.iter().map(|n| n.text.clone()).collect(),
        StatementKind::Assign { target, .. } => vec![target.name.text.clone()],
        StatementKind::Lattice { name, .. } => vec![name.text.clone()],
        _ => vec![],
    }
}

/// A call of a function of the module, at a place of the program.
fn call_of(function: &str, arguments: Vec<Argument>, place: &Span) -> Expr {
    let name = |text: &str| Name { text: text.into(), span: place.clone() };
    let module = Expr::new(ExprKind::Name(name(MODULE)), place.clone());
    let function = Expr::new(ExprKind::Field { value: module, name: name(function) }, place.clone());
    Expr::new(ExprKind::Call { function, arguments }, place.clone())
}

fn bound(name: &Rc<str>, value: Expr) -> Statement {
    let span = value.span.clone();
    let pattern = Pattern::Name(Name { text: name.clone(), span: span.clone() });
    Statement { kind: StatementKind::Let { mutable: false, pattern, ty: None, value, draws: false }, span, doc: None }
}

// ---- verdicts ----

/// The verdicts on a claim that has been computed.
pub fn verified(claim: &Claim, names: &Names, slots: &dyn Slots) -> Verified {
    let mut checks = vec![];
    if let Some(binding) = names.get(&claim.name) {
        collect(&binding.value, slots, &mut checks);
    }
    Verified { subject: claim.subject.clone(), place: claim.place.clone(), checks }
}

fn collect(value: &Value, slots: &dyn Slots, checks: &mut Vec<Check>) {
    match value {
        Value::Tuple(items) => items.iter().for_each(|v| collect(v, slots, checks)),
        Value::Record(fields) => checks.extend(check(fields, slots)),
        _ => {}
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
    let found = value(estimate);
    let (expected, verdict) = if let Some(limit) = real("below") {
        (format!("below {limit:e}"), passed(found < limit))
    } else if let Some(limit) = real("above") {
        (format!("above {limit}"), passed(found > limit))
    } else if let Some(limit) = real("holds_below") {
        (String::new(), if found < limit { Verdict::Holds } else { Verdict::Broken })
    } else {
        let expected = real("expected")?;
        (format!("{expected}"), agreement(found, error(estimate, slots), expected, real("bias").unwrap_or(0.0)))
    };
    let digits = if number("above").is_some() { ".2" } else { ".1e" };
    let plain = error(estimate, slots) == 0.0;
    let found = if plain && found == 0.0 { "0".into() } else { format::value(slots, &Value::Number(estimate.clone()), plain.then_some(digits)) };
    Some(Check { name: name.to_string(), found, expected, verdict })
}

fn passed(yes: bool) -> Verdict {
    if yes { Verdict::Passed } else { Verdict::Failed }
}

fn error(estimate: &Number, slots: &dyn Slots) -> f64 {
    Estimate::of(slots, estimate.re.0 as usize).map_or(0.0, |e| e.error(0))
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
