//! What is said to a user: one message, the places it speaks of, and what to write instead.
//!
//! A diagnostic is built where the mistake is found, by a function named after the mistake. Rendering is the caller's.

use crate::source::Span;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
    /// A fault of ours: the report asks for it to be sent in.
    Internal,
}

#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub severity: Severity,
    /// One sentence, in the user's words.
    pub message: String,
    /// The first label is where it went wrong; others are what it disagrees with.
    pub labels: Vec<(Span, String)>,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    pub fn error(message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Error, message: message.into(), labels: vec![], help: None }
    }

    pub fn warning(message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(message) }
    }

    pub fn internal(message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Internal, ..Diagnostic::error(message) }
    }

    /// Whether it keeps the program from running.
    pub fn is_failure(&self) -> bool {
        self.severity != Severity::Warning
    }

    pub fn label(mut self, span: &Span, text: impl Into<String>) -> Diagnostic {
        self.labels.push((span.clone(), text.into()));
        self
    }

    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.help = Some(text.into());
        self
    }
}
