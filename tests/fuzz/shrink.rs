//! A smaller text that shows the same mistake: statements are left out, expressions are replaced by parts of them or by
//! numbers, as long as it still fails.

use moyal_lang::check::walk::{self, Node};
use moyal_lang::source::Source;
use moyal_lang::syntax;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// `fails` tells whether a text shows the mistake.
pub fn shrunk(text: &str, patience: Duration, mut fails: impl FnMut(&str) -> bool) -> String {
    let start = Instant::now();
    let mut text = text.to_string();
    loop {
        let smaller = candidates(&text).into_iter().take_while(|_| start.elapsed() < patience).find(|t| fails(t));
        match smaller {
            Some(smaller) => text = smaller,
            None => return text,
        }
    }
}

/// Texts that are shorter, those that leave out most first.
fn candidates(text: &str) -> Vec<String> {
    let source = Arc::new(Source { name: "random.moy".into(), text: text.to_string() });
    let (program, _) = syntax::parse(&source);
    // A stretch of the text, and what may stand in its place.
    let mut cuts: Vec<(usize, usize, String)> = vec![];
    for statement in &program.statements {
        walk::statement(statement, &mut |node| {
            match node {
                Node::Statement(s) => cuts.push((s.span.start, s.span.end, String::new())),
                Node::Expr(e) => {
                    let (start, end) = (e.span.start, e.span.end);
                    for simple in ["1.0", "2", "true", "0.5"] {
                        cuts.push((start, end, simple.into()));
                    }
                    let mut parts = vec![];
                    walk::expr(e, &mut |inner| {
                        if let Node::Expr(inner) = inner
                            && (inner.span.start, inner.span.end) != (start, end)
                        {
                            parts.push(inner.span.text().to_string());
                        }
                        true
                    });
                    parts.truncate(12);
                    cuts.extend(parts.into_iter().map(|part| (start, end, part)));
                }
            }
            true
        });
    }
    // Where the parser gives nothing to hold on to: halves, quarters, … of the text.
    if program.statements.is_empty() {
        let mut length = text.len() / 2;
        while length > 0 {
            cuts.extend((0..text.len()).step_by(length).map(|start| (start, (start + length).min(text.len()), String::new())));
            length /= 2;
        }
    }
    cuts.retain(|(start, end, instead)| instead.len() < end - start && text.is_char_boundary(*start) && text.is_char_boundary(*end));
    cuts.sort_by_key(|(start, end, instead)| instead.len() as i64 - (end - start) as i64);
    cuts.dedup();
    let made = |(start, end, instead): (usize, usize, String)| {
        let whole = format!("{}{instead}{}", &text[..start], &text[end..]);
        whole.lines().filter(|l| !l.trim().is_empty()).map(|l| format!("{l}\n")).collect()
    };
    cuts.into_iter().map(made).collect()
}
