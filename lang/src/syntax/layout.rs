//! Before the grammar: comments and the newlines that end nothing are blanked, byte for byte so that places hold; brackets
//! are matched and their depth limited; the text is cut into top-level statements.

use crate::diagnostic::Diagnostic;
use crate::source::{Source, Span};
use std::sync::Arc;

/// How deep brackets (and chains of `else if`) may nest.
pub const DEEPEST: usize = 100;

pub struct Layout {
    /// The text with blanks.
    pub text: String,
    /// Top-level statements: from, to.
    pub statements: Vec<(usize, usize)>,
    /// `##` lines: where each begins, and its words.
    pub docs: Vec<(usize, String)>,
}

pub fn layout(source: &Arc<Source>) -> Result<Layout, Vec<Diagnostic>> {
    Scanner {
        source,
        bytes: source.text.as_bytes(),
        out: source.text.as_bytes().to_vec(),
        open: vec![],
        docs: vec![],
        mistakes: vec![],
        ends: vec![],
        last: None,
        elses: 0,
    }
    .scan()
}

struct Scanner<'s> {
    source: &'s Arc<Source>,
    bytes: &'s [u8],
    out: Vec<u8>,
    /// Open brackets and where they are.
    open: Vec<(u8, usize)>,
    docs: Vec<(usize, String)>,
    mistakes: Vec<Diagnostic>,
    /// Where top-level statements end.
    ends: Vec<usize>,
    /// Where the last thing that is not blank begins and ends.
    last: Option<(usize, usize)>,
    elses: usize,
}

