//! Habits from elsewhere that can be told from a few pieces of text: `x += 1`, `&&`, `elif`, typographic quotes, …
//!
//! Each is answered in words before the parser runs. Where a spelling of the same length would have been right, the
//! parser gets that, and finds what else is wrong; otherwise it does not see the statement.

use super::messages;
use super::tokens::{Kind, Token};
use crate::diagnostic::Diagnostic;
use crate::source::{Source, Span};
use std::sync::Arc;

pub struct Slip {
    /// None where it has been said already.
    pub diagnostic: Option<Diagnostic>,
    pub remedy: Remedy,
}

pub enum Remedy {
    /// Write this over the text at this place, and go on.
    Instead(usize, String),
    /// Leave out the statement around this place.
    Drop(usize),
}

pub fn find(source: &Arc<Source>, tokens: &[Token]) -> Vec<Slip> {
    let mut finder = Finder { source, text: &source.text, tokens, slips: vec![], first: 0, colons: false };
    let mut i = 0;
    while i < tokens.len() {
        if tokens[i].kind == Kind::Newline {
            finder.first = i + 1;
        }
        let before = finder.slips.len();
        finder.look(i);
        i += 1;
        // After one that cannot be mended the rest of the line tells nothing.
        if finder.slips.len() > before && matches!(finder.slips[before].remedy, Remedy::Drop(_)) {
            while i < tokens.len() && tokens[i].kind != Kind::Newline {
                i += 1;
            }
        }
    }
    finder.slips
}

struct Finder<'a> {
    source: &'a Arc<Source>,
    text: &'a str,
    tokens: &'a [Token],
    slips: Vec<Slip>,
    /// The first token of the line.
    first: usize,
    /// A block after a colon has been met.
    colons: bool,
}

/// The character of a program that a full-width one (U+FF01 … U+FF5E) looks like.
fn full_width(text: &str) -> Option<String> {
    let code = text.chars().next().map(u32::from).filter(|c| (0xFF01..=0xFF5E).contains(c))?;
    char::from_u32(code - 0xFF01 + 0x21).map(String::from)
}

/// Characters and their like in the language: what is found, what it is called, what to write, and what the parser
/// gets instead.
const STRAY: &[(&str, &str, &str, Option<&str>)] = &[
    ("**", "a power", "`x^2`", Some("^")),
    ("&&", "the conjunction of two conditions", "`a and b`", None),
    ("&", "the conjunction of two conditions", "`a and b`", None),
    ("∧", "the conjunction of two conditions", "`a and b`", Some("and")),
    ("||", "the alternative of two conditions", "`a or b`", None),
    ("∨", "the alternative of two conditions", "`a or b`", Some("or")),
    ("¬", "the negation of a condition", "`not a`", None),
    ("===", "the comparison of two values", "`a == b`", Some("==")),
    ("!==", "the comparison of two values", "`a != b`", Some("!=")),
    ("≡", "the comparison of two values", "`a == b`", Some("==")),
    ("<>", "the comparison of two values", "`a != b`", Some("!=")),
    (":=", "a definition", "`let x = 1`, and `x = 2` for a new value of a `var`", None),
    ("←", "a definition", "`let x = 1`, and `x = 2` for a new value of a `var`", None),
    ("=>", "a function without a name", "`x -> x^2`, and at least as large `>=`", None),
    ("⇒", "a function without a name", "`x -> x^2`", None),
    ("↦", "a function without a name", "`x -> x^2`", Some("->")),
    ("..=", "a range", "`1..5`", Some("..")),
    ("...", "a range", "`1..5`", Some("..")),
    ("…", "a range", "`1..5`", Some("..")),
    (".^", "elementwise arithmetic", "`x^2`: on arrays it is elementwise anyway", Some(" ^")),
    (".*", "elementwise arithmetic", "`x * y`: on arrays it is elementwise anyway", Some(" *")),
    ("./", "elementwise arithmetic", "`x / y`: on arrays it is elementwise anyway", Some(" /")),
    (".+", "elementwise arithmetic", "`x + y`: on arrays it is elementwise anyway", Some(" +")),
    ("−", "the minus sign", "`-`", Some("-")),
    ("–", "the minus sign", "`-`", Some("-")),
    ("—", "the minus sign", "`-`", Some("-")),
    ("×", "a product", "`a * b`, and of matrices `A @ B`", Some("*")),
    ("·", "a product", "`a * b`, and of matrices `A @ B`", Some("*")),
    ("⋅", "a product", "`a * b`, and of matrices `A @ B`", Some("*")),
    ("∗", "a product", "`a * b`, and of matrices `A @ B`", Some("*")),
    ("÷", "a quotient", "`a / b`", Some("/")),
    ("∕", "a quotient", "`a / b`", Some("/")),
    ("“", "text", "`\"…\"`, with straight quotes", None),
    ("”", "text", "`\"…\"`, with straight quotes", None),
    ("„", "text", "`\"…\"`, with straight quotes", None),
    ("«", "text", "`\"…\"`, with straight quotes", None),
    ("»", "text", "`\"…\"`, with straight quotes", None),
    ("‘", "text", "`\"…\"`, with straight quotes; a transpose is `A'`", None),
    ("’", "text", "`\"…\"`, with straight quotes; a transpose is `A'`", None),
    ("`", "text", "`\"…\"`, with double quotes", None),
    ("†", "the conjugate transpose", "`A'`", Some("'")),
    ("ᵀ", "the transpose", "`A'`", Some("'")),
    ("′", "the transpose", "`A'`; as part of a name `_prime`", Some("'")),
    ("∂", "a derivative", "`grad(f)`, or `∇f`", None),
    ("∫", "an integral", "`integrate(f, a, b)`", None),
    ("⟨", "a mean", "`mean(x)`", None),
    ("⟩", "a mean", "`mean(x)`", None),
    ("|", "an absolute value", "`abs(x)`; `or` joins conditions, `|>` hands a value to a function", None),
    ("≈", "a comparison up to rounding", "`abs(a - b) < 1e-12`", None),
    ("±", "a number with its error", "`with_errors([1.0], [0.1])`, which makes estimates of numbers", None),
    ("∛", "a cubic root", "`x^(1/3)`", None),
    ("ˆ", "a power", "`x^2`", Some("^")),
    ("≪", "a comparison", "`a < b`", None),
    ("≫", "a comparison", "`a > b`", None),
    ("∼", "a draw", "`x ~ normal(0, 1)`", Some("~")),
    ("½", "one half", "`0.5`, or `1/2`", None),
    ("°", "an angle in degrees", "`30 * pi / 180`: angles are in radians", None),
    ("?", "a choice", "`if c { a } else { b }`", None),
    ("*/", "a comment", "`# …`, to the end of its line", None),
];

