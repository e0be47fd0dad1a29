//! The pass before the parser: which newlines end a statement, which brackets belong together, where statements are.
//!
//! Comments and the newlines that end nothing become spaces, byte for byte, so that every place in the text handed
//! to the parser is the place in the user's text.

use super::messages;
use super::slips::{self, Remedy};
use super::tokens::{Doc, Kind, Token, tokens};
use crate::diagnostic::Diagnostic;
use crate::source::{Source, Span};
use std::sync::Arc;

/// Brackets inside brackets; far more than anyone writes, and little enough for every later pass to recurse.
pub const MAX_DEPTH: usize = 200;
/// Operators and brackets that lie open at one place: bounds the depth of the tree.
pub const MAX_WEIGHT: usize = 600;
/// Brackets that are never closed: after so many the rest of the text is not worth reading.
const MAX_UNCLOSED: usize = 20;

pub struct Layout {
    /// The text for the parser.
    pub text: String,
    pub tokens: Vec<Token>,
    /// The statements of the top level, in order.
    pub top: Vec<(usize, usize)>,
    /// All statements, those inside blocks before those around them.
    pub statements: Vec<(usize, usize)>,
    pub docs: Vec<Doc>,
    pub diagnostics: Vec<Diagnostic>,
}

pub fn layout(source: &Arc<Source>) -> Layout {
    let cut = tokens(&source.text);
    let slips = slips::find(source, &cut.tokens);
    let line_starts = std::iter::once(0).chain(source.text.match_indices('\n').map(|(n, _)| n + 1)).collect();
    let mut pass = Pass { source, tokens: &cut.tokens, line_starts, out: Found::default() };
    pass.whole();
    let Found { mut blanks, statements, top, mut broken, mut diagnostics } = pass.out;
    blanks.extend(cut.blanks);

    let mut text = source.text.clone().into_bytes();
    for (start, end) in blanks {
        text[start..end].fill(b' ');
    }
    for slip in slips {
        match slip.remedy {
            Remedy::Instead(start, replacement) => {
                text[start..start + replacement.len()].copy_from_slice(replacement.as_bytes())
            }
            Remedy::Drop(place) => {
                // Brackets behind it, on its line, are part of what has been answered.
                let line_end = source.text[place..].find('\n').map_or(source.text.len(), |n| place + n);
                let behind = |d: &Diagnostic| d.labels.first().is_some_and(|(at, _)| place < at.start && at.start < line_end);
                diagnostics.retain(|d| slip.diagnostic.is_none() || !behind(d));
                broken.push(place)
            }
        }
        diagnostics.extend(slip.diagnostic);
    }
    for place in broken {
        if let Some(&(start, end)) = innermost(&statements, place) {
            text[start..end].fill(b' ');
        }
    }
    let text = String::from_utf8(text).expect("only whole characters are replaced");
    Layout { text, tokens: cut.tokens, top, statements, docs: cut.docs, diagnostics }
}

/// The smallest statement around a place.
pub fn innermost(statements: &[(usize, usize)], place: usize) -> Option<&(usize, usize)> {
    let behind = statements.partition_point(|(_, end)| *end <= place);
    statements[behind..].iter().find(|(start, _)| *start <= place)
}

#[derive(Default)]
struct Found {
    blanks: Vec<(usize, usize)>,
    statements: Vec<(usize, usize)>,
    top: Vec<(usize, usize)>,
    /// Places of statements that are not to be parsed: what is wrong with them has been said.
    broken: Vec<usize>,
    diagnostics: Vec<Diagnostic>,
}

#[derive(Clone, Copy, PartialEq)]
enum Bracket {
    Top,
    Round,
    Square,
    /// `{ name: … }`: a record, where newlines end nothing.
    Record,
    Block,
    /// `{ }` in a string.
    Hole,
}

impl Bracket {
    fn has_statements(self) -> bool {
        matches!(self, Bracket::Top | Bracket::Block)
    }

    fn closer(self) -> &'static str {
        match self {
            Bracket::Round => ")",
            Bracket::Square => "]",
            _ => "}",
        }
    }
}

/// A bracket that is open.
struct Open {
    bracket: Bracket,
    /// Its token.
    token: usize,
    /// Where the statement begun in it begins.
    statement: Option<usize>,
    /// What lies open when one of its statements or members begins, and now.
    base: usize,
    weight: usize,
}

struct Pass<'a> {
    source: &'a Arc<Source>,
    tokens: &'a [Token],
    line_starts: Vec<usize>,
    out: Found,
}

