//! A profile as a table: the dearest lines, below each what its time was spent on.

use moyal_lang::profile::{INTERVAL, Kind, Line, Part, Profile};

/// Lines and parts below this fraction of the whole are told together.
const SMALL: f64 = 0.005;

/// How many parts of a line are told.
const PARTS: usize = 6;

/// How wide a line's text may be.
const WIDE: usize = 84;

/// The table; None if nothing has run. Lines of the text that is called `file` are called by their number alone.
pub fn text(profile: &Profile, file: Option<&str>) -> Option<String> {
    if profile.lines.is_empty() {
        return None;
    }
    let table = Table { profile, file };
    let mut rows = vec![table.heading(file), String::new(), "  seconds   share  with calls         runs  line".to_string()];
    let (told, small): (Vec<&Line>, Vec<&Line>) = profile.lines.iter().partition(|l| l.with_calls.max(l.seconds) >= SMALL * profile.total);
    let width = told.iter().map(|l| table.name(l).chars().count()).max().unwrap_or(0);
    told.iter().for_each(|line| table.line(line, width, &mut rows));
    let rest: f64 = small.iter().map(|l| l.seconds).sum();
    if !small.is_empty() {
        let count = small.len();
        rows.push(table.row(rest, "", "", &format!("{count} other line{}", if count == 1 { "" } else { "s" })));
    }
    rows.extend(profile.apart.iter().map(|(kind, seconds)| table.row(*seconds, "", "", apart(*kind))));
    rows.push(table.row(profile.total, "", "", "in all"));
    rows.push(String::new());
    let kinds = profile.kinds.iter().filter(|(_, s)| *s >= SMALL * profile.total).map(|(kind, s)| format!("{} {}", kind.name(), table.percent(*s)));
    rows.push(format!("kinds of work: {}", kinds.collect::<Vec<_>>().join(", ")));
    rows.push(table.trust());
    Some(rows.join("\n"))
}

fn apart(kind: Kind) -> &'static str {
    if kind == Kind::LeftOver { "left over (between statements, start, end)" } else { kind.name() }
}

struct Table<'p> {
    profile: &'p Profile,
    file: Option<&'p str>,
}

impl Table<'_> {
    fn heading(&self, file: Option<&str>) -> String {
        let Profile { total, threads, busy, .. } = self.profile;
        let of = file.map(|file| format!(" of {file}")).unwrap_or_default();
        let threads = match threads {
            1 => "1 thread".to_string(),
            n => format!("{n} threads, of which {busy:.1} computed"),
        };
        format!("profile{of}: {total:.3} s, {threads}")
    }

    fn line(&self, line: &Line, width: usize, rows: &mut Vec<String>) {
        let own = |place: f64| place >= 0.01 * line.seconds && place >= SMALL * self.profile.total;
        let with_calls = if line.with_calls > line.seconds * 1.000_001 + 0.0005 { format!("{:.3}", line.with_calls) } else { String::new() };
        let runs = if line.runs > 0 { grouped(line.runs) } else { String::new() };
        let head = format!("{:>width$}  {}", self.name(line), shortened(&line.text, WIDE - width.min(20)));
        rows.push(self.row(line.seconds, &with_calls, &runs, &head));
        let margin = " ".repeat(width + 2);
        if line.seconds < SMALL * self.profile.total {
            return;
        }
        let kinds: Vec<String> =
            line.kinds.iter().filter(|(_, s)| own(*s)).map(|(kind, s)| format!("{} {:.0}%", kind.name(), 100.0 * s / line.seconds)).collect();
        if !kinds.is_empty() {
            rows.push(format!("{}{margin}  {}", " ".repeat(COLUMNS), kinds.join(", ")));
        }
        let plain = |part: &Part| part.text.is_none() && part.from.is_none() && part.calls.is_empty();
        if line.parts.iter().all(plain) {
            return;
        }
        let (told, small): (Vec<&Part>, Vec<&Part>) = line.parts.iter().partition(|p| own(p.seconds));
        for part in told.iter().take(PARTS) {
            let runs = if part.runs > 0 { grouped(part.runs) } else { String::new() };
            rows.push(self.row(part.seconds, "", &runs, &format!("{margin}· {}", described(part))));
        }
        let rest: f64 = told.iter().skip(PARTS).chain(&small).map(|p| p.seconds).sum();
        if rest > 0.0 {
            rows.push(self.row(rest, "", "", &format!("{margin}· the rest")));
        }
    }

    fn row(&self, seconds: f64, with_calls: &str, runs: &str, what: &str) -> String {
        format!("{seconds:>9.3}  {:>6}  {with_calls:>10}  {runs:>11}  {what}", self.percent(seconds))
    }

    fn percent(&self, seconds: f64) -> String {
        format!("{:.1}%", 100.0 * seconds / self.profile.total.max(1e-9))
    }

    fn name(&self, line: &Line) -> String {
        if self.file == Some(&line.source) { line.number.to_string() } else { format!("{}:{}", line.source, line.number) }
    }

    /// How far the shares can be believed.
    fn trust(&self) -> String {
        let samples = self.profile.samples;
        let every = INTERVAL.as_millis();
        if samples == 0 {
            return format!("no sample in so short a run (one every {every} ms): times are those of whole statements");
        }
        let (counted, error) = (grouped(samples as u64), 50.0 / (samples as f64).sqrt());
        format!("{counted} sample{}, one every {every} ms while it ran: shares of that time are good to {error:.1}%", if samples == 1 { "" } else { "s" })
    }
}

