//! What `moyal verify` found, as a table for each action and sampler.

use crate::report;
use moyal_lang::session::Verification;
use moyal_lang::verify::{Check, Verdict, Verified};

/// Prints everything and returns how many checks failed.
pub fn print(verification: &Verification, file: &str) -> usize {
    for outcome in &verification.outcomes {
        report::out(&table(outcome));
    }
    for (place, why) in &verification.left_out {
        report::out(&format!("not checked: {} (line {}): {why}", place.text(), place.line()));
    }
    if !verification.left_out.is_empty() {
        report::out("");
    }
    let checks = || verification.outcomes.iter().flat_map(|o| &o.checks);
    let count = |verdict: Verdict| checks().filter(|c| c.verdict == verdict).count();
    let broken = verification.tests.iter().filter(|t| t.failure.is_some()).count();
    let kept = verification.tests.len() - broken;
    let (failed, biased, passed) = (count(Verdict::Failed) + broken, count(Verdict::Biased), count(Verdict::Passed) + kept);
    let mut summary = match (failed, passed + biased) {
        (0, 0) => "nothing to verify: no action of a declared type, no sampler that is called".to_string(),
        (0, n) => format!("{n} checks passed"),
        (k, n) => format!("{k} of {} checks FAILED", k + n),
    };
    if biased > 0 {
        summary = format!("{summary} ({biased} with a small bias, as of updates without an accept step)");
    }
    report::out(&format!("{file}: {summary}"));
    failed
}

fn table(outcome: &Verified) -> String {
    let width = |of: fn(&Check) -> &str| outcome.checks.iter().map(|c| of(c).chars().count()).max().unwrap_or(0);
    let (names, found, expected) = (width(|c| &c.name), width(|c| &c.found), width(|c| &c.expected));
    let mut text = format!("{} (line {})\n", outcome.subject, outcome.place.line());
    for c in &outcome.checks {
        text.push_str(&format!("  {:names$}  {:>found$}  {:expected$}  {}\n", c.name, c.found, c.expected, word(c.verdict)));
        for advice in c.advice.iter().filter(|_| c.verdict == Verdict::Failed) {
            text.push_str(&format!("    {advice}\n"));
        }
    }
    text
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "FAILED",
        Verdict::Biased => "passed (bias)",
        Verdict::Holds => "holds",
        Verdict::Broken => "does not hold",
    }
}
