//! What is said when a run fails: the place in the text, the path, the turn.

use crate::check::errors::BY_ZERO;
use crate::check::script::Unit;
use crate::core::PLACE;
use crate::diagnostic::Diagnostic;
use crate::engine::{Around, Failure, FailureKind, Noted};
use crate::source::Span;
use moyal_runtime::array::{Array, Data};

/// The message for a failed unit.
pub fn failure(unit: &Unit, failure: &Failure) -> Diagnostic {
    let span = unit.program.spans.get(failure.span as usize).cloned().unwrap_or_else(|| unit.span.clone());
    let place = around(unit, &failure.around);
    let message = match &failure.kind {
        FailureKind::IndexOutside { index, size } => format!("the index {index} lies outside 0 … {}{place}", *size as i64 - 1),
        FailureKind::Required(message) => format!("{}{place}", with_values(message, &failure.around)),
        FailureKind::NotFinite { .. } => format!("a number that is not finite came up{place}"),
        FailureKind::OutOfMemory { bytes } => {
            format!("this array needs {:.0} GB, more than the machine has", *bytes as f64 / 1e9)
        }
        FailureKind::Stopped => "stopped".to_string(),
    };
    let inner = in_library(&span);
    let label = if inner { unit.span.clone() } else { span };
    let said = match failure.kind {
        FailureKind::NotFinite { value, of } => not_finite(value, of),
        FailureKind::Required(ref message) if message.ends_with(BY_ZERO) => "this is 0".to_string(),
        _ => "here".to_string(),
    };
    let mut diagnostic = Diagnostic::error(message).label(&label, said);
    if !inner && (label.start < unit.span.start || label.end > unit.span.end) {
        diagnostic = diagnostic.label(&unit.span, "in this statement");
    }
    if matches!(failure.kind, FailureKind::NotFinite { .. }) {
        let pass = "`--allow-nonfinite` lets such numbers pass";
        // Only paths of processes note where they are.
        let path = failure.around.iter().any(|a| matches!(a, Around::At(_)));
        diagnostic = diagnostic.help(match path {
            true => format!("shorter steps may hold the path: a smaller dt, or `step: adaptive(max_drift: 10)`; {pass}"),
            false => pass.to_string(),
        });
    }
    diagnostic
}

