//! Arrays as text: rows of numbers. One column is an array over one index, several over two; numbers come back as `real`.

use moyal_lang::host::Stored;
use moyal_runtime::array::{Array, Data};
use std::fmt::Write;
use std::sync::Arc;

/// Numbers are written with as many digits as give the same bits again.
pub fn text(value: &Stored, separator: char) -> Result<String, String> {
    if value.imaginary.is_some() {
        return Err("complex numbers are stored as .npy only".to_string());
    }
    let array = &value.real;
    let columns = match array.shape.as_slice() {
        [] | [_] => 1,
        [_, columns] => *columns,
        shape => return Err(format!("an array over {} indices is stored as .npy only", shape.len())),
    };
    let mut text = String::new();
    for k in 0..array.len() {
        write_number(&mut text, &array.data, k);
        text.push(if (k + 1) % columns == 0 { '\n' } else { separator });
    }
    Ok(text)
}

fn write_number(text: &mut String, data: &Data, k: usize) {
    let result = match data {
        Data::Real(v) if plain(v[k]) => write!(text, "{}", v[k]),
        Data::Real(v) => write!(text, "{:e}", v[k]),
        Data::F32(v) if plain(v[k] as f64) => write!(text, "{}", v[k]),
        Data::F32(v) => write!(text, "{:e}", v[k]),
        Data::Int(v) => write!(text, "{}", v[k]),
        Data::Bool(v) => write!(text, "{}", u8::from(v[k])),
    };
    result.expect("a String can be written");
}

/// Readable without an exponent.
fn plain(x: f64) -> bool {
    x == 0.0 || !x.is_finite() || (1e-5..1e16).contains(&x.abs())
}

/// `#` begins a comment; a first row without a number holds the columns' names.
pub fn parse(text: &str) -> Result<Stored, String> {
    let mut numbers = vec![];
    let mut columns: Option<usize> = None;
    let mut rows = 0;
    let mut may_be_names = true;
    for (line, row) in text.lines().enumerate() {
        let row = row.split('#').next().unwrap_or_default().trim();
        if row.is_empty() {
            continue;
        }
        let fields = fields(row);
        let first = std::mem::take(&mut may_be_names);
        if first && fields.iter().all(|f| f.parse::<f64>().is_err()) {
            continue;
        }
        for field in &fields {
            numbers.push(field.parse::<f64>().map_err(|_| format!("line {}: `{field}` is not a number", line + 1))?);
        }
        match columns {
            Some(n) if n != fields.len() => {
                return Err(format!("line {} has {} numbers, the rows before it have {n}", line + 1, fields.len()));
            }
            _ => columns = Some(fields.len()),
        }
        rows += 1;
    }
    let shape = match columns {
        None => return Err("there are no numbers in it".to_string()),
        Some(1) => vec![rows],
        Some(n) => vec![rows, n],
    };
    Ok(Stored { real: Arc::new(Array::new(shape, Data::Real(numbers))), imaginary: None })
}

/// Between commas or semicolons a field may be missing, which `parse` then refuses; otherwise spaces and tabs separate.
fn fields(row: &str) -> Vec<&str> {
    match [',', ';'].into_iter().find(|c| row.contains(*c)) {
        Some(separator) => row.trim_end_matches(separator).split(separator).map(str::trim).collect(),
        None => row.split_whitespace().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(shape: &[usize], data: Data) -> Stored {
        Stored { real: Arc::new(Array::new(shape.to_vec(), data)), imaginary: None }
    }

    #[test]
    fn rows_of_numbers() {
        let text = "# t  x\n\n0 1.5\n1\t-2e-3  # last\n";
        assert_eq!(parse(text), Ok(stored(&[2, 2], Data::Real(vec![0.0, 1.5, 1.0, -2e-3]))));
        assert_eq!(parse("time, value\n1, 2\n3,nan,\n").map(|s| s.real.shape.clone()), Ok(vec![2, 2]));
        assert_eq!(parse("1\n2\n3"), Ok(stored(&[3], Data::Real(vec![1.0, 2.0, 3.0]))));
    }

    #[test]
    fn mistakes_name_the_line() {
        assert_eq!(parse("1 2\n3\n").unwrap_err(), "line 2 has 1 numbers, the rows before it have 2");
        assert_eq!(parse("1\nx\n").unwrap_err(), "line 2: `x` is not a number");
        assert_eq!(parse("1,,2\n").unwrap_err(), "line 1: `` is not a number");
        assert_eq!(parse("# nothing\n").unwrap_err(), "there are no numbers in it");
    }

    #[test]
    fn all_kinds_are_written() {
        assert_eq!(text(&stored(&[2], Data::Int(vec![1, -2])), ' ').unwrap(), "1\n-2\n");
        assert_eq!(text(&stored(&[1, 2], Data::Bool(vec![true, false])), ',').unwrap(), "1,0\n");
        assert_eq!(text(&stored(&[], Data::F32(vec![0.1])), ',').unwrap(), "0.1\n");
        assert_eq!(text(&stored(&[1], Data::Real(vec![1.5e-9])), ' ').unwrap(), "1.5e-9\n");
        assert!(text(&stored(&[1, 1, 1], Data::Int(vec![1])), ' ').unwrap_err().contains("3 indices"));
    }
}