impl Scanner<'_> {
    fn scan(mut self) -> Result<Layout, Vec<Diagnostic>> {
        let mut at = 0;
        while at < self.bytes.len() {
            at = self.token(at);
            if self.mistakes.len() > 20 {
                break;
            }
        }
        if let Some((bracket, start)) = self.open.last().copied()
            && self.mistakes.is_empty()
        {
            self.mistakes.push(
                Diagnostic::error(format!("this `{}` is never closed", bracket as char))
                    .label(&self.span(start, start + 1), "opened here")
                    .help(format!("add `{}`", closing(bracket) as char)),
            );
        }
        if !self.mistakes.is_empty() {
            return Err(self.mistakes);
        }
        self.ends.push(self.bytes.len());
        let text = String::from_utf8(self.out).expect("blanks replace whole comments");
        let mut statements = vec![];
        let mut from = 0;
        for end in self.ends {
            let part = &text[from..end];
            let trimmed = part.trim();
            if !trimmed.is_empty() {
                let start = from + (part.len() - part.trim_start().len());
                statements.push((start, start + trimmed.len()));
            }
            from = end + 1;
        }
        Ok(Layout { text, statements, docs: self.docs })
    }

    fn span(&self, from: usize, to: usize) -> Span {
        Span::new(self.source, from, to)
    }

    /// Deals with what begins at `at`; returns where the next thing begins.
    fn token(&mut self, at: usize) -> usize {
        match self.bytes[at] {
            b'#' => self.comment(at),
            b'"' => self.string(at),
            b'\n' => {
                self.newline(at);
                at + 1
            }
            b';' => {
                if self.open.is_empty() {
                    self.ends.push(at);
                }
                self.last = None;
                at + 1
            }
            b' ' | b'\t' | b'\r' => at + 1,
            open @ (b'(' | b'[' | b'{') => {
                self.opened(open, at);
                at + 1
            }
            close @ (b')' | b']' | b'}') => {
                self.closed(close, at);
                at + 1
            }
            _ => self.word(at),
        }
    }

    fn comment(&mut self, at: usize) -> usize {
        let end = self.bytes[at..].iter().position(|b| *b == b'\n').map_or(self.bytes.len(), |n| at + n);
        let text = &self.source.text[at..end];
        if let Some(doc) = text.strip_prefix("##") {
            self.docs.push((at, doc.strip_prefix(' ').unwrap_or(doc).trim_end().to_string()));
        }
        self.out[at..end].fill(b' ');
        end
    }

    fn string(&mut self, at: usize) -> usize {
        let rest = &self.bytes[at + 1..];
        let end = rest.iter().position(|b| *b == b'"' || *b == b'\n');
        match end {
            Some(n) if rest[n] == b'"' => {
                self.last = Some((at, at + n + 2));
                at + n + 2
            }
            _ => {
                let end = end.map_or(self.bytes.len(), |n| at + 1 + n);
                self.mistakes.push(
                    Diagnostic::error("this text is not closed").label(&self.span(at, end), "begins here").help("end it with `\"` on the same line"),
                );
                end
            }
        }
    }

    /// A newline ends a statement unless it stands in ( ) or [ ], or after something that must go on.
    fn newline(&mut self, at: usize) {
        let inside = matches!(self.open.last(), Some((b'(' | b'[', _)));
        let goes_on = self.last.is_none_or(|(from, to)| continues(&self.source.text[from..to]));
        if inside || (goes_on && !self.open.is_empty()) || (goes_on && self.last.is_some()) {
            self.out[at] = b' ';
            return;
        }
        if self.open.is_empty() {
            self.ends.push(at);
            self.elses = 0;
        }
        self.begins_with_operator(at + 1);
        self.last = None;
    }

    /// A line that begins with a binary operator is refused: the line before has ended its statement.
    fn begins_with_operator(&mut self, at: usize) {
        let rest = &self.source.text[at..];
        let line = rest.trim_start_matches([' ', '\t']);
        let start = at + rest.len() - line.len();
        let operators = ["+", "*", "/", "%", "@", "^", "==", "!=", "<", ">", "≤", "≥", "≠", "|>", "∘", "=", "and ", "or ", "- ", "..", "."];
        let Some(operator) = operators.iter().find(|o| line.starts_with(**o)) else { return };
        let operator = operator.trim_end();
        self.mistakes.push(
            Diagnostic::error(format!("a line cannot begin with `{operator}`: the line before it is a whole statement already"))
                .label(&self.span(start, start + operator.len()), "here")
                .help(format!("put the `{operator}` at the end of the line before, or brackets around the expression")),
        );
    }

    fn opened(&mut self, bracket: u8, at: usize) {
        self.open.push((bracket, at));
        self.last = Some((at, at + 1));
        if self.open.len() == DEEPEST + 1 {
            self.mistakes.push(
                Diagnostic::error(format!("brackets nest deeper than {DEEPEST}"))
                    .label(&self.span(at, at + 1), "too deep")
                    .help("give parts of the expression names with `let`"),
            );
        }
    }

    fn closed(&mut self, bracket: u8, at: usize) {
        self.last = Some((at, at + 1));
        match self.open.pop() {
            None => self.mistakes.push(
                Diagnostic::error(format!("nothing is open that this `{}` could close", bracket as char))
                    .label(&self.span(at, at + 1), "here"),
            ),
            Some((open, start)) if closing(open) != bracket => {
                self.mistakes.push(
                    Diagnostic::error(format!("`{}` is closed by `{}`", open as char, bracket as char))
                        .label(&self.span(at, at + 1), format!("`{}` is needed here", closing(open) as char))
                        .label(&self.span(start, start + 1), "opened here"),
                );
            }
            Some(_) => {}
        }
    }

    /// A run of letters and digits, or of other characters.
    fn word(&mut self, at: usize) -> usize {
        let text = &self.source.text[at..];
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let first = text.chars().next().expect("not at the end");
        let length: usize = if is_word(first) {
            text.chars().take_while(|c| is_word(*c)).map(char::len_utf8).sum()
        } else {
            let special = |c: char| c.is_whitespace() || is_word(c) || "#\"()[]{};".contains(c);
            text.chars().take_while(|c| !special(*c)).map(char::len_utf8).sum()
        };
        let end = at + length.max(first.len_utf8());
        if &text[..end - at] == "else" {
            self.elses += 1;
            if self.elses == DEEPEST + 1 {
                self.mistakes.push(
                    Diagnostic::error(format!("more than {DEEPEST} branches in one chain of `else`")).label(&self.span(at, end), "too many"),
                );
            }
        }
        self.last = Some((at, end));
        end
    }
}

fn closing(open: u8) -> u8 {
    match open {
        b'(' => b')',
        b'[' => b']',
        _ => b'}',
    }
}

/// Whether a statement goes on in the next line if this is the last thing of a line.
fn continues(last: &str) -> bool {
    if matches!(last, "(" | "[" | "{" | "," | "and" | "or" | "not" | "in" | "as" | "o") {
        return true;
    }
    // A run of signs ends in its last operator; `'` and superscripts end a value.
    ["+", "-", "*", "/", "%", "@", "^", "=", "<", ">", "∘", "~", ",", "->", "→", "|>", "≤", "≥", "≠", "∈", ":", "..", "√"]
        .iter()
        .any(|sign| last.ends_with(sign))
}