/// What a number that is not finite is, and what makes such a one of finite numbers.
fn not_finite(value: f64, of: Option<&str>) -> String {
    let cause = match (of, value.is_nan()) {
        (Some("div"), true) => "0/0",
        (Some("div"), false) => "a division by 0, or by too small a number",
        (Some("sqrt"), true) => "the root of a negative number",
        (Some("log" | "log1p"), true) => "the logarithm of a negative number",
        (Some("log" | "log1p"), false) => "the logarithm of 0",
        (Some("pow"), true) => "a negative number to a power that is no integer",
        (Some("asin" | "acos"), true) => "of a number outside -1 … 1",
        (Some("exp" | "expm1" | "sinh" | "cosh" | "pow" | "power_int" | "mul" | "add" | "sub"), false) => "beyond the largest number, 1.8e308",
        _ if value.is_nan() => return "here: no number (NaN)".to_string(),
        _ => return "here: infinite".to_string(),
    };
    format!("here: {}, {cause}", if value.is_nan() { "no number (NaN)" } else { "infinite" })
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

/// ` (chain = 3, draw = 12)`: the loops and comprehensions around, each by the name that the text gives what it counts, and what
/// they noted of themselves, which says more than turns of loops in the library.
fn around(unit: &Unit, around: &[Around]) -> String {
    let text = |span: u32| unit.program.spans.get(span as usize).map(Span::text);
    let mut places = vec![];
    let mut before: Option<u32> = None;
    let noted = around.iter().rposition(|a| matches!(a, Around::At(_)));
    let in_library = |span: u32| unit.program.spans.get(span as usize).is_some_and(in_library);
    for (place, a) in around.iter().enumerate() {
        let (span, word, number) = match a {
            Around::Turn(_, span) if noted.is_some_and(|n| place < n) && in_library(*span) => continue,
            Around::Turn(k, span) => (Some(*span), "turn", *k),
            Around::Member(k, span) => (*span, "member", *k),
            Around::Members { first, count, span } => {
                let name = text(*span).and_then(counted).unwrap_or_else(|| "member".to_string());
                places.push(format!("{name} = {first} … {}", first + *count as i64 - 1));
                continue;
            }
            Around::At(values) => {
                places.extend(values.iter().filter(|v| !in_message(v)).map(said));
                continue;
            }
            // Which of the members in a tile it is.
            Around::Element(..) if around.iter().any(|a| matches!(a, Around::Members { .. })) => continue,
            Around::Element(k, count) => {
                places.push(format!("number {k} of {count}"));
                continue;
            }
        };
        // Of `for x in A, y in B` the second comprehension stands at the same place.
        let again = span.is_some() && span == before;
        before = span;
        let name = span.filter(|_| !again).and_then(text).and_then(counted);
        places.push(name.map_or_else(|| format!("{word} {number}"), |name| format!("{name} = {number}")));
    }
    if places.is_empty() { String::new() } else { format!(" ({})", places.join(", ")) }
}

/// Whether a value stands for its name in the message.
fn in_message(noted: &Noted) -> bool {
    noted.name.starts_with(PLACE)
}

/// The message of an assertion with its values in place; without what was not found out, that of their names.
fn with_values(message: &str, around: &[Around]) -> String {
    let values = around.iter().flat_map(|a| if let Around::At(values) = a { &values[..] } else { &[] });
    let known = values.filter(|v| in_message(v)).fold(message.to_string(), |text, v| text.replace(&*v.name, &written(v)));
    known.replace(PLACE, "")
}

/// `x = 3.2`; of an array how large its elements are.
fn said(noted: &Noted) -> String {
    match noted.re.len() {
        1 => format!("{} = {}", noted.name, written(noted)),
        _ => format!("|{}| up to {}", noted.name, written(noted)),
    }
}

/// A single number; of an array the largest modulus.
fn written(noted: &Noted) -> String {
    let number = |x: f64| crate::format::real(x, noted.format.as_deref(), 4);
    let (re, im) = (reals(&noted.re), noted.im.as_ref().map(|im| reals(im)));
    match (&re[..], im.as_deref()) {
        ([x], None) => number(*x),
        ([x], Some([y])) => format!("{} {} {}i", number(*x), if *y < 0.0 { '-' } else { '+' }, number(y.abs())),
        (re, im) => number((0..re.len()).map(|k| re[k].hypot(im.map_or(0.0, |im| im[k]))).fold(0.0, f64::max)),
    }
}

fn reals(array: &Array) -> Vec<f64> {
    match &array.data {
        Data::Real(v) => v.clone(),
        Data::F32(v) => v.iter().map(|x| *x as f64).collect(),
        Data::Int(v) => v.iter().map(|x| *x as f64).collect(),
        Data::Bool(v) => v.iter().map(|x| *x as u8 as f64).collect(),
    }
}

/// What a loop or comprehension calls what it counts: the name behind its own `for`, which stands outside all inner brackets.
fn counted(text: &str) -> Option<String> {
    let outer = if text.starts_with("for") { 0 } else { 1 };
    let mut depth = 0;
    for (k, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            'f' if depth == outer && text[k..].starts_with("for ") && (k == 0 || text[..k].ends_with([' ', '\n'])) => {
                let name: String = text[k + 4..].trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                return (!name.is_empty()).then(|| name.replace('_', " "));
            }
            _ => {}
        }
    }
    None
}

/// A statement's text in one short line.
pub fn one_line(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 40 { line } else { line.chars().take(39).chain(['…']).collect() }
}