/// A bracket that nothing closes, and the token before which it should have been closed.
struct Unclosed {
    opener: usize,
    until: usize,
}

impl Pass<'_> {
    /// Lays out the text. Where a bracket is never closed, it is done again with that bracket closed where it looks as
    /// if it should have been.
    fn whole(&mut self) {
        let mut closed = vec![];
        loop {
            let before = self.mark();
            let unclosed = Run::new(self, &closed).run();
            match unclosed {
                Some(unclosed) if closed.len() < MAX_UNCLOSED => closed.push(unclosed),
                _ => return,
            }
            self.reset(before);
        }
    }

    fn mark(&self) -> [usize; 5] {
        let o = &self.out;
        [o.blanks.len(), o.statements.len(), o.top.len(), o.broken.len(), o.diagnostics.len()]
    }

    fn reset(&mut self, mark: [usize; 5]) {
        self.out.blanks.truncate(mark[0]);
        self.out.statements.truncate(mark[1]);
        self.out.top.truncate(mark[2]);
        self.out.broken.truncate(mark[3]);
        self.out.diagnostics.truncate(mark[4]);
    }

    /// The last token before one that is not a newline.
    fn last_before(&self, index: usize) -> Token {
        let before = self.tokens[..index].iter().rev().find(|t| t.kind != Kind::Newline);
        *before.unwrap_or(&self.tokens[0])
    }

    fn line_start(&self, at: usize) -> usize {
        self.line_starts[self.line_starts.partition_point(|s| *s <= at) - 1]
    }

    /// The spaces before the line that holds a place.
    fn indentation(&self, at: usize) -> usize {
        let line = &self.source.text[self.line_start(at)..];
        line.bytes().take_while(|b| *b == b' ' || *b == b'\t').count()
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.source, start, end)
    }

    fn token_span(&self, token: Token) -> Span {
        self.span(token.start, token.end)
    }
}

/// One walk over the tokens.
struct Run<'p, 'a> {
    pass: &'p mut Pass<'a>,
    tokens: &'a [Token],
    text: &'a str,
    /// What is taken as closed, though nothing closes it.
    closed: &'p [Unclosed],
    stack: Vec<Open>,
    /// The last token of this walk that is not a newline.
    last: Option<usize>,
    /// A block whose `}` stands further left or right than the line that opened it.
    suspect: Option<usize>,
    too_deep: bool,
}

impl<'p, 'a> Run<'p, 'a> {
    fn new(pass: &'p mut Pass<'a>, closed: &'p [Unclosed]) -> Run<'p, 'a> {
        let (tokens, text) = (pass.tokens, pass.source.text.as_str());
        let top = Open { bracket: Bracket::Top, token: 0, statement: None, base: 0, weight: 0 };
        Run { pass, tokens, text, closed, stack: vec![top], last: None, suspect: None, too_deep: false }
    }

    fn run(mut self) -> Option<Unclosed> {
        for i in 0..self.tokens.len() {
            self.close_unclosed(i);
            self.step(i);
            if self.stack.len() > MAX_DEPTH + 1 {
                // The rest tells nothing: whatever it is, it lies inside these brackets.
                self.stack.truncate(1);
                self.end_statement();
                return None;
            }
        }
        self.close_unclosed(self.tokens.len());
        let unclosed = self.never_closed();
        while self.stack.len() > 1 {
            self.end_statement();
            self.stack.pop();
        }
        self.end_statement();
        unclosed
    }

    fn step(&mut self, i: usize) {
        let token = self.tokens[i];
        match token.kind {
            Kind::Newline => return self.newline(i),
            Kind::Semicolon => {
                self.end_statement();
                self.reset_weight();
            }
            Kind::Comma => {
                self.begin_statement(token);
                self.reset_weight();
            }
            Kind::Open | Kind::HoleOpen => self.open(i),
            Kind::Close | Kind::HoleClose => self.close(i),
            Kind::OpenText | Kind::OpenHole => {
                self.begin_statement(token);
                self.abandon_line(token);
            }
            _ => {
                self.begin_statement(token);
                self.weigh(token);
            }
        }
        self.last = Some(i);
    }

    fn top(&mut self) -> &mut Open {
        self.stack.last_mut().expect("the text itself is never closed")
    }

    fn begin_statement(&mut self, token: Token) {
        self.top().statement.get_or_insert(token.start);
    }