impl<'a> Finder<'a> {
    fn look(&mut self, i: usize) {
        let token = self.tokens[i];
        match token.kind {
            Kind::Stray => self.stray(i),
            Kind::HalfNumber => self.half_number(i),
            Kind::Number => self.number(i),
            Kind::OpenText => self.open_text(i),
            Kind::OpenHole => {
                let open = self.tokens[..i].iter().rev().find(|t| t.kind == Kind::HoleOpen);
                self.drop(messages::open_hole(&self.span(*open.unwrap_or(&token))), token);
            }
            Kind::LoneBrace => self.instead(messages::lone_brace(&self.span(token)), token, " "),
            Kind::Operator if token.text(self.text) == "'" => self.quote(i),
            Kind::Operator if token.text(self.text) == ":" => self.colon(i),
            Kind::Operator if token.text(self.text) == "+" => self.plus(i),
            Kind::Word => self.word(i),
            _ => {}
        }
    }

    fn span(&self, token: Token) -> Span {
        Span::new(self.source, token.start, token.end)
    }

    fn drop(&mut self, diagnostic: Diagnostic, at: Token) {
        self.slips.push(Slip { diagnostic: Some(diagnostic), remedy: Remedy::Drop(at.start) });
    }

    /// What has been said of a name is not said at each of its places.
    fn drop_once(&mut self, diagnostic: Diagnostic, at: Token) {
        let said = |slip: &Slip| slip.diagnostic.as_ref().is_some_and(|d| d.message == diagnostic.message && d.help == diagnostic.help);
        let known = self.slips.iter().any(said);
        self.slips.push(Slip { diagnostic: (!known).then_some(diagnostic), remedy: Remedy::Drop(at.start) });
    }

    /// The parser gets `text`, which is not longer than the token.
    fn instead(&mut self, diagnostic: Diagnostic, token: Token, text: &str) {
        let filled = format!("{text:<width$}", width = text.chars().count() + (token.end - token.start) - text.len());
        self.slips.push(Slip { diagnostic: Some(diagnostic), remedy: Remedy::Instead(token.start, filled) });
    }

    fn at(&self, i: usize) -> Option<Token> {
        self.tokens.get(i).copied().filter(|t| t.kind != Kind::Newline)
    }

