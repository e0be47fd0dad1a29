//! Mistakes that are found in the text of a function, as they are told to who called it. The library's text is not the user's:
//! what is wrong there is told at the argument that the user gave, or at the call, and in words of these.

use super::*;

impl Checker<'_> {
    /// The mistake with places in the user's text alone; nothing if the same has been told already.
    pub fn told_to_the_caller(&self, mut mistake: Diagnostic) -> Option<Diagnostic> {
        let Some(frame) = self.called_by_user() else { return Some(mistake) };
        let inside = mistake.labels.first().is_some_and(|(span, _)| is_library(span));
        if inside {
            return self.told_by_the_library(mistake, frame);
        }
        if !contains(&frame.text, &frame.call) && !mistake.labels.iter().any(|(span, _)| contains(&frame.call, span)) {
            // A function that nobody calls is checked as if its declaration did.
            mistake = mistake.label(&frame.call, frame.in_this_call());
        }
        mistake.labels.retain(|(span, _)| !is_library(span));
        Some(mistake)
    }

    fn told_by_the_library(&self, mut mistake: Diagnostic, frame: &Frame) -> Option<Diagnostic> {
        // An assertion of the library, which has words of its own.
        let is_asserted = mistake.labels[0].1.is_empty();
        let of_operands = errors::speaks_of_operands(&mistake);
        let mut labels: Vec<(Span, String)> = vec![];
        for (k, (place, text)) in mistake.labels.clone().into_iter().enumerate() {
            // What the library has made of an argument is of another type than the argument.
            let itself = self.argument_behind(&place, true).filter(|_| is_name(place.text()));
            let is_itself = itself.is_some();
            let argument = itself.or_else(|| if k == 0 { self.argument_behind(&place, false) } else { None });
            let Some((argument, parameter)) = argument.filter(|_| !(is_asserted && frame.is_unnamed())) else { continue };
            if k > 0 && !of_operands || labels.iter().any(|(known, _)| is_same(known, &argument)) {
                continue;
            }
            let given = Given { place: &argument, parameter: &parameter, frame, is_itself };
            if k > 0 && errors::told_of_operand(&mut mistake, &given, &text) {
                labels = vec![(argument, format!("this is {text}"))];
                break;
            }
            let text = if k == 0 { errors::told_at_argument(&mut mistake, &given, &text) } else { given.described(&text) };
            labels.push((argument, text));
        }
        let at_call = labels.is_empty();
        if at_call {
            labels.push((frame.call.clone(), errors::told_at_call(&mut mistake).unwrap_or_else(|| frame.in_this_call())));
        }
        // The library stumbles over one thing in several places.
        let told = |d: &Diagnostic| d.severity == mistake.severity && d.labels.first().is_some_and(|(at, _)| is_same(at, &labels[0].0));
        if !(at_call && is_asserted) && self.diagnostics.iter().any(told) {
            return None;
        }
        mistake.labels = labels;
        Some(mistake)
    }

    /// The innermost call that stands in the user's text.
    pub fn called_by_user(&self) -> Option<&Frame> {
        self.calls.iter().rev().find(|frame| !is_library(&frame.call) && !frame.function.starts_with('_'))
    }

    /// What the user gave for the one parameter of which a place in the library's text speaks, and the parameter's name in
    /// the call.
    /// With `by_name` what the library has computed of an argument does not count as the argument.
    pub fn argument_behind(&self, place: &Span, by_name: bool) -> Option<(Span, Rc<str>)> {
        let (mut place, mut parameter) = (place.clone(), None);
        for frame in self.calls.iter().rev().filter(|f| !f.function.starts_with('_') || is_library(&f.call)) {
            if !is_library(&place) {
                break;
            }
            if !contains(&frame.text, &place) {
                continue;
            }
            if by_name && parameter.is_some() && place.text().contains('(') {
                return None;
            }
            let mut names = values_in(place.text());
            names.dedup();
            let [spoken_of] = names[..] else { return None };
            // Else of a function around it.
            let Some((name, argument)) = frame.arguments.iter().find(|(name, _)| &**name == spoken_of) else { continue };
            (place, parameter) = (argument.clone(), Some(name.clone()));
        }
        parameter.filter(|_| !is_library(&place)).map(|p| (place, p))
    }
}

/// An argument of which the library's text speaks.
pub struct Given<'a> {
    pub place: &'a Span,
    pub parameter: &'a str,
    frame: &'a Frame,
    /// Or is it what the library has computed of it?
    is_itself: bool,
}

impl Given<'_> {
    /// `x` of moment
    pub fn name(&self) -> String {
        if self.frame.is_unnamed() { "this argument".into() } else { format!("`{}` of {}", self.parameter, self.frame.function) }
    }

    /// What the argument is, and as what it was given, where the call does not say so.
    pub fn described(&self, text: &str) -> String {
        match text {
            _ if !self.is_itself => self.name(),
            _ if self.is_told_by_the_call() => text.to_string(),
            _ => given_as(text, self.parameter, &self.frame.function),
        }
    }

    /// What the library does with the argument.
    pub fn used(&self, text: &str) -> String {
        if self.is_told_by_the_call() { text.to_string() } else { format!("{}: {text}", self.name()) }
    }

    fn is_told_by_the_call(&self) -> bool {
        self.frame.is_unnamed() || !is_by_position(self.place, &self.frame.call)
    }
}

/// This is real, given as `n` of moment
pub fn given_as(text: &str, parameter: &str, function: &str) -> String {
    format!("{text}, given as `{parameter}` of {function}")
}

impl Frame {
    /// `k(d, t)` of what a function of the library gave: a function without a name.
    fn is_unnamed(&self) -> bool {
        &*self.function == "->"
    }

    fn in_this_call(&self) -> String {
        if self.is_unnamed() { "in this call".to_string() } else { format!("in this call of {}", self.function) }
    }
}

/// The names of values in a piece of text: neither what is called, nor fields, texts and words of the language.
fn values_in(text: &str) -> Vec<&str> {
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    let mut names = vec![];
    for (k, outside) in text.split('"').enumerate() {
        let mut rest = outside;
        while let Some(start) = rest.find(letter) {
            let end = start + rest[start..].find(|c| !letter(c)).unwrap_or(rest.len() - start);
            let (before, word, after) = (&rest[..start], &rest[start..end], &rest[end..]);
            let is_value = !before.ends_with('.') && !after.starts_with('(') && !word.starts_with(|c: char| c.is_ascii_digit());
            if k % 2 == 0 && is_value && !matches!(word, "and" | "or" | "not" | "true" | "false" | "inf" | "pi") {
                names.push(word);
            }
            rest = after;
        }
    }
    names.sort();
    names
}

fn is_name(text: &str) -> bool {
    values_in(text) == [text]
}

pub fn is_library(span: &Span) -> bool {
    span.source.name.starts_with("library ")
}

/// Is it an argument of this call without a name before it?
pub fn is_by_position(argument: &Span, call: &Span) -> bool {
    contains(call, argument) && !argument.source.text[..argument.start].trim_end().ends_with(':')
}

pub fn contains(outer: &Span, inner: &Span) -> bool {
    std::sync::Arc::ptr_eq(&outer.source, &inner.source) && outer.start <= inner.start && inner.end <= outer.end
}

fn is_same(a: &Span, b: &Span) -> bool {
    std::sync::Arc::ptr_eq(&a.source, &b.source) && a.start == b.start && a.end == b.end
}