    fn end_statement(&mut self) {
        if !self.top().bracket.has_statements() {
            return;
        }
        let Some(start) = self.top().statement.take() else { return };
        let end = self.last.map_or(start, |l| self.tokens[l].end).max(start);
        self.pass.out.statements.push((start, end));
        if self.stack.len() == 1 {
            self.pass.out.top.push((start, end));
        }
    }

    // Depth.

    fn reset_weight(&mut self) {
        let top = self.top();
        top.weight = top.base;
    }

    /// Whatever makes the tree one deeper.
    fn weigh(&mut self, token: Token) {
        let deepens = match token.kind {
            Kind::Operator | Kind::Superscript | Kind::Open | Kind::HoleOpen => true,
            Kind::Word => matches!(token.text(self.text), "and" | "or" | "not" | "as" | "if" | "o"),
            _ => false,
        };
        if !deepens {
            return;
        }
        self.top().weight += 1;
        if self.top().weight > MAX_WEIGHT {
            self.too_deep(token, messages::too_long(&self.pass.token_span(token)));
        }
    }

    fn too_deep(&mut self, token: Token, diagnostic: Diagnostic) {
        if !self.too_deep {
            self.pass.out.diagnostics.push(diagnostic);
            self.too_deep = true;
        }
        // The whole statement of the top level goes: it is too deep for the parser.
        let start = self.stack[0].statement.unwrap_or(token.start);
        if self.pass.out.broken.last() != Some(&start) {
            self.pass.out.broken.push(start);
        }
    }

    // Brackets.

    fn open(&mut self, i: usize) {
        let token = self.tokens[i];
        let begins = self.top().bracket.has_statements() && self.top().statement.is_none();
        self.begin_statement(token);
        self.weigh(token);
        let bracket = match (token.kind, token.text(self.text)) {
            (Kind::HoleOpen, _) => Bracket::Hole,
            (_, "(") => Bracket::Round,
            (_, "[") => Bracket::Square,
            _ if self.is_record(i) => Bracket::Record,
            _ => {
                self.check_block(i, begins);
                Bracket::Block
            }
        };
        let base = self.top().weight;
        self.stack.push(Open { bracket, token: i, statement: None, base, weight: base });
        if self.stack.len() > MAX_DEPTH + 1 {
            self.too_deep(token, messages::too_deep(&self.pass.token_span(token)));
        }
    }

    /// A block stands behind a head or an arrow, never where a value stands.
    fn check_block(&mut self, i: usize, begins_statement: bool) {
        let before = self.tokens[self.last.filter(|_| !begins_statement).unwrap_or(i)];
        let text = before.text(self.text);
        let value = match before.kind {
            _ if begins_statement => true,
            Kind::Operator => !matches!(text, "'" | "->" | "→"),
            Kind::Comma | Kind::HoleOpen => true,
            Kind::Open => text != "{",
            Kind::Word => matches!(text, "and" | "or" | "not" | "in"),
            _ => false,
        };
        if !value {
            return;
        }
        let start = self.top().statement.map_or(i, |s| self.tokens.partition_point(|t| t.start < s));
        let name = (self.tokens.get(i + 2).is_some_and(|t| t.text(self.text) == "="))
            .then(|| self.tokens[i + 1].text(self.text));
        let (at, before) = (self.pass.token_span(self.tokens[i]), self.pass.token_span(before));
        let head = self.tokens[start].text(self.text);
        self.pass.out.diagnostics.push(messages::block_in_expression(&at, &before, head, name));
        self.pass.out.broken.push(before.start);
    }

    /// `{ name :`
    fn is_record(&self, i: usize) -> bool {
        let mut next = self.tokens[i + 1..].iter().filter(|t| t.kind != Kind::Newline);
        next.next().is_some_and(|t| t.kind == Kind::Word)
            && next.next().is_some_and(|t| t.kind == Kind::Operator && t.text(self.text) == ":")
    }

    fn close(&mut self, i: usize) {
        let token = self.tokens[i];
        let closer = if token.kind == Kind::HoleClose { "}" } else { token.text(self.text) };
        let fits = |o: &Open| {
            (o.bracket == Bracket::Hole) == (token.kind == Kind::HoleClose)
                && o.bracket != Bracket::Top
                && o.bracket.closer() == closer
        };
        let Some(depth) = self.stack.iter().rposition(fits) else { return self.stray_closer(i, closer) };
        // Never out of a string.
        if self.stack[depth + 1..].iter().any(|o| o.bracket == Bracket::Hole) {
            return self.stray_closer(i, closer);
        }
        if depth + 1 < self.stack.len() {
            self.missing_closer(depth + 1, i);
        }
        self.note_indentation(i);
        self.pop_to(depth);
        self.begin_statement(token);
    }

