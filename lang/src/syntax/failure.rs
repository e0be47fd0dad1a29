//! A failure of the grammar, in words: what stands at the place, what stands before it, and what it looks like.

use super::parse::Rule;
use super::tokens::{Kind, RESERVED, Token};
use crate::diagnostic::Diagnostic;
use crate::source::{Source, Span};
use std::sync::Arc;

/// What to say where the grammar cannot go on at `at`, in the statement that begins at `start`.
pub fn cannot_read(source: &Arc<Source>, tokens: &[Token], start: usize, at: usize, expected: &[Rule]) -> Diagnostic {
    let index = tokens.partition_point(|t| t.end <= at);
    let first = tokens.partition_point(|t| t.start < start);
    Failure { source, text: &source.text, tokens, index, first, expected }.explain()
}

struct Failure<'a> {
    source: &'a Arc<Source>,
    text: &'a str,
    tokens: &'a [Token],
    /// The token that cannot stand where it stands.
    index: usize,
    /// The first token of the statement.
    first: usize,
    /// What could have stood there.
    expected: &'a [Rule],
}

impl Failure<'_> {
    fn explain(&self) -> Diagnostic {
        self.process_line()
            .or_else(|| self.keyword_as_name())
            .or_else(|| self.not_a_name())
            .or_else(|| self.declared_head())
            .or_else(|| self.comment())
            .or_else(|| self.known_word())
            .or_else(|| self.equals_sign())
            .or_else(|| self.colon())
            .or_else(|| self.arrow())
            .or_else(|| self.comma())
            .or_else(|| self.half_range())
            .or_else(|| self.head())
            .or_else(|| self.missing_operand())
            .or_else(|| self.side_by_side())
            .unwrap_or_else(|| self.anything_else())
    }

    // What stands where.

    fn token(&self, index: usize) -> Option<Token> {
        self.tokens.get(index).copied()
    }

    /// The text of a token; "" at the end of the text, "\n" at the end of a line.
    fn text_of(&self, token: Option<Token>) -> &str {
        token.map_or("", |t| t.text(self.text))
    }

    fn found(&self) -> &str {
        self.text_of(self.token(self.index))
    }

    /// The token before, newlines aside.
    fn before(&self, index: usize) -> Option<usize> {
        (0..index).rev().find(|i| self.tokens[*i].kind != Kind::Newline)
    }

    fn after(&self, index: usize) -> Option<usize> {
        (index + 1..self.tokens.len()).find(|i| self.tokens[*i].kind != Kind::Newline)
    }

    fn previous(&self) -> Option<usize> {
        self.before(self.index).filter(|i| *i >= self.first)
    }

    fn previous_text(&self) -> &str {
        self.previous().map_or("", |i| self.tokens[i].text(self.text))
    }

    fn head_word(&self) -> &str {
        self.text_of(self.token(self.first))
    }

    /// The place of the failure; a line's end is the place behind its last token.
    fn here(&self) -> Span {
        match self.token(self.index) {
            Some(t) if t.kind != Kind::Newline => Span::new(self.source, t.start, t.end),
            _ => {
                let end = self.before(self.index).map_or(0, |i| self.tokens[i].end);
                Span::new(self.source, end, end)
            }
        }
    }

    fn span(&self, index: usize) -> Span {
        Span::new(self.source, self.tokens[index].start, self.tokens[index].end)
    }

    fn expects(&self, rules: &[Rule]) -> bool {
        self.expected.iter().any(|r| rules.contains(r))
    }

    fn expects_operand(&self) -> bool {
        self.expects(&[
            Rule::operation,
            Rule::postfix,
            Rule::number,
            Rule::string,
            Rule::paren,
            Rule::list,
            Rule::condition,
            Rule::record,
            Rule::root,
            Rule::gradient,
            Rule::lambda,
            Rule::neg,
            Rule::not,
            Rule::argument,
            Rule::index,
            Rule::assignment,
            Rule::lambda_head,
        ])
    }

    fn expects_value(&self) -> bool {
        self.expects(&[Rule::equals, Rule::draws])
    }

    fn at_end(&self) -> bool {
        self.token(self.index).is_none_or(|t| {
            matches!(t.kind, Kind::Newline | Kind::Semicolon | Kind::Close | Kind::HoleClose | Kind::Comma)
        })
    }

    fn is_word(&self, index: usize) -> bool {
        self.token(index).is_some_and(|t| t.kind == Kind::Word)
    }

    /// The innermost bracket open at the failure, if it was opened in this statement.
    fn bracket(&self) -> Option<usize> {
        let mut depth = 0;
        for i in (self.first..self.index.min(self.tokens.len())).rev() {
            match self.tokens[i].kind {
                Kind::Close | Kind::HoleClose => depth += 1,
                Kind::Open | Kind::HoleOpen if depth == 0 => return Some(i),
                Kind::Open | Kind::HoleOpen => depth -= 1,
                _ => {}
            }
        }
        None
    }

    fn bracket_text(&self) -> &str {
        self.bracket().map_or("", |i| self.tokens[i].text(self.text))
    }

    // What it looks like.

    fn keyword_as_name(&self) -> Option<Diagnostic> {
        let found = self.found();
        let names =
            self.expects(&[Rule::name, Rule::pattern, Rule::parameter, Rule::generics]) && !self.expects_operand();
        let declared = matches!(self.previous_text(), "let" | "var" | "param" | "lattice" | "fn" | "for" | ".");
        if !RESERVED.contains(&found) || !(names || declared) {
            return None;
        }
        let help = format!("take another name: `{found}_1`, or one that says more");
        Some(
            Diagnostic::error(format!("`{found}` is a word of the language and cannot be a name"))
                .label(&self.here(), "a name should stand here")
                .help(help),
        )
    }

    /// `param as = 3`, where the conversion `as` was read behind a name.
    fn keyword_behind_head(&self) -> Option<Diagnostic> {
        let word = self.previous().filter(|i| *i == self.first + 1)?;
        let text = self.tokens[word].text(self.text);
        let declares = matches!(self.head_word(), "param" | "lattice" | "process" | "action" | "layer" | "network");
        if !declares || !RESERVED.contains(&text) {
            return None;
        }
        Some(
            Diagnostic::error(format!("`{text}` is a word of the language and cannot be a name"))
                .label(&self.span(word), "a name should stand here")
                .help(format!("take another name: `{text}_1`, or one that says more")),
        )
    }

    /// `let my-name = 3`, `let a.b = 3`, `let my name = 3`; `double x = 3` and `Let x = 3`; `print x`.
    fn not_a_name(&self) -> Option<Diagnostic> {
        if let Some(word) = self.keyword_behind_head() {
            return Some(word);
        }
        let previous = self.previous().filter(|i| self.is_word(*i))?;
        let text = |i: usize| self.text_of(self.token(i));
        let declares = matches!(self.head_word(), "let" | "var" | "param" | "lattice");
        if declares && previous == self.first + 1 {
            let parts: Vec<usize> = (previous..self.tokens.len()).take_while(|i| !matches!(text(*i), "=" | "~" | ":" | "\n" | ";")).collect();
            let is_part = |i: &usize| self.is_word(*i) || matches!(text(*i), "-" | ".");
            let ends = parts.last().is_some_and(|i| matches!(text(i + 1), "=" | "~" | ":"));
            if parts.len() > 1 && ends && parts.iter().all(is_part) {
                let span = self.span(previous).to(&self.span(*parts.last()?));
                let name = span.text().replace(['-', '.', ' '], "_");
                return Some(
                    Diagnostic::error(format!("`{}` is not a name", span.text()))
                        .label(&span, "names are letters, digits and `_`")
                        .help(format!("write `{} {name} = …`", self.head_word())),
                );
            }
        }
        if previous != self.first || !self.is_word(self.index) || RESERVED.contains(&self.found()) {
            return None;
        }
        let (first, second) = (text(previous), self.found());
        match text(self.index + 1) {
            "=" | "~" => Some(
                Diagnostic::error("a name is declared with `let`")
                    .label(&self.span(previous), "not part of the language")
                    .help(format!("write `let {second} {} …`, or `var {second} = …` if it is to change; a type stands behind the name, `let x: real = …`", text(self.index + 1))),
            ),
            "\n" | ";" | "" => Some(
                Diagnostic::error("a call has brackets around its arguments")
                    .label(&self.here(), "an argument without brackets")
                    .label(&self.span(previous), "the function")
                    .help(format!("write `{first}({second})`")),
            ),
            _ => None,
        }
        .filter(|_| !matches!(first, "d" | "noise"))
    }

    /// Slips in the heads of declarations: `fn f(real x)`, `process p[x: real]`, `process p(x: real) = …`, `fn f(x, a: 2)`, `param L = 8, "sites"`.
    fn declared_head(&self) -> Option<Diagnostic> {
        let head = self.head_word();
        let here = self.here();
        let function = matches!(head, "fn" | "action" | "process" | "layer" | "network");
        let in_parameters = function && self.bracket() == Some(self.first + 2);
        let name = self.text_of(self.token(self.first + 1));
        if in_parameters && self.bracket_text() == "[" && self.found() == ":" {
            return Some(
                Diagnostic::error("parameters stand in round brackets")
                    .label(&self.span(self.first + 2), "`(` should stand here")
                    .help(format!("write `{head} {name}({}: …)`", self.previous_text())),
            );
        }
        let words = self.previous().filter(|i| self.is_word(*i) && self.is_word(self.index));
        if let (true, "(", Some(ty)) = (in_parameters, self.bracket_text(), words) {
            let (ty, parameter) = (self.tokens[ty].text(self.text), self.found());
            return Some(
                Diagnostic::error("the type of a parameter stands behind its name")
                    .label(&here, "the name")
                    .label(&self.span(self.previous()?), "a type before it")
                    .help(format!("write `{parameter}: {}`", if matches!(ty, "double" | "float") { "real" } else { ty })),
            );
        }
        let value = self.token(self.index).is_some_and(|t| matches!(t.kind, Kind::Number | Kind::Text));
        if in_parameters && self.previous_text() == ":" && value {
            let parameter = self.before(self.previous()?).map_or("a", |i| self.tokens[i].text(self.text));
            return Some(
                Diagnostic::error("behind the `:` of a parameter its type stands, and its default behind `=`")
                    .label(&here, "a value")
                    .label(&self.span(self.previous()?), "`=` should stand here")
                    .help(format!("write `{parameter} = {}`", self.found())),
            );
        }
        if head == "process" && self.found() == "=" && self.bracket().is_none() && self.expects(&[Rule::process_block]) {
            return Some(
                Diagnostic::error("a process has a block with a line for each of its states")
                    .label(&here, "`{` should stand here")
                    .help(format!("write `process {name}(x: real) {{ d x = … * dt + … * dW }}`")),
            );
        }
        let text = self.after(self.index).is_some_and(|i| self.tokens[i].kind == Kind::Text);
        if head == "param" && self.found() == "," && text {
            return Some(
                Diagnostic::error("no comma stands before the help of a `param`")
                    .label(&here, "take it away")
                    .help(format!("write `{} {}`", self.text[self.tokens[self.first].start..here.start].trim_end(), self.text_of(self.after(self.index).and_then(|i| self.token(i))))),
            );
        }
        None
    }

    fn known_word(&self) -> Option<Diagnostic> {
        let here = self.here();
        let head = self.head_word();
        match self.found() {
            "else" => Some(
                Diagnostic::error("this `else` has no `if`")
                    .label(&here, "belongs to nothing")
                    .help("write `if … { … } else { … }`, with `else` on the line of the `}`"),
            ),
            word @ ("then" | "do" | "begin") if matches!(head, "if" | "for" | "while") || self.in_condition() => Some(
                Diagnostic::error(format!(
                    "what belongs to `{}` stands in braces",
                    if self.in_condition() { "if" } else { head }
                ))
                .label(&here, format!("there is no `{word}`"))
                .help(match head {
                    "while" => "write `while x > 0 { … }`",
                    "for" => "write `for i in n { … }`",
                    _ => "write `if x > 0 { … } else { … }`",
                }),
            ),
            "mod" => Some(
                Diagnostic::error("the remainder is written `%`")
                    .label(&here, "not part of the language")
                    .help("write `a % b`"),
            ),
            "is" => Some(
                Diagnostic::error("two values are compared with `==`")
                    .label(&here, "not part of the language")
                    .help("write `a == b`"),
            ),
            "in" if head == "for" && self.bracket_text() == "(" => Some(
                Diagnostic::error("a `for` has no brackets around it")
                    .label(&here, "inside brackets")
                    .help("write `for x in A { … }`"),
            ),
            "fn" if self.expects_operand() => Some(
                Diagnostic::error("a function without a name is written with an arrow")
                    .label(&here, "declares a function with a name")
                    .help("write `x -> x^2`, `(x, y) -> x + y`, or declare the function before"),
            ),
            "for" if self.bracket().is_some() && self.bracket() == self.previous() && matches!(self.bracket_text(), "(" | "[") => {
                let open = self.bracket_text();
                let function = self.bracket().and_then(|i| i.checked_sub(1)).filter(|i| open == "(" && self.is_word(*i));
                let (function, close) = (function.map_or("", |i| self.tokens[i].text(self.text)), if open == "(" { ")" } else { "]" });
                Some(
                    Diagnostic::error("what is taken stands before the `for`, not behind it")
                        .label(&here, "nothing stands before it")
                        .help(format!("write `{function}{open}i^2 for i in 10{close}`")),
                )
            }
            "for" if self.previous_text() == "," => Some(
                Diagnostic::error("no comma stands before the `for`")
                    .label(&here, "belongs to what stands before the comma")
                    .help("write `sum(f(x) for x in A)`"),
            ),
            "for" if self.bracket().is_none() && self.previous().is_some() => Some(
                Diagnostic::error("`… for x in A` stands in brackets")
                    .label(&here, "outside of brackets")
                    .help("write `[f(x) for x in A]` for an array, `sum(f(x) for x in A)` for a sum"),
            ),
            "for" if self.previous().is_some_and(|i| self.tokens[i].ends_operand(self.text)) => Some(
                Diagnostic::error("a second set follows the first behind a comma, and a condition stands last")
                    .label(&here, "a second `for`")
                    .help("write `[f(x, y) for x in A, y in B]`, `sum(f(x, y) for x in A, y in B if x < y)`"),
            ),
            "if" if self.previous().is_some_and(|i| self.tokens[i].ends_operand(self.text)) && !self.expects_operand() => {
                let value = self.previous_text();
                Some(
                    Diagnostic::error("the condition of a choice stands before its values")
                        .label(&here, "behind a value")
                        .help(format!("write `if x > 0 {{ {value} }} else {{ … }}`")),
                )
            }
            "var" if self.bracket().is_some() && self.text_of(self.token(self.index + 1)) == "(" => Some(
                Diagnostic::error("`var` declares a name whose value changes")
                    .label(&here, "not a function")
                    .help("the variance is `variance(x)`, the standard deviation `√variance(x)`"),
            ),
            word @ ("let" | "var" | "fn" | "while" | "assert")
                if self.previous().is_some_and(|i| {
                    let ends = self.tokens[i].ends_operand(self.text) || self.tokens[i].text(self.text) == "}";
                    ends || self.tokens[i + 1..self.index].iter().all(|t| t.kind != Kind::Newline)
                }) => Some(
                Diagnostic::error("a new statement begins on a new line")
                    .label(&here, format!("`{word}` begins a statement"))
                    .help("begin a new line before it, or write `;`"),
            ),
            "//" if self.previous().is_none() => Some(super::messages::line_begins_with_operator(&here, "//", &here)),
            ";" if self.bracket_text() == "[" => Some(self.rows()),
            ";" if self.bracket().is_some() => Some(
                Diagnostic::error("a `;` ends a statement, and a bracket is still open")
                    .label(&here, "inside a bracket")
                    .help("values in brackets are separated by `,`"),
            ),
            "in" if !self.expects(&[Rule::in_word]) => Some(
                Diagnostic::error("`in` belongs to a `for`")
                    .label(&here, "no `for` stands before it")
                    .help("write `f(x) for x in A`, with what is taken before the `for`. Whether A has an element is `any(a == x for a in A)`"),
            ),
            _ => None,
        }
    }

    fn in_condition(&self) -> bool {
        (self.first..self.index.min(self.tokens.len())).any(|i| self.tokens[i].text(self.text) == "if")
    }

    fn equals_sign(&self) -> Option<Diagnostic> {
        let here = self.here();
        let found = self.found();
        if found == "==" && self.expects_value() {
            return Some(
                Diagnostic::error("a value is given with `=`; `==` compares")
                    .label(&here, "a single `=` should stand here")
                    .help(format!("write `{} = …`", self.text[self.tokens[self.first].start..here.start].trim_end())),
            );
        }
        if found != "=" {
            return None;
        }
        let word = self.previous().filter(|i| self.is_word(*i));
        let opened = self.bracket();
        if let (Some(word), Some(open), "(") = (word, opened, self.bracket_text())
            && self.before(open).is_some_and(|f| matches!(self.tokens[f].text(self.text), "sum" | "∑" | "prod" | "∏" | "mean" | "max" | "min" | "any" | "all" | "count"))
            && self.before(word) == Some(open)
        {
            let (reduction, name) = (self.tokens[self.before(open)?].text(self.text), self.tokens[word].text(self.text));
            return Some(
                Diagnostic::error(format!("what `{reduction}` runs over stands behind what it takes, after a `for`"))
                    .label(&here, "`in` belongs here")
                    .label(&self.span(word), "runs over something")
                    .help(format!("write `{reduction}(f({name}) for {name} in 1..10)`, over a set `{reduction}(f({name}) for {name} in A)`")),
            );
        }
        let argument =
            word.and_then(|w| self.before(w)).filter(|b| self.tokens[*b].kind == Kind::Comma || Some(*b) == opened);
        if let (Some(word), Some(comma), "(") = (word, argument, self.bracket_text()) {
            let name = self.tokens[word].text(self.text);
            let value = self.text[here.end..].split([',', ')', '\n']).next().unwrap_or("").trim();
            let function = opened.and_then(|open| self.before(open)).map_or("", |i| self.tokens[i].text(self.text));
            if let ("sum" | "∑" | "prod" | "∏", Some(open), true) = (function, opened, value.contains([':', '.'])) {
                let term = self.text[self.tokens[open].end..self.tokens[comma].start].trim();
                return Some(
                    Diagnostic::error(format!("what `{function}` runs over stands behind what it takes, after a `for`"))
                        .label(&here, "`in` belongs here")
                        .label(&self.span(comma), "`for` belongs here")
                        .help(format!("write `{function}({term} for {name} in {})`", value.replacen(':', "..", 1))),
                );
            }
            let value = if value.is_empty() || value.contains(['(', '[', '{', '"']) { "…" } else { value };
            return Some(
                Diagnostic::error("an argument is named with `:`")
                    .label(&here, "`:` should stand here")
                    .label(&self.span(word), "the name")
                    .help(format!("write `{name}: {value}`. Two values are compared with `==`")),
            );
        }
        if self.expects(&[Rule::in_word]) {
            return Some(self.for_without_in());
        }
        let assigned = (self.first..self.index).any(|i| matches!(self.tokens[i].text(self.text), "=" | "~"));
        if assigned && opened.is_none() {
            return Some(
                Diagnostic::error("a statement gives one value")
                    .label(&here, "the second `=`")
                    .help("write two lines; to compare, write `==`"),
            );
        }
        if self.expects(&[Rule::parameters, Rule::annotation, Rule::type_expr, Rule::name, Rule::string]) {
            return None;
        }
        let left = word.map_or("a", |i| self.tokens[i].text(self.text));
        Some(
            Diagnostic::error("`=` gives a name a value; two values are compared with `==`")
                .label(&here, "`==` should stand here")
                .help(format!("write `{left} == …`")),
        )
    }

    fn for_without_in(&self) -> Diagnostic {
        let name = self.previous_text();
        let without = Diagnostic::error("`for` runs over something, and `in` says over what").label(&self.here(), "`in` should stand here");
        if self.here().text() == "," {
            return without.help(format!("each name has a set of its own: `for {name} in A, y in B`; of pairs it is `for ({name}, y) in zip(a, b)`"));
        }
        without.help(format!(
            "write `for {name} in 1..10`, `for {name} in n` for 0 … n-1, or `for {name} in A` for an array"
        ))
    }

    /// What is no line of a process; `dφ = …` above all.
    fn process_line(&self) -> Option<Diagnostic> {
        if !self.expects(&[Rule::d_word, Rule::noise_word]) {
            return None;
        }
        let here = self.here();
        let word = self.found();
        let equals = self.after(self.index).is_some_and(|i| self.tokens[i].text(self.text) == "=");
        Some(match word.strip_prefix('d').filter(|state| !state.is_empty() && equals) {
            Some(state) => {
                Diagnostic::error(format!("`{word}` is a name of its own: the differential of a state is two words"))
                    .label(&here, "a space is missing")
                    .help(format!("write `d {state} = …`"))
            }
            None => Diagnostic::error("a process has lines `d x = …`, `noise dB: …` and `let …`")
                .label(&here, "none of these")
                .help("write `d x = … * dt + … * dW`, one line for each state"),
        })
    }

    fn colon(&self) -> Option<Diagnostic> {
        if self.found() != ":" {
            return None;
        }
        let here = self.here();
        let head = self.head_word();
        if let Some(range) = self.range_with_colon() {
            return Some(range);
        }
        if self.bracket_text() == "[" {
            return Some(
                Diagnostic::error("a part of an array is a range, written with `..`")
                    .label(&here, "`..` should stand here")
                    .help(self.part()),
            );
        }
        if self.bracket().is_none() && matches!(head, "for" | "while" | "if" | "else") {
            return Some(super::messages::colon_for_block(&here, &self.span(self.first), head));
        }
        if self.bracket().is_none() && matches!(head, "let" | "var" | "param")
            && self.is_word(self.index + 1)
            && self.is_word(self.first + 1)
            && !matches!(self.text_of(self.token(self.index + 2)), "->" | "→")
        {
            let (name, ty) = (self.text_of(self.token(self.first + 1)), self.text_of(self.token(self.index + 1)));
            return Some(
                Diagnostic::error("a type stands behind the name, not behind the value")
                    .label(&here, "gives the type of a name where that is declared")
                    .help(format!("write `{head} {name}: {ty} = …`; a value is made a `{ty}` by `x as {ty}`")),
            );
        }
        let word = self.previous().filter(|i| self.is_word(*i))?;
        let name = self.tokens[word].text(self.text);
        if self.bracket_text() == "(" {
            return Some(
                Diagnostic::error("here no type can stand")
                    .label(&here, "a `:` gives the type of a parameter, or names an argument")
                    .help("the parameters of a function without a name have no types: write `x -> …`, or declare it with `fn`"),
            );
        }
        if word == self.first && matches!(name, "let" | "var" | "param") {
            return Some(
                Diagnostic::error(format!("`{name}` needs a name"))
                    .label(&here, "before this")
                    .help(format!("write `{name} x: real = …`")),
            );
        }
        if word == self.first {
            return Some(
                Diagnostic::error("a new name is declared with `let`")
                    .label(&self.span(word), "`let` is missing before it")
                    .help(format!("write `let {name}: … = …`, or `var {name}: … = …` if it is to change")),
            );
        }
        if self.bracket().is_none() {
            return Some(
                Diagnostic::error("here no type can stand")
                    .label(&here, "a `:` gives the type of a name where that is declared")
                    .help("write `let x: real = …`, `fn f(x: real) = …`; a value is made a `real` by `x as real`"),
            );
        }
        if self.bracket_text() == "{" {
            return Some(
                Diagnostic::error("this `{` opens a block, not a record")
                    .label(&here, "a `:` names a member of a record")
                    .help(format!("a record as the value of a block has braces of its own: `{{ {{{name}: …}} }}`")),
            );
        }
        None
    }

    /// What to write for `x[0:2]`, `x[1:]`, `x[:-1]`, `x[::2]`.
    fn part(&self) -> String {
        let whole = "write `x[2..5]`; `x[..]` is the whole".to_string();
        let Some(open) = self.bracket() else { return whole };
        let array = open.checked_sub(1).filter(|i| self.is_word(*i)).map_or("x", |i| self.tokens[i].text(self.text));
        let inside = self.text[self.tokens[open].end..].split([']', '\n']).next().unwrap_or("");
        if inside.contains(',') {
            let indices: Vec<&str> = inside.split(',').map(|index| if index.trim() == ":" { ".." } else { index.trim() }).collect();
            return if indices.iter().any(|index| index.contains(':')) { whole } else { format!("write `{array}[{}]`", indices.join(", ")) };
        }
        let ends: Vec<&str> = inside.split(':').map(str::trim).collect();
        let plain = |end: &str| end.chars().all(|c| super::tokens::is_letter(c) || c.is_ascii_digit() || matches!(c, '-' | '+' | '*' | ' '));
        match ends[..] {
            [from, to] if plain(from) && plain(to) && inside.len() < 30 => {
                let end = match to.strip_prefix('-') {
                    _ if to == "end" => format!("{array}.entries"),
                    _ if from.is_empty() && to.is_empty() => return format!("write `{array}[..]` for the whole, or the name alone"),
                    Some(back) => format!("{array}.entries - {}", back.trim()),
                    None if to.is_empty() => format!("{array}.entries"),
                    None => to.to_string(),
                };
                let from = match from.strip_prefix('-') {
                    Some(back) => format!("{array}.entries - {}", back.trim()),
                    None if from.is_empty() => "0".to_string(),
                    None => from.to_string(),
                };
                format!("write `{array}[{from}..{end}]`; the upper end is not part of it, as in Python")
            }
            [_, _, step] if !step.is_empty() && step.chars().all(|c| c.is_ascii_digit()) => {
                format!("a range has no step: write `[{array}[{step}*i] for i in {array}.entries // {step}]`")
            }
            _ => whole,
        }
    }

    /// `for i in 1:10`
    fn range_with_colon(&self) -> Option<Diagnostic> {
        let word = (self.first..self.index).rev().find(|i| matches!(self.tokens[*i].text(self.text), "in" | "∈" | "{"))?;
        let end = self.token(self.index + 1).filter(|t| matches!(t.kind, Kind::Number | Kind::Word))?;
        // `for i in n: print(i)` is no range, but a block.
        let is_end = end.kind == Kind::Number || matches!(self.text_of(self.token(self.index + 2)), "\n" | "" | "{" | ")" | "]" | "," | "+" | "-" | "*" | "/" | "//" | "do");
        if !is_end || self.tokens[word].text(self.text) == "{" || self.bracket().is_some_and(|open| open > word) || word + 1 == self.index {
            return None;
        }
        let from = self.text[self.tokens[word].end..self.tokens[self.index].start].trim();
        let end = end.text(self.text);
        let behind = end.parse::<i64>().map_or(format!("{end} + 1"), |n| format!("{}", n.saturating_add(1)));
        Some(
            Diagnostic::error("a range is written with `..`")
                .label(&self.here(), "`..` should stand here")
                .help(format!("write `{from}..{behind}` if {end} belongs to it, `{from}..{end}` if not: the upper end is not part of a range")),
        )
    }

    /// `[1, 2; 3, 4]`
    fn rows(&self) -> Diagnostic {
        Diagnostic::error("a matrix is written as an array of its rows")
            .label(&self.here(), if self.found() == ";" { "does not separate rows" } else { "`,` should stand before this" })
            .help("write `[[1, 2], [3, 4]]`")
    }

    /// `(* … *)`, `% …`, `-- …`, `let x = 2 // twice as many`
    fn comment(&self) -> Option<Diagnostic> {
        let here = self.here();
        let comment = |at: &Span, sign: &str, is: &str| {
            let found = Diagnostic::error("a comment begins with `#`").label(at, format!("`{sign}` {is}"));
            Some(found.help("write `# …`"))
        };
        let found = self.found();
        let previous = self.previous();
        if found == "*" && previous.is_some_and(|i| self.tokens[i].text(self.text) == "(" && self.tokens[i].end == here.start) {
            return comment(&self.span(previous?).to(&here), "(*", "has no meaning");
        }
        if found == "%" && previous.is_none() {
            return comment(&here, "%", "is the remainder of a division");
        }
        let line = self.tokens[..self.index].iter().rposition(|t| t.kind == Kind::Newline).map_or(0, |i| i + 1).max(self.first);
        let slashes = (line..self.index).find(|i| self.tokens[*i].text(self.text) == "//")?;
        let words = [previous?, self.index].iter().all(|i| *i > slashes && self.is_word(*i));
        let heads = ["then", "do", "begin", "for", "else", "if", "in", "let", "var", "fn", "while", "assert", "mod"];
        if !words || heads.contains(&found) {
            return None;
        }
        comment(&self.span(slashes), "//", "is the division that rounds down")
    }

    fn arrow(&self) -> Option<Diagnostic> {
        if !matches!(self.found(), "->" | "→") {
            return None;
        }
        let here = self.here();
        if self.expects(&[Rule::annotation, Rule::block]) {
            return Some(
                Diagnostic::error("the type of the result stands behind a `:`")
                    .label(&here, "`:` should stand here")
                    .help("write `fn f(x): real = …`; the value itself stands behind `=`: `fn f(x) = …`"),
            );
        }
        Some(
            Diagnostic::error("before `->` the parameters of a function stand: a name, or names in brackets")
                .label(&here, "what stands before it cannot be parameters")
                .help("write `x -> x^2` or `(x, y) -> x + y`; inside a larger expression, with brackets around the whole: `(x -> x^2)`"),
        )
    }

    fn comma(&self) -> Option<Diagnostic> {
        if self.found() != "," || self.bracket().is_some() {
            return None;
        }
        let here = self.here();
        let names = self.text[self.tokens[self.first].start..].split(['=', '~', '{', '\n']).next().unwrap_or("").trim();
        match self.head_word() {
            word @ ("let" | "var" | "for")
                if self.expects(&[Rule::annotation, Rule::equals, Rule::draws, Rule::in_word]) =>
            {
                let names = names.strip_prefix(word).unwrap_or(names).split(" in ").next().unwrap_or("").trim();
                let rest = if word == "for" { "in …" } else { "= …" };
                Some(
                    Diagnostic::error("several names at once stand in brackets")
                        .label(&here, "a list of names without brackets")
                        .help(format!("write `{word} ({names}) {rest}`")),
                )
            }
            "for" => Some(
                Diagnostic::error("a `for` with a block runs over one set")
                    .label(&here, "a second one")
                    .help("write one `for` inside the other, or `for (a, b) in zip(A, B) { … }`"),
            ),
            _ if self.decimal_comma() => Some(
                Diagnostic::error("a number has a decimal point, and no comma")
                    .label(&here, "between two digits")
                    .help("write `1.5`; thousands may be set apart as `1_000`. Several values stand in brackets, `(1, 5)`, `[1, 5]`"),
            ),
            "let" | "var" if self.after(self.index).and_then(|i| self.after(i)).is_some_and(|i| self.tokens[i].text(self.text) == "=") => Some(
                Diagnostic::error("each `let` has a line of its own")
                    .label(&here, "a second one begins behind it")
                    .help(format!("write `{} {} = …` on the next line, or `let (a, b) = (1, 2)`", self.head_word(), self.after(self.index).map_or("b", |i| self.tokens[i].text(self.text)))),
            ),
            "use" | "param" | "lattice" => Some(
                Diagnostic::error(format!("each `{}` has a line of its own", self.head_word()))
                    .label(&here, "a list")
                    .help("write one line for each"),
            ),
            _ if self.is_word(self.index + 1) && self.text_of(self.token(self.index + 2)) == "->" => Some(
                Diagnostic::error("the parameters of a function stand in brackets")
                    .label(&here, "a list without brackets")
                    .help(format!("write `({}, {}) -> …`", self.previous_text(), self.text_of(self.token(self.index + 1)))),
            ),
            _ => Some(
                Diagnostic::error("several values at once stand in brackets")
                    .label(&here, "a list without brackets")
                    .help("write `(a, b)` for a tuple, `[a, b]` for an array"),
            ),
        }
    }

    /// `1,5`, without spaces
    fn decimal_comma(&self) -> bool {
        let digits = |t: Option<Token>| t.is_some_and(|t| t.kind == Kind::Number);
        let (before, comma, after) = (self.token(self.index.wrapping_sub(1)), self.token(self.index), self.token(self.index + 1));
        let touch = |a: Option<Token>, b: Option<Token>| a.zip(b).is_some_and(|(a, b)| a.end == b.start);
        digits(before) && digits(after) && touch(before, comma) && touch(comma, after)
    }

    fn half_range(&self) -> Option<Diagnostic> {
        let here = self.here();
        let in_index = self.bracket_text() == "[";
        let behind = self.previous_text() == ".." && (in_index || self.at_end());
        let before = self.found() == ".." && self.expects_operand();
        if !behind && !before {
            return None;
        }
        Some(
            Diagnostic::error("a range has two ends")
                .label(&here, if behind && self.at_end() { "the end is missing" } else { "the beginning is missing" })
                .help("write `x[0..n]`, `x[2..5]`; `x[..]` is the whole"),
        )
    }

    /// Heads of declarations and of blocks.
    fn head(&self) -> Option<Diagnostic> {
        let here = self.here();
        let head = self.head_word();
        let found = self.found();
        if self.expects(&[Rule::in_word]) {
            return Some(self.for_without_in());
        }
        if self.expects(&[Rule::type_expr, Rule::tuple_type, Rule::record_type, Rule::group_type])
            && !self.expects_operand()
        {
            return Some(
                Diagnostic::error("here a type should stand")
                    .label(&here, if self.at_end() { "a type is missing" } else { "not a type" })
                    .help("types are `real`, `f32`, `complex`, `int`, `bool`, `string`, arrays `real[n, m]`, `SU(3)[…]`, tuples `(real, int)`, records `{a: real}`"),
            );
        }
        let annotated =
            self.previous().and_then(|i| self.before(i)).is_some_and(|i| self.tokens[i].text(self.text) == ":");
        if found == "[" && matches!(head, "let" | "var") && self.previous_text() == "]" && self.expects_value() {
            return Some(
                Diagnostic::error("the index sets of an array stand in one pair of brackets")
                    .label(&here, "a second pair")
                    .help("write `real[n, m]`"),
            );
        }
        if found == "(" && annotated && self.expects(&[Rule::dims]) {
            return Some(
                Diagnostic::error("of types only `SU(…)`, `site(…)` and `direction(…)` have such brackets")
                    .label(&here, "not part of a type")
                    .help("arrays are `real[n, m]`, groups `SU(3)` and `U1`"),
            );
        }
        if matches!(head, "let" | "var") && found == "(" && self.expects_value() && self.index == self.first + 2 {
            let name = self.previous_text();
            return Some(
                Diagnostic::error("a function is declared with `fn`")
                    .label(&here, "the parameters of a function")
                    .help(format!("write `fn {name}(…) = …`, or `let {name} = x -> …`")),
            );
        }
        if self.expects(&[Rule::parameters]) {
            let name = self.previous_text();
            return Some(
                Diagnostic::error(format!("`{name}` has no parameters"))
                    .label(&here, "`(` should stand here")
                    .help(format!("write `{head} {name}(x) …`; without any, `{name}()`")),
            );
        }
        if head == "test" && self.index == self.first + 1 {
            return Some(
                Diagnostic::error("a test has a title")
                    .label(&here, "the title should stand here")
                    .help("write `test \"what is tested\" { … }`"),
            );
        }
        if self.expects(&[Rule::block, Rule::process_block]) && !self.expects_operand() {
            return Some(if self.expects_value() { self.missing_value() } else { self.missing_block() });
        }
        let declares =
            matches!(head, "param" | "lattice" | "use" | "process" | "action" | "layer" | "network" | "weight");
        if self.expects(&[Rule::name]) && declares && self.index == self.first + 1 && self.begins_declared() {
            return Some(self.missing_name());
        }
        let after_operand = self.expects(&[Rule::pipe_op]);
        if self.expects_value()
            && (self.at_end() || matches!(head, "let" | "var" | "param" | "lattice") || (head == "d" && !after_operand))
        {
            return Some(self.missing_value());
        }
        if self.expects(&[Rule::label]) && !self.expects_operand() {
            return Some(
                Diagnostic::error("a member of a record has a name")
                    .label(&here, "a name and `:` should stand here")
                    .help(format!("write `{}: …`", if self.is_word(self.index) { found } else { "a" })),
            );
        }
        if self.expects(&[Rule::name, Rule::pattern, Rule::parameter]) && !self.expects_operand() {
            return Some(self.missing_name());
        }
        if self.expects(&[Rule::annotation]) && head == "weight" {
            return Some(
                Diagnostic::error("a weight is declared with its type")
                    .label(&here, "`:` and a type should stand here")
                    .help("write `weight W: f32[n, m] ~ normal(0, 1)`"),
            );
        }
        None
    }

    fn missing_name(&self) -> Diagnostic {
        if self.found() == "(" && self.previous_text() == "." {
            return Diagnostic::error("functions act on arrays element by element, without a point")
                .label(&self.here(), "a call")
                .help("write `sin(x)`: of an array it is the array of the sines");
        }
        Diagnostic::error("here a name should stand")
            .label(&self.here(), if self.at_end() { "a name is missing" } else { "not a name" })
            .help("names are letters, digits and `_`, and do not begin with a digit")
    }

    /// Behind a word that declares, what cannot go on an expression that begins with that word as a name.
    fn begins_declared(&self) -> bool {
        self.token(self.index).is_some_and(|t| matches!(t.kind, Kind::Number | Kind::Text | Kind::Word))
    }

    fn missing_block(&self) -> Diagnostic {
        let heads = ["for", "while", "if", "else", "process", "test", "fn", "action", "layer", "network"];
        let words = (self.first..self.index).rev().map(|i| self.tokens[i].text(self.text));
        let head = words.into_iter().find(|w| heads.contains(w)).unwrap_or("if");
        if head == "process" && self.found() == ":" {
            return Diagnostic::error("a process has no type of its own: its states have")
                .label(&self.here(), "not part of the language")
                .help("write `process p(x: real) { d x = … * dt + … * dW }`: states with their types in brackets, t is known inside");
        }
        Diagnostic::error(format!("the block of this `{head}` is missing"))
            .label(&self.here(), "`{` should stand here")
            .help("a block stands in braces, `{ … }`, which open on the line of its head")
    }

    /// `let x' = 1`, `let σ² = 1`
    fn decorated_name(&self) -> Option<Diagnostic> {
        let previous = self.previous().filter(|i| self.is_word(*i) && self.tokens[*i].end == self.here().start)?;
        let (name, mark) = (self.tokens[previous].text(self.text), self.found());
        let digits: String = mark.chars().filter_map(|c| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().position(|d| d == c)).map(|d| d.to_string()).collect();
        let plain = match (mark, digits.as_str()) {
            ("'" | "′", _) => format!("{name}_prime"),
            (_, "") => return None,
            (_, "2") => format!("{name}_squared"),
            (_, digits) => format!("{name}_{digits}"),
        };
        let whole = self.span(previous).to(&self.here());
        Some(
            Diagnostic::error(format!("`{}` is not a name", whole.text()))
                .label(&whole, "names are letters, digits and `_`")
                .help(format!("write `{} {plain} = …`", self.head_word())),
        )
    }

    fn missing_value(&self) -> Diagnostic {
        if let Some(diagnostic) = self.decorated_name() {
            return diagnostic;
        }
        // Of other languages' words for it the parser has been given `fn`.
        let head = if matches!(self.head_word(), "function" | "func" | "fun" | "def") { "fn" } else { self.head_word() };
        let written = self.text[self.tokens[self.first].start..self.here().start].trim_end();
        let written = &written.replacen(self.head_word(), head, 1);
        let name = self.after(self.first).map_or("x", |i| self.tokens[i].text(self.text));
        match head {
            "fn" | "action" | "layer" | "network" => Diagnostic::error(format!("`{name}` has no body"))
                .label(&self.here(), "`=` or `{` should stand here")
                .help(format!("write `{written} = …`, or `{written} {{ … }}`")),
            "d" if self.here().text() == "[" => Diagnostic::error("a `d` line is of a whole state, not of one of its components")
                .label(&self.here(), "one component")
                .help(format!("write all of them: `d {name} = [{name}[1], -{name}[0]] * dt`, or give each a name of its own as a state")),
            "d" => Diagnostic::error("this line has no right side")
                .label(&self.here(), "`=` should stand here")
                .help(format!("write `{written} = … * dt + … * dW`")),
            "param" | "lattice" => Diagnostic::error(format!("`{name}` gets no value"))
                .label(&self.here(), "`=` and a value should stand here")
                .help(format!("write `{written} = …`")),
            _ => Diagnostic::error(format!("`{name}` gets no value"))
                .label(&self.here(), "`=` and a value should stand here")
                .help(format!("write `{written} = …`, or `{written} ~ …` for a draw")),
        }
    }

    fn missing_operand(&self) -> Option<Diagnostic> {
        if !self.expects_operand() {
            return None;
        }
        let here = self.here();
        let previous = self.previous()?;
        let token = self.tokens[previous];
        let text = token.text(self.text);
        if token.ends_operand(self.text) && !(token.kind == Kind::Word && self.begins_after(text)) {
            return None;
        }
        if token.kind == Kind::HoleOpen {
            return Some(
                Diagnostic::error("between the braces of this string a value should stand")
                    .label(&here, "nothing that can be a value")
                    .help("write `{x}`; a brace itself is `{{`"),
            );
        }
        let found = self.found();
        let message = match self.at_end() {
            true => format!("behind `{text}` an expression is missing"),
            false => format!("behind `{text}` an expression should stand, not `{found}`"),
        };
        if found == "~" {
            return Some(
                Diagnostic::error("a number is drawn by a statement of its own, not inside an expression")
                    .label(&here, "draws")
                    .help("give the number a name first: `let x ~ normal(0, 1)`"),
            );
        }
        let label = if self.at_end() { "a value should stand here" } else { "not the beginning of a value" };
        Some(
            Diagnostic::error(message)
                .label(&here, label)
                .label(&self.span(previous), "goes on from here")
                .help("write a number, a name, a call or brackets"),
        )
    }

    /// Words that are names elsewhere, and behind which a value stands.
    fn begins_after(&self, word: &str) -> bool {
        word == "o" && self.previous().is_some_and(|i| i > self.first)
    }

    fn side_by_side(&self) -> Option<Diagnostic> {
        let token = self.token(self.index)?;
        let previous = self.previous()?;
        let before = self.tokens[previous];
        let begins = token.begins_operand(self.text) || token.kind == Kind::Word;
        if !before.ends_operand(self.text) || !begins {
            return None;
        }
        let here = self.here();
        let (left, right) = (before.text(self.text), token.text(self.text));
        if left == "d" && previous == self.first {
            return Some(
                Diagnostic::error(format!("`d {right} = …` stands only in a process"))
                    .label(&self.span(previous), "not inside `process … { }`")
                    .help(format!("write `process p({right}) {{ d {right} = … * dt + … * dW }}`")),
            );
        }
        if left == "noise" && previous == self.first {
            return Some(
                Diagnostic::error("a noise is declared only in a process")
                    .label(&self.span(previous), "not inside `process … { }`")
                    .help("write `process p(x) { noise dB: real[k]; d x = B @ dB }`"),
            );
        }
        if left == "do" && previous == self.first && right == "{" {
            return Some(
                Diagnostic::error("the condition of a loop stands at its head")
                    .label(&self.span(previous), "not part of the language")
                    .help("write `while x > 0 { … }`; what is to be done once at least stands before it as well"),
            );
        }
        if self.bracket_text() == "[" && self.text[here.start..].split([']', '\n']).next().is_some_and(|rest| rest.contains(';')) {
            return Some(self.rows());
        }
        if before.kind == Kind::Close && left == "}" && self.bracket().is_none() {
            return Some(
                Diagnostic::error("a new statement begins on a new line")
                    .label(&here, "a second statement on the line of a `}`")
                    .help("begin a new line before it, or write `;`"),
            );
        }
        if before.kind == Kind::Word && token.kind == Kind::Text {
            return Some(
                Diagnostic::error("a call has brackets around its arguments")
                    .label(&here, "an argument without brackets")
                    .label(&self.span(previous), "the function")
                    .help(format!("write `{left}({right}…)`").replace("\"…)", "\")")),
            );
        }
        if token.kind == Kind::Text && before.kind == Kind::Text {
            if left == "\"\"" && before.end == token.start {
                return Some(super::messages::three_quotes(&self.span(previous)));
            }
            return Some(
                Diagnostic::error("two strings stand side by side")
                    .label(&here, "the second string")
                    .help("write one string; values in it stand in braces: `\"a {x} b\"`"),
            );
        }
        if token.kind == Kind::Text && self.head_word() == "assert" {
            return Some(
                Diagnostic::error("a `,` stands before the message of an `assert`")
                    .label(&here, "the message")
                    .help(format!("write `assert …, {right}`")),
            );
        }
        let comment = self.tokens[self.first..previous].iter().rev().find(|t| t.text(self.text) == "//");
        let left = last_line(left);
        let diagnostic = Diagnostic::error(format!("between `{left}` and `{right}` something is missing"))
            .label(&here, "an operator, a comma or a new line should stand before this");
        let plain = |t: Token| matches!(t.kind, Kind::Word | Kind::Number);
        let (left, right) = if plain(before) && plain(token) { (left, right) } else { ("a", "b") };
        Some(match comment {
            Some(_) => diagnostic.help("a comment begins with `#`: `//` is the division that rounds down"),
            None if self.bracket().is_some() => diagnostic.help(format!("a product is written `{left} * {right}`; members of a list are separated by `,`")),
            None if before.kind == Kind::Word => diagnostic.help(format!("a product is written `{left} * {right}`, a call `{left}({right})`; a new statement begins on a new line")),
            None => diagnostic.help(format!("a product is written `{left} * {right}`; a new statement begins on a new line")),
        })
    }

    fn anything_else(&self) -> Diagnostic {
        let here = self.here();
        let message = match self.found() {
            "" | "\n" => "this statement is not complete".to_string(),
            found => format!("`{}` cannot stand here", last_line(found)),
        };
        let help = match self.previous() {
            Some(i) => format!(
                "what stands before it, `{}`, does not go on like this",
                last_line(self.tokens[i].text(self.text))
            ),
            None if self.found() == "@" => "leave it out: `@` is the matrix product, and functions need nothing before them".to_string(),
            None => "a statement begins with `let`, `for`, `fn`, … or is an expression".to_string(),
        };
        Diagnostic::error(message).label(&here, "not understood").help(help)
    }
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or(text)
}