/// Width of the columns before the line's name.
const COLUMNS: usize = 9 + 2 + 6 + 2 + 10 + 2 + 11 + 2;

fn described(part: &Part) -> String {
    let calls = match &part.calls[..] {
        [first, _, .., second_last, last] if part.calls.len() > 4 => format!("{first} › … › {second_last} › {last}"),
        calls => calls.join(" › "),
    };
    let from = part.from.map(|line| format!("called in line {line}"));
    let text = part.text.as_ref().map(|text| shortened(text, 60));
    match (calls.is_empty(), text.or(from)) {
        (true, None) => "itself".to_string(),
        (true, Some(text)) => text,
        (false, None) => calls,
        (false, Some(text)) => format!("{calls}: {text}"),
    }
}

fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width { text.to_string() } else { text.chars().take(width - 1).chain(['…']).collect() }
}

/// 2_000_000, as the language writes it.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (k, digit) in digits.chars().enumerate() {
        if k > 0 && (digits.len() - k).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(calls: &[&str], text: Option<&str>, from: Option<usize>) -> Part {
        Part { calls: calls.iter().map(|c| c.to_string()).collect(), text: text.map(str::to_string), from, seconds: 1.0, runs: 2_000 }
    }

    #[test]
    fn parts_in_words() {
        assert_eq!(described(&part(&[], None, None)), "itself");
        assert_eq!(described(&part(&["hmc", "leapfrog"], Some("φ = φ + ε * π"), None)), "hmc › leapfrog: φ = φ + ε * π");
        assert_eq!(described(&part(&["hmc", "a", "b", "c", "force"], None, Some(3))), "hmc › … › c › force: called in line 3");
    }

    #[test]
    fn numbers_in_groups() {
        assert_eq!([grouped(7), grouped(1000), grouped(12_345_678)], ["7", "1_000", "12_345_678"]);
    }

    #[test]
    fn rows_add_up_to_the_whole() {
        let line = Line {
            source: "a.moy".into(),
            number: 3,
            text: "let y = f(x)".into(),
            seconds: 0.75,
            with_calls: 0.75,
            runs: 1,
            kinds: vec![(Kind::Kernel, 0.5), (Kind::Noise, 0.25)],
            parts: vec![part(&[], None, None)],
        };
        let apart = [(Kind::Checking, 0.2), (Kind::LeftOver, 0.05)].into_iter().collect();
        let profile = Profile { total: 1.0, threads: 1, busy: 1.0, samples: 100, lines: vec![line], apart, kinds: vec![(Kind::Kernel, 0.5)] };
        let expected = "\
profile of a.moy: 1.000 s, 1 thread

  seconds   share  with calls         runs  line
    0.750   75.0%                        1  3  let y = f(x)
                                                 kernels 67%, noise 33%
    0.200   20.0%                           checking
    0.050    5.0%                           left over (between statements, start, end)
    1.000  100.0%                           in all

kinds of work: kernels 50.0%
100 samples, one every 1 ms while it ran: shares of that time are good to 5.0%";
        assert_eq!(text(&profile, Some("a.moy")).unwrap(), expected);
    }
}
