//! Values as text: numbers, estimates with their errors, arrays, tables. A `?` after an estimate says that its error can't be believed.

use crate::check::Slot;
use crate::check::script::Column;
use crate::check::value::{Kind, Number, Value};
use crate::estimate::Estimate;
use moyal_runtime::array::{Array, Data};
use moyal_runtime::estimate;
use std::sync::Arc;

/// What has been computed, by slot.
pub trait Slots {
    fn array(&self, slot: usize) -> Arc<Array>;
    fn info(&self, slot: usize) -> &Slot;
}

/// How many entries of each dimension are written in full.
const SHOWN: usize = 12;

/// A value in the way `{value:format}` asks for.
pub fn value(slots: &dyn Slots, value: &Value, format: Option<&str>) -> String {
    match value {
        Value::Number(n) => number(slots, n, format),
        Value::Text(t) => t.to_string(),
        Value::Tuple(items) => {
            let items: Vec<String> = items.iter().map(|v| self::value(slots, v, format)).collect();
            format!("({})", items.join(", "))
        }
        Value::Record(fields) => {
            let fields: Vec<String> = fields.iter().map(|(n, v)| format!("{n}: {}", self::value(slots, v, format))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => other.describe(),
    }
}

fn number(slots: &dyn Slots, n: &Number, format: Option<&str>) -> String {
    let shape = n.shape();
    let entries = Entries::new(slots, n, &shown(&shape));
    nested(&shape, 0, &mut |k| entries.text(k, format))
}

fn nested(shape: &[usize], first: usize, text: &mut dyn FnMut(usize) -> String) -> String {
    let Some((size, rest)) = shape.split_first() else { return text(first) };
    let stride: usize = rest.iter().product();
    let mut parts = vec![];
    for k in 0..*size {
        if *size > SHOWN && k == SHOWN / 2 {
            parts.push("…".to_string());
        }
        if *size <= SHOWN || k < SHOWN / 2 || k >= size - SHOWN / 2 {
            parts.push(nested(rest, first + k * stride, text));
        }
    }
    let between = if rest.is_empty() { ", " } else { ",\n " };
    format!("[{}]", parts.join(between))
}

/// The entries of an array that are written.
pub fn shown(shape: &[usize]) -> Vec<usize> {
    let mut entries = vec![];
    nested(shape, 0, &mut |k| {
        entries.push(k);
        String::new()
    });
    entries
}

/// The entries of a number, with errors where it is an estimate.
pub struct Entries {
    kind: Kind,
    re: Part,
    im: Option<Part>,
}

struct Part {
    array: Arc<Array>,
    estimate: Option<Estimate>,
    /// Which entries of an estimate can't be trusted.
    doubted: Vec<bool>,
}

impl Entries {
    /// Of a number of which these entries are shown.
    pub fn new(slots: &dyn Slots, n: &Number, shown: &[usize]) -> Entries {
        let part = |slot: usize| {
            let estimate = Estimate::of(slots, slot);
            let doubted = estimate.as_ref().map(|e| e.doubted(shown)).unwrap_or_default();
            Part { array: slots.array(slot), estimate, doubted }
        };
        Entries { kind: n.kind, re: part(n.re.0 as usize), im: n.im.map(|im| part(im.0 as usize)) }
    }

    pub fn text(&self, k: usize, format: Option<&str>) -> String {
        let re = self.re.text(k, format);
        if self.kind != Kind::Complex {
            return re;
        }
        let im = self.im.as_ref().expect("a complex number has an imaginary part");
        let negative = im.array.reals()[k].is_sign_negative();
        let im = im.text(k, format);
        let im = im.trim_start_matches('-');
        format!("{re} {} {im}i", if negative { "-" } else { "+" })
    }
}

impl Part {
    fn text(&self, k: usize, format: Option<&str>) -> String {
        let with_error = self.estimate.as_ref().filter(|_| format.is_none()).map(|e| e.error(k));
        // An unknown error is a `?` already.
        let unknown = with_error.is_some_and(f64::is_nan);
        let mark = if !unknown && self.doubted.get(k) == Some(&true) { "?" } else { "" };
        match &self.array.data {
            Data::Int(v) => padded(v[k].to_string(), format),
            Data::Bool(v) => v[k].to_string(),
            Data::Real(v) => number_text(v[k], with_error, format, 10) + mark,
            Data::F32(v) => number_text(v[k] as f64, with_error, format, 6) + mark,
        }
    }
}

fn number_text(x: f64, error: Option<f64>, format: Option<&str>, digits: usize) -> String {
    match error {
        Some(error) => estimate::format(x, error),
        None => real(x, format, digits),
    }
}

fn padded(text: String, format: Option<&str>) -> String {
    let width = format.and_then(|f| f.split('.').next().and_then(|w| w.trim_end_matches('e').parse().ok())).unwrap_or(0);
    format!("{text:>width$}")
}

/// A real number: with `digits` significant ones if no format is asked for.
pub fn real(x: f64, format: Option<&str>, digits: usize) -> String {
    let Some(format) = format else { return significant(x, digits) };
    let exponent = format.ends_with('e');
    let (width, decimals) = match format.trim_end_matches('e').split_once('.') {
        Some((width, decimals)) => (width.parse().unwrap_or(0), decimals.parse().ok()),
        None => (format.trim_end_matches('e').parse().unwrap_or(0), None),
    };
    let text = match (exponent, decimals) {
        (true, Some(d)) => format!("{x:.d$e}"),
        (true, None) => format!("{x:e}"),
        (false, Some(d)) => format!("{x:.d$}"),
        (false, None) => significant(x, digits),
    };
    format!("{text:>width$}")
}

fn significant(x: f64, digits: usize) -> String {
    if x == 0.0 || !x.is_finite() {
        return match x {
            x if x.is_nan() => "nan".into(),
            x if x == f64::INFINITY => "inf".into(),
            x if x == f64::NEG_INFINITY => "-inf".into(),
            _ => "0".into(),
        };
    }
    let scientific = format!("{:.*e}", digits - 1, x);
    let (mantissa, exponent) = scientific.split_once('e').expect("scientific notation");
    let exponent: i32 = exponent.parse().expect("an exponent");
    let trim = |t: &str| if t.contains('.') { t.trim_end_matches('0').trim_end_matches('.').to_string() } else { t.to_string() };
    if (-5..digits as i32).contains(&exponent) {
        trim(&format!("{:.*}", (digits as i32 - 1 - exponent).max(0) as usize, x))
    } else {
        format!("{}e{exponent}", trim(mantissa))
    }
}

/// Columns under their names, aligned; arrays of one index are columns, others one row.
pub fn table(slots: &dyn Slots, columns: &[Column]) -> String {
    let mut titles = vec![];
    let mut cells: Vec<Vec<String>> = vec![];
    let mut heading = None;
    for Column { name, value, .. } in columns {
        match (name, value) {
            (None, Value::Text(title)) => heading = Some(title.clone()),
            (name, Value::Number(n)) if n.sets.len() == 1 => {
                let rows: Vec<usize> = (0..n.sets[0].size()).collect();
                let entries = Entries::new(slots, n, &rows);
                titles.push(name.as_ref().map(|n| n.to_string()).unwrap_or_default());
                cells.push(rows.iter().copied().map(|k| entries.text(k, None)).collect());
            }
            (name, other) => {
                titles.push(name.as_ref().map(|n| n.to_string()).unwrap_or_default());
                cells.push(vec![self::value(slots, other, None)]);
            }
        }
    }
    let width = |k: usize| cells[k].iter().chain([&titles[k]]).map(|c| c.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..cells.len()).map(width).collect();
    let row = |texts: Vec<&str>| -> String {
        let parts: Vec<String> = texts.iter().zip(&widths).map(|(t, w)| format!("{}{t}", " ".repeat(w - t.chars().count()))).collect();
        parts.join("   ").trim_end().to_string()
    };
    let mut lines = vec![];
    lines.extend(heading.map(|h| h.to_string()));
    lines.push(row(titles.iter().map(String::as_str).collect()));
    for k in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
        lines.push(row(cells.iter().map(|c| c.get(k).map(String::as_str).unwrap_or("")).collect()));
    }
    lines.join("\n")
}
