//! Places in a program's texts.

use std::sync::Arc;

/// One text: a file of the user's, a line of the REPL, a module of the library.
#[derive(Debug)]
pub struct Source {
    /// What a report calls it: a path as the user wrote it, or `<repl:3>`.
    pub name: String,
    pub text: String,
}

impl Source {
    /// Lines end with `\n` here, however the text's editor ends them.
    pub fn new(name: impl Into<String>, text: &str) -> Source {
        let text = if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_string() };
        Source { name: name.into(), text }
    }
}

/// A stretch of one text, in bytes.
#[derive(Clone)]
pub struct Span {
    pub source: Arc<Source>,
    pub start: usize,
    pub end: usize,
    /// Of a step of Core: the call in which it was made. A place in the text alone has none.
    pub within: Option<Arc<Call>>,
}

/// A call of a function, by the name that the text calls it. The place has the call around it, and so on outwards.
#[derive(Debug)]
pub struct Call {
    pub function: String,
    pub place: Span,
}

impl Span {
    pub fn new(source: &Arc<Source>, start: usize, end: usize) -> Span {
        Span { source: source.clone(), start, end, within: None }
    }

    /// From the start of `self` to the end of `other` (which lies in the same text).
    pub fn to(&self, other: &Span) -> Span {
        Span { source: self.source.clone(), start: self.start, end: other.end, within: self.within.clone() }
    }

    pub fn text(&self) -> &str {
        &self.source.text[self.start..self.end]
    }

    /// Whether it lies in the library's text.
    pub fn in_library(&self) -> bool {
        self.source.name.starts_with("library ")
    }

    /// The calls around it, innermost first.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        std::iter::successors(self.within.as_deref(), |call| call.place.within.as_deref())
    }

    /// Line, counted from 1.
    pub fn line(&self) -> usize {
        self.source.text[..self.start].bytes().filter(|b| *b == b'\n').count() + 1
    }
}

impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}:{}..{}", self.source.name, self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_alike_whatever_the_editor() {
        assert_eq!(Source::new("a.moy", "let x = 1\r\nlet y = 2\rlet z = 3\n").text, "let x = 1\nlet y = 2\nlet z = 3\n");
    }
}
