//! What is said when a run fails: the place in the text, the path, the turn.

use crate::check::script::Unit;
use crate::diagnostic::Diagnostic;
use crate::engine::{Around, Failure, FailureKind};
use crate::source::Span;

/// The message for a failed unit.
pub fn failure(unit: &Unit, failure: &Failure) -> Diagnostic {
    let span = unit.program.spans.get(failure.span as usize).cloned().unwrap_or_else(|| unit.span.clone());
    let place = around(&failure.around);
    let message = match &failure.kind {
        FailureKind::IndexOutside { index, size } => format!("the index {index} lies outside 0 … {}{place}", *size as i64 - 1),
        FailureKind::Required(message) => format!("{message}{place}"),
        FailureKind::NotFinite => format!("a number that is not finite came up{place}"),
        FailureKind::OutOfMemory { bytes } => {
            format!("this array needs {:.0} GB, more than the machine has", *bytes as f64 / 1e9)
        }
        FailureKind::Stopped => "stopped".to_string(),
    };
    let inner = in_library(&span);
    let label = if inner { unit.span.clone() } else { span };
    let mut diagnostic = Diagnostic::error(message).label(&label, "here");
    if !inner && (label.start < unit.span.start || label.end > unit.span.end) {
        diagnostic = diagnostic.label(&unit.span, "in this statement");
    }
    if failure.kind == FailureKind::NotFinite {
        diagnostic = diagnostic.help("`--allow-nonfinite` lets such numbers pass");
    }
    diagnostic
}

/// The message for a unit that was stopped after so many turns of so many of its outermost loop.
pub fn stopped(unit: &Unit, failure: &Failure, reached: Option<(i64, i64)>) -> Diagnostic {
    let done = match reached {
        Some((done, total)) => format!("{done} of {total} turns of its loop were done; "),
        None => String::new(),
    };
    self::failure(unit, failure).help(format!("{done}what earlier statements have made stays"))
}

fn in_library(span: &Span) -> bool {
    span.source.name.starts_with("library ")
}

fn around(around: &[Around]) -> String {
    let places: Vec<String> = around
        .iter()
        .map(|a| match a {
            Around::Turn(k) => format!("turn {k}"),
            Around::Member(k) => format!("member {k}"),
        })
        .collect();
    if places.is_empty() { String::new() } else { format!(" ({})", places.join(", ")) }
}

/// A statement's text in one short line.
pub fn one_line(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 40 { line } else { line.chars().take(39).chain(['…']).collect() }
}
