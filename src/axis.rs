//! Where an axis begins and ends, and what is written along it; for figures in files and on the terminal alike.

/// An axis over the finite numbers that it was made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    pub low: f64,
    pub high: f64,
    pub log: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    pub at: f64,
    /// Nothing at a minor tick.
    pub label: Option<Label>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Label {
    Plain(String),
    /// A power of ten.
    Power(i32),
}

/// Ticks, and what all plain labels leave out: `×10³` or `+1.25`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ticks {
    pub ticks: Vec<Tick>,
    pub factor: Option<i32>,
    pub offset: Option<String>,
}

/// Beyond this, differences overflow.
const HUGE: f64 = 1e300;

impl Axis {
    /// Covers what can be shown of the numbers. `margin` is the part of the range left free at each end.
    pub fn over(numbers: impl Iterator<Item = f64>, log: bool, margin: f64) -> Axis {
        let shown = numbers.filter(|x| x.is_finite() && (!log || *x > 1.0 / HUGE)).map(|x| x.clamp(-HUGE, HUGE));
        let (low, high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        if low > high {
            return if log { Axis { low: 0.1, high: 10.0, log } } else { Axis { low: 0.0, high: 1.0, log } };
        }
        if log {
            let (a, b) = (low.log10(), high.log10());
            let free = if b - a < 1e-9 { 0.5 } else { (b - a) * margin };
            return Axis { low: 10f64.powf(a - free), high: 10f64.powf(b + free), log };
        }
        let width = high - low;
        // Numbers that differ by rounding only are one number.
        let free = if width <= low.abs().max(high.abs()) * 1e-13 {
            if low == 0.0 { 0.5 } else { low.abs().max(high.abs()) * 0.1 }
        } else {
            width * margin
        };
        let free = free.max(f64::MIN_POSITIVE);
        Axis { low: low - free, high: high + free, log }
    }

    /// 0 at the low end, 1 at the high one; nothing where the axis shows nothing.
    pub fn part(&self, x: f64) -> Option<f64> {
        if !x.is_finite() || (self.log && x <= 0.0) {
            return None;
        }
        let x = x.clamp(-HUGE * 2.0, HUGE * 2.0);
        Some(if self.log {
            (x.log10() - self.low.log10()) / (self.high.log10() - self.low.log10())
        } else {
            (x - self.low) / (self.high - self.low)
        })
    }

    /// About `wanted` labelled ticks.
    pub fn ticks(&self, wanted: usize) -> Ticks {
        if self.log { self.log_ticks(wanted) } else { self.linear_ticks(wanted) }
    }

    fn linear_ticks(&self, wanted: usize) -> Ticks {
        let (step, minor) = nice_step((self.high - self.low) / wanted.max(1) as f64);
        let base = self.base(step);
        let factor = factor((self.low - base).abs().max((self.high - base).abs()), step);
        let scale = 10f64.powi(-factor.unwrap_or(0));
        let decimals = decimals(step * scale);
        let small = step / minor as f64;
        let first = ((self.low - base) / small - 1e-6).ceil() as i64;
        let last = ((self.high - base) / small + 1e-6).floor() as i64;
        let tick = |k: i64| {
            let from_base = k as f64 * small;
            let label = (k.rem_euclid(minor as i64) == 0).then(|| Label::Plain(fixed(from_base * scale, decimals)));
            Tick { at: base + from_base, label }
        };
        let offset = (base != 0.0).then(|| {
            let text = number(base);
            if base > 0.0 { format!("+{text}") } else { text }
        });
        Ticks { ticks: (first..=last).map(tick).collect(), factor, offset }
    }

    /// What labels are counted from, where their own digits would not tell them apart.
    fn base(&self, step: f64) -> f64 {
        let size = self.low.abs().max(self.high.abs());
        if size / step < 1e5 {
            return 0.0;
        }
        let coarse = 10f64.powf(((self.high - self.low).log10()).ceil());
        let base = (self.low / coarse).floor() * coarse;
        if base.is_finite() { base } else { 0.0 }
    }

    fn log_ticks(&self, wanted: usize) -> Ticks {
        let (a, b) = (self.low.log10(), self.high.log10());
        let (first, last) = (a.floor() as i32, b.ceil() as i32);
        let inside = |x: f64| x >= self.low * (1.0 - 1e-9) && x <= self.high * (1.0 + 1e-9);
        let decades = (first..=last).filter(|k| inside(10f64.powi(*k))).count();
        let every = decades.div_ceil(wanted.max(1)).max(1) as i32;
        let plain = first >= -2 && last <= 3;
        // With fewer than two powers of ten in sight, others are labelled too.
        let labelled: &[i32] = match decades {
            0 | 1 if b - a < 0.3 => return Axis { log: false, ..*self }.linear_ticks(wanted),
            0 | 1 => &[1, 2, 3, 5],
            _ => &[1],
        };
        let mut ticks = vec![];
        for k in first..=last {
            for digit in 1..10 {
                let at = digit as f64 * 10f64.powi(k);
                let has_label = labelled.contains(&digit) && k.rem_euclid(every) == 0;
                if !inside(at) || (digit > 1 && every > 1) {
                    continue;
                }
                let label = has_label.then(|| {
                    if plain || digit > 1 { Label::Plain(number(at)) } else { Label::Power(k) }
                });
                ticks.push(Tick { at, label });
            }
        }
        Ticks { ticks, ..Ticks::default() }
    }
}

/// A step of 1, 2 or 5 times a power of ten that is at least this, and into how many parts minor ticks divide it.
fn nice_step(rough: f64) -> (f64, u32) {
    let power = 10f64.powf(rough.log10().floor());
    let power = if power > 0.0 { power } else { f64::MIN_POSITIVE };
    let digit = rough / power;
    let (digit, parts) = if digit <= 1.0 + 1e-9 {
        (1.0, 5)
    } else if digit <= 2.0 + 1e-9 {
        (2.0, 4)
    } else if digit <= 5.0 + 1e-9 {
        (5.0, 5)
    } else {
        (10.0, 5)
    };
    (digit * power, parts)
}

/// The power of ten that labels leave out, if the numbers are large or small.
fn factor(size: f64, step: f64) -> Option<i32> {
    let power = |x: f64| x.log10().floor() as i32;
    if size >= 1e5 {
        Some(power(size))
    } else if size < 1e-2 || step < 1e-5 {
        Some(power(size)).filter(|p| *p != 0)
    } else {
        None
    }
}

fn decimals(step: f64) -> usize {
    (-(step.log10() + 1e-9).floor()).clamp(0.0, 12.0) as usize
}

fn fixed(x: f64, decimals: usize) -> String {
    let text = format!("{x:.decimals$}");
    if text.trim_start_matches('-').bytes().all(|b| b == b'0' || b == b'.') {
        return text.trim_start_matches('-').to_string();
    }
    text.replace('-', "−")
}

/// A number in few characters.
pub fn number(x: f64) -> String {
    let size = x.abs();
    let text = if x == 0.0 {
        "0".to_string()
    } else if (1e-3..1e7).contains(&size) {
        let digits = (5 - size.log10().floor() as i32).clamp(0, 9) as usize;
        let text = format!("{x:.digits$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
    } else {
        let text = format!("{x:.4e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'))
    };
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64, log: bool) -> (Vec<String>, Option<i32>, Option<String>) {
        let ticks = Axis { low, high, log }.ticks(5);
        let text = ticks.ticks.iter().filter_map(|t| t.label.as_ref());
        let text = text.map(|l| match l {
            Label::Plain(t) => t.clone(),
            Label::Power(k) => format!("10^{k}"),
        });
        (text.collect(), ticks.factor, ticks.offset)
    }

    #[test]
    fn round_numbers() {
        assert_eq!(labels(-1.04, 1.04, false).0, ["−1.0", "−0.5", "0.0", "0.5", "1.0"]);
        assert_eq!(labels(0.0, 100.0, false).0, ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(labels(0.0, 3.2e6, false), (["0", "1", "2", "3"].map(String::from).to_vec(), Some(6), None));
        assert_eq!(labels(0.0, 4e-4, false), (["0", "1", "2", "3", "4"].map(String::from).to_vec(), Some(-4), None));
        let (text, _, offset) = labels(1e9, 1e9 + 4.0, false);
        assert_eq!((text, offset.as_deref()), (["0", "1", "2", "3", "4"].map(String::from).to_vec(), Some("+1e9")));
    }

    #[test]
    fn powers_of_ten() {
        assert_eq!(labels(1e-4, 1e2, true).0, ["10^-4", "10^-2", "10^0", "10^2"]);
        assert_eq!(labels(0.5, 200.0, true).0, ["1", "10", "100"]);
        assert_eq!(labels(2.0, 40.0, true).0, ["2", "3", "5", "10", "20", "30"]);
        assert_eq!(labels(1.0, 1.4, true).0, ["1.0", "1.1", "1.2", "1.3", "1.4"]);
    }

    #[test]
    fn odd_ranges() {
        let over = |numbers: &[f64], log| Axis::over(numbers.iter().copied(), log, 0.05);
        for numbers in [&[][..], &[f64::NAN], &[3.0], &[0.0, 0.0], &[-1e308, 1e308], &[f64::INFINITY, 1.0], &[1e-310, 0.0], &[0.1 + 0.2, 0.3]] {
            for log in [false, true] {
                let axis = over(numbers, log);
                assert!(axis.low < axis.high && (axis.high - axis.low).is_finite(), "{numbers:?} {axis:?}");
                let ticks = axis.ticks(5).ticks.len();
                assert!((1..100).contains(&ticks), "{numbers:?} {axis:?}: {ticks}");
            }
        }
        assert_eq!(over(&[-1.0, 0.0], true), Axis { low: 0.1, high: 10.0, log: true });
        assert_eq!(over(&[1.0], false).part(f64::NAN), None);
    }
}