    fn pop_to(&mut self, depth: usize) {
        while self.stack.len() > depth {
            self.end_statement();
            self.stack.pop();
        }
    }

    /// A closing bracket for which none is open: of the wrong kind, or one too many.
    fn stray_closer(&mut self, i: usize, closer: &str) {
        let token = self.tokens[i];
        let at = self.pass.token_span(token);
        let open = self.stack.last().expect("the text itself is never closed");
        let diagnostic = if open.bracket == Bracket::Top || (open.bracket == Bracket::Block && closer != "}") {
            messages::stray_closer(&at, closer)
        } else {
            let opener = self.tokens[open.token];
            let diagnostic = messages::wrong_closer(&self.pass.token_span(opener), open.bracket.closer(), &at, closer);
            if open.bracket != Bracket::Hole {
                self.pop_to(self.stack.len() - 1);
            }
            diagnostic
        };
        self.pass.out.diagnostics.push(diagnostic);
        self.begin_statement(token);
        self.pass.out.broken.push(token.start);
    }

    /// The bracket at `depth` is open where one around it is closed.
    fn missing_closer(&mut self, depth: usize, i: usize) {
        let (open, token) = (&self.stack[depth], self.tokens[i]);
        let opener = self.tokens[open.token];
        let place = opener.start;
        let diagnostic = messages::unclosed_bracket(
            &self.pass.token_span(opener),
            open.bracket.closer(),
            &self.pass.token_span(token),
        );
        self.pass.out.diagnostics.push(diagnostic);
        self.pass.out.broken.push(place);
    }

    /// A string that is not closed hides the brackets that close what its line has opened.
    fn abandon_line(&mut self, token: Token) {
        if let Some(hole) = self.stack.iter().rposition(|o| o.bracket == Bracket::Hole) {
            self.pop_to(hole);
        }
        let line = self.pass.line_start(token.start);
        while self.stack.len() > 1 {
            let open = self.stack.last().expect("the text itself is never closed");
            if open.bracket.has_statements() || self.tokens[open.token].start < line {
                break;
            }
            self.stack.pop();
        }
    }

    /// When a bracket is never closed, the indentation of those that were may tell which one.
    fn note_indentation(&mut self, i: usize) {
        let open = self.stack.last().expect("the text itself is never closed");
        let (opener, token) = (self.tokens[open.token].start, self.tokens[i].start);
        let begins_line = self.pass.indentation(token) == token - self.pass.line_start(token);
        let elsewhere = self.pass.indentation(opener) != self.pass.indentation(token);
        if open.bracket == Bracket::Block && begins_line && elsewhere && self.suspect.is_none() {
            self.suspect = Some(open.token);
        }
    }

    fn close_unclosed(&mut self, i: usize) {
        for unclosed in self.closed.iter().filter(|u| u.until == i) {
            let Some(depth) = self.stack.iter().rposition(|o| o.token == unclosed.opener) else { continue };
            let closer = self.stack[depth].bracket.closer();
            self.pop_to(depth.max(1));
            self.end_statement();
            self.reset_weight();
            let (opener, last) = (self.tokens[unclosed.opener], self.pass.last_before(i));
            let at = self.pass.span(last.end, last.end);
            self.pass.out.diagnostics.push(messages::unclosed_bracket(&self.pass.token_span(opener), closer, &at));
            self.pass.out.broken.push(opener.start);
        }
    }

    fn never_closed(&self) -> Option<Unclosed> {
        if self.stack.len() == 1 {
            return None;
        }
        let innermost = self.stack.last().expect("not empty").token;
        let opener = self.suspect.unwrap_or(innermost);
        Some(Unclosed { opener, until: self.should_close(opener) })
    }

    /// The first line behind an opening bracket that is not further right than the line that opened it.
    fn should_close(&self, opener: usize) -> usize {
        let left = self.pass.indentation(self.tokens[opener].start);
        let begins_line = |i: usize| self.tokens[i - 1].kind == Kind::Newline && self.tokens[i].kind != Kind::Newline;
        (opener + 1..self.tokens.len())
            .find(|&i| begins_line(i) && self.pass.indentation(self.tokens[i].start) <= left)
            .unwrap_or(self.tokens.len())
    }

    // Newlines.