    fn before(&self, i: usize) -> Option<Token> {
        i.checked_sub(1).and_then(|i| self.at(i))
    }

    fn text_at(&self, i: usize) -> &'a str {
        self.at(i).map_or("", |t| t.text(self.text))
    }

    /// Does an operand follow, where none can?
    fn operand_follows(&self, i: usize) -> bool {
        self.at(i + 1).is_some_and(|t| t.begins_operand(self.text) && t.text(self.text) != "-")
    }

    fn begins_statement(&self, i: usize) -> bool {
        self.before(i).is_none_or(|t| t.kind == Kind::Semicolon || matches!(t.text(self.text), "{" | "}"))
    }

    fn stray(&mut self, i: usize) {
        let token = self.tokens[i];
        let (text, span) = (token.text(self.text), self.span(token));
        if text.starts_with("/*") {
            return self.instead(messages::block_comment(&span), token, "");
        }
        if text == "::" {
            let (what, write) = match self.before(i).is_some_and(|t| t.kind == Kind::Word) {
                true => ("the type of a name", "`x: real`"),
                false => ("a part of an array", "`[x[2*i] for i in x.entries // 2]` for every second entry, `[x[x.entries - 1 - i] for i in x.entries]` for all backwards"),
            };
            return self.drop(messages::written_differently(&span, text, what, write), token);
        }
        if text == "/=" && matches!(self.text_at(self.first), "if" | "while" | "assert") {
            return self.instead(messages::written_differently(&span, text, "the test whether two values differ", "`a != b`"), token, "!=");
        }
        if text == ":=" && self.before(i).is_some_and(|t| matches!(t.text(self.text), ")" | "]")) {
            return self.drop(messages::function_word(&span, ":=", self.text_at(self.first)), token);
        }
        if matches!(text, "..." | "…") && matches!(self.text_at(i + 1), "," | "]") {
            return self.instead(messages::written_differently(&span, text, "a whole index set", "`A[.., 0]`"), token, "..");
        }
        if text == "||" && !self.before(i).is_some_and(|t| t.ends_operand(self.text)) {
            return self.drop(messages::written_differently(&span, text, "a norm", "`√norm2(v)`"), token);
        }
        if text == "·" && self.before(i).is_some_and(|t| t.text(self.text) == "∇") {
            return self.drop(messages::written_differently(&span, text, "a divergence", "`divergence(f)(x)`"), token);
        }
        if matches!(text, "+=" | "-=" | "*=" | "/=" | "^=" | "%=" | "@=" | "**=" | "//=") {
            return self.updating(i);
        }
        if let Some((_, what, write, instead)) = STRAY.iter().find(|(found, ..)| *found == text) {
            let diagnostic = messages::written_differently(&span, text, what, write);
            return match instead {
                Some(instead) => self.instead(diagnostic, token, instead),
                None if matches!(text, "&&" | "||") && self.stands_free(token) => self.instead(diagnostic, token, "or"),
                None => self.drop(diagnostic, token),
            };
        }
        match text {
            "!" => self.exclamation(i),
            "++" if self.text_at(self.first) == "for" => {
                self.drop(messages::counting_for(&self.span(self.tokens[self.first])), token);
            }
            "++" => self.drop(messages::increment(&span, self.text_at(i.wrapping_sub(1))), token),
            "\\" if self.at(i + 1).is_none() => self.drop(messages::line_goes_on(&span), token),
            "\\" if self.text_at(i + 2) == "{" || self.text_at(i + 2) == "_" => {
                self.drop(messages::latex_command(&span, self.text_at(i + 1)), token);
            }
            "\\" if self.before(i).is_some_and(|t| t.ends_operand(self.text)) && self.at(i + 1).is_some_and(|t| t.start > token.end) => {
                self.instead(messages::left_division(&span), token, "*");
            }
            "\\" => self.instead(messages::backslash(&span, self.text_at(i + 1)), token, ""),
            _ if text.chars().all(super::tokens::is_modifier) => {
                let name = self.before(i).filter(|t| t.end == token.start).map_or("x", |t| t.text(self.text));
                self.drop_once(messages::small_letters(&span, name, text), token);
            }
            _ => match full_width(text) {
                Some(plain) => self.instead(messages::full_width(&span, text, &plain), token, &plain),
                None => {
                    let letter = self.before(i).filter(|t| t.end == token.start).map(|t| t.text(self.text));
                    self.drop_once(messages::unknown_character(&span, text, letter), token);
                }
            },
        }
    }

    fn open_text(&mut self, i: usize) {
        let token = self.tokens[i];
        let escaped =
            self.tokens[self.first..i].iter().find(|t| t.kind == Kind::Text && t.text(self.text).ends_with("\\\""));
        let diagnostic = match escaped {
            Some(t) => messages::quote_in_string(&Span::new(self.source, t.end - 2, t.end)),
            None => messages::open_text(&self.span(token)),
        };
        self.drop(diagnostic, token);
    }

    fn stands_free(&self, token: Token) -> bool {
        let free = |c: Option<char>| c.is_none_or(|c| !super::tokens::is_letter(c));
        free(self.text[..token.start].chars().next_back()) && free(self.text[token.end..].chars().next())
    }

    /// `x += 1`
    fn updating(&mut self, i: usize) {
        let token = self.tokens[i];
        let text = token.text(self.text);
        let op = text.trim_end_matches('=').replace("**", "^");
        let start = self.tokens[self.statement_start(i)].start;
        let target = self.text[start..token.start].trim();
        let diagnostic = messages::updating(&self.span(token), target, &op);
        self.instead(diagnostic, token, &format!("{:>1$}", "=", text.len()));
    }

    fn statement_start(&self, i: usize) -> usize {
        let ends = |t: &Token| t.kind == Kind::Semicolon || matches!(t.text(self.text), "{" | "}");
        self.tokens[self.first..i].iter().rposition(ends).map_or(self.first, |n| self.first + n + 1).min(i)
    }

    fn exclamation(&mut self, i: usize) {
        let token = self.tokens[i];
        let before = self.before(i).filter(|t| t.ends_operand(self.text) && t.end == token.start);
        if let Some(number) = before.filter(|_| !self.operand_follows(i)) {
            return self.drop(messages::factorial(&self.span(token), number.text(self.text)), token);
        }
        let negates = self.operand_follows(i) && !self.before(i).is_some_and(|t| t.ends_operand(self.text));
        let diagnostic = messages::exclamation(&self.span(token), negates.then(|| self.text_at(i + 1)));
        self.instead(diagnostic, token, "");
    }

    fn half_number(&mut self, i: usize) {
        let token = self.tokens[i];
        let text = token.text(self.text);
        let before = self.before(i).filter(|t| t.end == token.start && t.ends_operand(self.text));
        if let Some(digits) = text.strip_prefix('.') {
            match before {
                Some(array) => {
                    self.drop(messages::number_as_field(&self.span(token), array.text(self.text), digits), token)
                }
                None => {
                    let diagnostic = messages::half_number(&self.span(token), text, &format!("0{text}"));
                    self.instead(diagnostic, token, &format!(" {digits}"));
                }
            }
            return;
        }
        let whole = text.replacen('.', ".0", 1);
        let diagnostic = messages::half_number(&self.span(token), text, &whole);
        if self.touches_word(i) {
            return self.drop(diagnostic, token);
        }
        self.instead(diagnostic, token, text.split('.').next().expect("digits"));
    }

    fn touches_word(&self, i: usize) -> bool {
        self.at(i + 1).is_some_and(|t| t.kind == Kind::Word && t.start == self.tokens[i].end)
    }

    /// `2x`
    fn number(&mut self, i: usize) {
        if self.touches_word(i) {
            let (number, word) = (self.tokens[i], self.tokens[i + 1]);
            let span = Span::new(self.source, number.start, word.end);
            let declared = self.before(i).is_some_and(|t| matches!(t.text(self.text), "let" | "var" | "param" | "fn"));
            self.drop(messages::number_before_name(&span, number.text(self.text), word.text(self.text), declared), number);
        }
    }

    /// `'text'`
    fn quote(&mut self, i: usize) {
        if self.before(i).is_some_and(|t| t.ends_operand(self.text)) {
            return;
        }
        let token = self.tokens[i];
        let line = self.text[token.end..].split('\n').next().unwrap_or("");
        let quoted = line.find('\'').map(|n| Token { end: token.end + n + 1, ..token });
        self.drop(messages::single_quotes(&self.span(quoted.unwrap_or(token))), token);
    }

    /// `for i in n:` and the rest on the next lines
    fn colon(&mut self, i: usize) {
        if self.at(i + 1).is_some() {
            return;
        }
        let (mut first, token) = (self.first, self.tokens[i]);
        if self.text_at(first) == "}" {
            first += 1;
        }
        let head = self.text_at(first);
        if !matches!(head, "for" | "while" | "if" | "else" | "elif" | "def" | "fn") {
            return;
        }
        let diagnostic = messages::colon_for_block(&self.span(token), &self.span(self.tokens[first]), head);
        let seen = std::mem::replace(&mut self.colons, true);
        // These belong to an `if` that has been answered, or have been answered themselves.
        let said = head == "def" || (seen && matches!(head, "else" | "elif"));
        self.slips.push(Slip { diagnostic: (!said).then_some(diagnostic), remedy: Remedy::Drop(token.start) });
    }

    /// `+x`
    fn plus(&mut self, i: usize) {
        let alone = self.before(i).is_some_and(|t| {
            t.kind == Kind::Comma || (t.kind == Kind::Open && t.text(self.text) != "{") || t.text(self.text) == "="
        });
        if alone {
            self.instead(messages::plus_sign(&self.span(self.tokens[i])), self.tokens[i], "");
        }
    }

    fn word(&mut self, i: usize) {
        let token = self.tokens[i];
        let span = self.span(token);
        let word = token.text(self.text);
        let named = self.at(i + 1).is_some_and(|t| t.kind == Kind::Word);
        let after_point = self.before(i).is_some_and(|t| t.text(self.text) == ".");
        let labels = matches!(self.text_at(i + 1), ":" | "=");
        match word {
            "True" | "False" if !after_point && !labels => {
                self.instead(messages::capital_truth(&span, word), token, &word.to_lowercase());
            }
            "None" | "null" | "nil" if !after_point && !labels && !named && self.text_at(i + 1) != "(" => {
                self.drop(messages::nothing(&span, word), token);
            }
            "elif" | "elsif" | "elseif"
                if self.operand_follows(i) && !(self.colons && self.line_ends_with_colon(i)) =>
            {
                self.drop(messages::else_if(&span, word), token)
            }
            "def" | "function" | "func" | "fun" if named && matches!(self.text_at(i + 2), "(" | "[" | "=") => {
                self.instead(messages::function_word(&span, word, self.text_at(i + 1)), token, "fn");
            }
            "lambda" if named || (self.text_at(i + 1) == ":" && !self.label_may_stand(i)) => {
                self.drop(messages::lambda_word(&span, self.text_at(i + 1)), token);
            }
            "return" if self.begins_statement(i) && !matches!(self.text_at(i + 1), "=" | "." | "~") => {
                self.instead(messages::return_word(&span), token, "");
            }
            "import" | "from" | "include" | "using"
                if self.begins_statement(i) && self.operand_follows(i) && self.text_at(i + 1) != "(" =>
            {
                self.drop(messages::import_word(&span, word, self.text_at(i + 1)), token);
            }
            "const" | "val" | "auto" if self.begins_statement(i) && named => {
                self.instead(messages::const_word(&span, word, self.text_at(i + 1)), token, "let");
            }
            "mut" if named && self.text_at(i.wrapping_sub(1)) == "let" => {
                self.instead(messages::let_mut(&span, self.text_at(i + 1)), token, "");
            }
            "sum" | "∑" | "prod" | "∏" if self.text_at(i + 1) == "_" || self.text_at(i + 1).starts_with("_{") => {
                self.drop(messages::latex_command(&span, "sum"), token);
            }
            "Sum" | "Product" | "Table" | "Integrate" | "NIntegrate" | "NSum" | "Do" if self.text_at(i + 1) == "[" && self.iterates(i + 1) => {
                self.drop(messages::mathematica(&span, word), token);
            }
            "f" | "r" | "b" if self.at(i + 1).is_some_and(|t| t.kind == Kind::Text && t.start == token.end) => {
                self.instead(messages::string_prefix(&span, word), token, "");
            }
            _ => {}
        }
    }

    /// Does `{i, …}` stand in the rest of the line?
    fn iterates(&self, i: usize) -> bool {
        let rest = self.tokens[i..].iter().take_while(|t| t.kind != Kind::Newline);
        let texts: Vec<&str> = rest.map(|t| t.text(self.text)).collect();
        texts.windows(3).any(|w| w[0] == "{" && w[2] == ",")
    }

    fn line_ends_with_colon(&self, i: usize) -> bool {
        let last = self.tokens[i..].iter().take_while(|t| t.kind != Kind::Newline).last();
        last.is_some_and(|t| t.text(self.text) == ":")
    }

    /// `f(lambda: 3)`, `{lambda: 3}`
    fn label_may_stand(&self, i: usize) -> bool {
        self.before(i).is_none_or(|t| matches!(t.text(self.text), "(" | "," | "{" | "param" | "let" | "var" | "weight"))
    }
}
