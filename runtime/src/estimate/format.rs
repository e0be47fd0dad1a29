//! Numbers with their errors, as physicists write them.

/// A value with its error in the last digits: `0.5231(17)`, `23889.3(1.3)`, `1.23(4)e-12`.
///
/// The error has two digits if its leading ones are below 355, else one (the rule of the Particle Data Group). An error
/// of zero leaves the number alone.
pub fn format(value: f64, error: f64) -> String {
    if error == 0.0 || !value.is_finite() {
        return plain(value);
    }
    if !error.is_finite() {
        return format!("{}({})", plain(value), if error.is_nan() { "?" } else { "inf" });
    }
    let place = last_place(error.abs());
    let top = exponent(rounded(value, place)).max(exponent(rounded(error, place)));
    if top < -4 || place > 1 || top > 14 {
        let scaled = |x: f64| scale_by_ten(x, -top);
        let text = with_place(scaled(value), scaled(error.abs()), place - top);
        format!("{text}e{top}")
    } else {
        with_place(value, error.abs(), place)
    }
}

/// The shortest decimal that reads back as the number, without needless zeros.
fn plain(value: f64) -> String {
    if value.is_nan() {
        "nan".into()
    } else if value.is_infinite() {
        if value > 0.0 { "inf".into() } else { "-inf".into() }
    } else if value != 0.0 && !(1e-4..1e16).contains(&value.abs()) {
        format!("{value:e}")
    } else {
        format!("{value}")
    }
}

/// The power of ten of the last digit that an error shows.
fn last_place(error: f64) -> i32 {
    let text = format!("{error:.2e}");
    let (digits, power) = text.split_once('e').expect("exponent form");
    let leading: u32 = digits.replace('.', "").parse().expect("three digits");
    let power: i32 = power.parse().expect("exponent");
    match leading {
        ..355 => power - 1,
        355..950 => power,
        _ => power, // 0.097 becomes 0.10, with two digits
    }
}

/// The power of ten of the leading digit; very low for zero.
fn exponent(x: f64) -> i32 {
    if x == 0.0 {
        return -400;
    }
    format!("{x:e}").split_once('e').expect("exponent form").1.parse().expect("exponent")
}

/// x to the nearest multiple of 10^place.
fn rounded(x: f64, place: i32) -> f64 {
    let digits = exponent(x) - place;
    if digits < 0 {
        let unit = scale_by_ten(1.0, place);
        return if x.abs() >= 0.5 * unit { unit.copysign(x) } else { 0.0 };
    }
    format!("{x:.*e}", digits as usize).parse().expect("a number")
}

/// x·10ⁿ, by way of decimal digits so that no rounding shows.
fn scale_by_ten(x: f64, n: i32) -> f64 {
    let text = format!("{x:e}");
    let (digits, power) = text.split_once('e').expect("exponent form");
    let power: i32 = power.parse().expect("exponent");
    format!("{digits}e{}", power + n).parse().expect("a number")
}

/// Both numbers to 10^place; the error as bare digits if it lies behind the point.
fn with_place(value: f64, error: f64, place: i32) -> String {
    let decimals = (-place).max(0) as usize;
    let (value, error) = (rounded(value, place), rounded(error, place));
    let shown = if decimals > 0 && error < 1.0 {
        format!("{:.0}", scale_by_ten(error, -place))
    } else {
        format!("{error:.decimals$}")
    };
    format!("{value:.decimals$}({shown})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_in_brackets() {
        for (value, error, text) in [
            (0.52312, 0.00172, "0.5231(17)"),
            (0.12588, 0.00091, "0.1259(9)"),
            (23889.31, 1.31, "23889.3(1.3)"),
            (23889.31, 13.4, "23889(13)"),
            (23889.31, 4.4, "23889(4)"),
            (23889.31, 134.0, "23890(130)"),
            (23889.31, 1340.0, "2.39(13)e4"),
            (1.234e-12, 4.4e-14, "1.23(4)e-12"),
            (-0.5, 0.01, "-0.500(10)"),
            (1.0, 0.0354, "1.000(35)"),
            (1.0, 0.0356, "1.00(4)"),
            (1.0, 0.0949, "1.00(9)"),
            (1.0, 0.0951, "1.00(10)"),
            (1.0, 0.996, "1.0(1.0)"),
            (0.001, 2.5, "0.0(2.5)"),
            (0.0, 0.0012, "0.0000(12)"),
            (123.456, 123.456, "120(120)"),
            (6.02214e23, 1.5e18, "6.022140(15)e23"),
            (9.996, 0.04, "10.00(4)"),
            (0.99996, 0.002, "1.0000(20)"),
            (2.5e-5, 3.0e-3, "0.0000(30)"),
            (3.25, 0.0, "3.25"),
            (1e-30, 0.0, "1e-30"),
            (2.0, 0.0, "2"),
            (f64::NAN, 0.1, "nan"),
            (f64::INFINITY, 0.1, "inf"),
            (f64::NEG_INFINITY, 0.0, "-inf"),
            (0.5, f64::NAN, "0.5(?)"),
            (0.5, f64::INFINITY, "0.5(inf)"),
        ] {
            assert_eq!(format(value, error), text, "{value} {error}");
        }
    }
}