    fn newline(&mut self, i: usize) {
        let token = self.tokens[i];
        if !self.top().bracket.has_statements() {
            if i + 1 == self.tokens.len() || !self.begins_declaration(i + 1) {
                return self.blank(token);
            }
            self.close_before(i + 1);
        }
        if self.top().statement.is_none() || self.continues() {
            return self.blank(token);
        }
        let next = self.tokens[i + 1..].iter().position(|t| t.kind != Kind::Newline).map(|n| n + i + 1);
        let previous = self.last.map(|l| self.tokens[l]);
        if let (Some(next), Some(previous)) = (next, previous)
            && let Some(diagnostic) = self.misplaced(i, next, previous)
        {
            self.pass.out.diagnostics.push(diagnostic);
            return self.blank(token);
        }
        self.end_statement();
        self.reset_weight();
        if next.is_none_or(|n| self.tokens[n].kind == Kind::Close) {
            self.blank(token);
        }
    }

    fn blank(&mut self, token: Token) {
        self.pass.out.blanks.push((token.start, token.end));
    }

    /// Does the statement go on behind the last token?
    fn continues(&self) -> bool {
        let Some(last) = self.last else { return false };
        let token = self.tokens[last];
        match (token.kind, token.text(self.text)) {
            (Kind::Operator, text) => text != "'",
            (Kind::Comma, _) => true,
            (Kind::Word, "and" | "or" | "not" | "as" | "in") => true,
            (Kind::Word, "o") => last > 0 && self.tokens[last - 1].ends_operand(self.text),
            _ => false,
        }
    }

    /// A line that should have begun on the line before.
    fn misplaced(&self, newline: usize, next: usize, previous: Token) -> Option<Diagnostic> {
        let token = self.tokens[next];
        let (at, end) = (self.pass.token_span(token), self.pass.span(previous.end, previous.end));
        match (token.kind, token.text(self.text)) {
            (Kind::Word, "else") if previous.text(self.text) == "}" => Some(messages::else_on_its_own_line(&at, &end)),
            (Kind::Open, "{") if !self.is_record(next) && next == newline + 1 => {
                Some(messages::brace_on_its_own_line(&at, &end))
            }
            (_, text) if self.is_binary(next) => Some(messages::line_begins_with_operator(&at, text, &end)),
            _ => None,
        }
    }

    fn is_binary(&self, i: usize) -> bool {
        let token = self.tokens[i];
        let behind = self.tokens.get(i + 1).filter(|t| t.kind != Kind::Newline);
        match (token.kind, token.text(self.text)) {
            (Kind::Operator, "'" | "√" | "∇") => false,
            // A line of `//` is rather a comment: the parser's failure says so.
            (Kind::Operator, "-") => behind.is_some_and(|t| t.start > token.end),
            (Kind::Operator, _) | (Kind::Comma, _) => true,
            (Kind::Word, "and" | "or" | "as" | "in") => true,
            (Kind::Word, "o") => behind.is_some_and(|t| {
                t.start > token.end && matches!(t.kind, Kind::Word | Kind::Number) && t.begins_operand(self.text)
            }),
            _ => false,
        }
    }

    /// At the beginning of a line inside ( ) or [ ]: what can only be a new statement, so that a bracket before it is
    /// not closed.
    fn begins_declaration(&self, i: usize) -> bool {
        let token = self.tokens[i];
        let behind = self.tokens.get(i + 1).map(|t| t.kind);
        let word = token.kind == Kind::Word && self.tokens[i - 1].kind == Kind::Newline;
        let named = matches!(behind, Some(Kind::Word)) && self.tokens[i + 1].begins_operand(self.text);
        word && match token.text(self.text) {
            "let" | "var" => true,
            "fn" | "param" | "lattice" | "action" | "layer" | "network" | "process" | "weight" => named,
            "test" => behind == Some(Kind::Text),
            _ => false,
        }
    }

    /// Closes the brackets up to the nearest block.
    fn close_before(&mut self, next: usize) {
        let depth = self.stack.iter().rposition(|o| o.bracket.has_statements()).unwrap_or(0) + 1;
        let innermost = self.stack.len() - 1;
        let opener = self.tokens[self.stack[innermost].token];
        let closer = self.stack[innermost].bracket.closer();
        let last = self.pass.last_before(next);
        let at = self.pass.span(last.end, last.end);
        self.pass.out.diagnostics.push(messages::unclosed_bracket(&self.pass.token_span(opener), closer, &at));
        self.pass.out.broken.push(opener.start);
        self.pop_to(depth);
    }
}
