//! What `:type` says: the type of an expression that is not computed, and of a process its conventions, which a reader of
//! an equation must know: what its noises are, which product stands before them, and what comes of that.

use crate::check::process::{Dynamics, Process};
use crate::check::value::{IndexSet, Kind, Value};
use crate::check::walk::{self, Node};
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, ProcessLine};
use crate::syntax::print;
use std::fmt::Write;

/// What is said, and for a process a program that shows its drift at some state, where that is worth a line.
pub struct Meaning {
    pub text: String,
    pub example: Option<String>,
}

/// Of a value that `written` stands for. `noise` is the kind of the noise and the type of the state, where the process can be asked for them.
pub fn meaning(written: &str, value: &Value, noise: Option<&str>, state: Option<&Value>) -> Meaning {
    match value {
        Value::Process(process) => of_process(written, process, noise, state),
        other => Meaning { text: format!("{written}: {}", other.describe()), example: None },
    }
}

fn of_process(written: &str, process: &Process, noise: Option<&str>, state: Option<&Value>) -> Meaning {
    let declaration = process.declared().1;
    let derived = !matches!(process.dynamics, Dynamics::Declared(..));
    // As it stands in the text, up to its lines.
    let head = declaration.span.text().split('{').next().unwrap_or_default().trim();
    let head = head.strip_prefix("process").unwrap_or(head).trim();
    let what = process.describe();
    let what = what.strip_suffix(&*process.name).unwrap_or(&what);
    let mut text = format!("{written}: {what}{head}\n");
    if derived {
        text.push_str("  that is made of\n");
    }
    let mut found = Found::default();
    for line in &declaration.lines {
        if let ProcessLine::Differential { state, value } = line {
            let _ = writeln!(text, "  d {} = {}", state.span.text(), value.span.text());
            found.look(value);
        }
    }
    if noise == Some("none") && found.noises() {
        text.push_str("  it has no noise\n");
        return Meaning { text: text.trim_end().to_string(), example: None };
    }
    if process.backward {
        text.push_str("  its time runs from 1 down to 0\n");
    }
    let complex = state.is_some_and(|s| numbers(s).any(|n| n.kind == Kind::Complex));
    let fields = state.is_some_and(|s| numbers(s).any(|n| n.sets.iter().any(|set| matches!(set, IndexSet::Lattice(_)))));
    let one = state.is_some_and(|s| components(s) == 1);
    let each = if one { "" } else if fields { "for each site " } else { "for each component " };
    let own = if one { "" } else { " of its own" };
    if found.real {
        let also = if complex { ", for a complex state too" } else { "" };
        let _ = writeln!(text, "  dW: {each}a real noise{own}{also}, E[dW²] = dt");
        if complex {
            text.push_str("    d z = -S'(z) dt + √2 dW with a holomorphic S is complex Langevin: where it may be believed, means of holomorphic\n    observables are those of the weight exp(-S)\n");
        }
    }
    if found.complex {
        let _ = writeln!(text, "  dZ: {each}dW₁ + i dW₂, two real noises, E|dZ|² = 2 dt, E[dZ²] = 0");
        text.push_str("    with grad = ∂/∂Re + i ∂/∂Im, that of a real function of complex variables here, d φ = -grad(S)(φ) dt + √2 dZ has\n    the stationary weight exp(-S)\n");
    }
    for line in &declaration.lines {
        if let ProcessLine::Noise { name, ty } = line {
            let _ = writeln!(text, "  {}: {}, of unit rate in each component", name.span.text(), print::type_expr(ty));
        }
    }
    if let Some(kind) = noise {
        let _ = writeln!(text, "  kind of noise: {kind} ({})", said_of(kind));
    }
    let mut example = None;
    if found.stratonovich {
        text.push_str("  ∘ is Stratonovich's product: the Itô equation has the drift written plus ½ Σ (∂b·b) over the noises b, by derivative\n    drift is that of the Itô equation, stratonovich_drift that as written\n");
        if state.is_some_and(|s| components(s) <= 4) && !derived {
            let time = if process.timed { ", 0.5" } else { "" };
            let at_time = if process.timed { ", t = 0.5" } else { "" };
            let ones = format!("from_vector([1.0 for k in components(state({written}))], state({written}))");
            example = Some(format!(
                "print(\"    at {} = {{{ones}}}{at_time}: as written {{({written}).stratonovich_drift({ones}{time})}}, Itô's {{({written}).drift({ones}{time})}}\")",
                process.states.join(", ")
            ));
        }
    } else if found.noises() {
        match noise {
            Some("additive" | "none") => text.push_str("  Itô's and Stratonovich's product are the same here, for the noise does not depend on the state\n"),
            _ => text.push_str("  * is Itô's product; b ∘ dW is Stratonovich's\n"),
        }
    }
    Meaning { text: text.trim_end().to_string(), example }
}

fn numbers(state: &Value) -> Box<dyn Iterator<Item = &crate::check::value::Number> + '_> {
    match state {
        Value::Number(n) => Box::new(std::iter::once(n)),
        Value::Record(fields) => Box::new(fields.iter().flat_map(|(_, v)| numbers(v))),
        _ => Box::new(std::iter::empty()),
    }
}

fn components(state: &Value) -> usize {
    numbers(state).map(|n| n.shape().iter().product::<usize>()).sum()
}

fn said_of(kind: &str) -> &'static str {
    match kind {
        "none" => "an ordinary differential equation",
        "additive" => "what stands before it does not depend on the state",
        "scalar" => "one noise for all",
        "diagonal" => "each component has its own noise, with a factor of that component alone",
        _ => "factors depend on other components, or components share noises",
    }
}

/// What lines are made of.
#[derive(Default)]
struct Found {
    real: bool,
    complex: bool,
    declared: bool,
    stratonovich: bool,
}

impl Found {
    fn look(&mut self, value: &Expr) {
        walk::expr(value, &mut |node: Node| {
            if let Node::Expr(e) = node {
                match &*e.kind {
                    ExprKind::Name(name) => match &*name.text {
                        "dW" => self.real = true,
                        "dZ" => self.complex = true,
                        other => self.declared |= other.starts_with('d') && other.len() > 1,
                    },
                    ExprKind::Binary { op: BinaryOp::Stratonovich, .. } => self.stratonovich = true,
                    _ => {}
                }
            }
            true
        });
    }

    fn noises(&self) -> bool {
        self.real || self.complex || self.declared
    }
}
