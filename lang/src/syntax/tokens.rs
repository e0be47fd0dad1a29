//! A text cut into its smallest pieces, for the pass before the parser and for saying what went wrong.
//!
//! Any text can be cut: what has no place in the language becomes a piece of kind `Stray`.

/// A piece of a text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Word,
    Number,
    /// A string, or the part of one up to a `{`, between `}` and `{`, or from a `}` on.
    Text,
    Operator,
    Comma,
    Semicolon,
    Newline,
    Superscript,
    Open,
    Close,
    /// The `{` and `}` around a value in a string.
    HoleOpen,
    HoleClose,
    /// The rest of a line after a string that nothing closes.
    OpenText,
    /// The rest of a line after a `{` in a string whose `}` does not come.
    OpenHole,
    /// A `}` in a string that closes nothing.
    LoneBrace,
    /// A decimal point without digits on both sides, with its digits.
    HalfNumber,
    /// What the language does not have: `&&`, `+=`, `−`, …
    Stray,
}

/// The `##` lines before a declaration.
#[derive(Debug)]
pub struct Doc {
    /// Where the line after them begins.
    pub end: usize,
    pub text: String,
}

#[derive(Debug, Default)]
pub struct Tokens {
    pub tokens: Vec<Token>,
    pub docs: Vec<Doc>,
    /// Comments, tabs, and spaces of other kinds: to be blanked.
    pub blanks: Vec<(usize, usize)>,
}

const OPERATORS: &[&str] = &[
    "|>", "->", "..", "==", "!=", "<=", ">=", "//", "+", "-", "*", "/", "%", "@", "^", "<", ">", "=", "~", ":", ".",
    "'", "∘", "→", "∈", "≤", "≥", "≠", "√", "∇",
];

/// Never to be met in a program; the longest first.
const STRAYS: &[&str] = &[
    "**=", "//=", "===", "!==", "<=>", "<->", "...", "..=", "**", "&&", "||", "+=", "-=", "*=", "/=", "^=", "%=", "@=",
    "++", "*/", "=>", ":=", "<>", "::", ".^", ".*", "./", ".+",
];

/// Words that can only be what they are.
pub const RESERVED: &[&str] =
    &["let", "var", "fn", "if", "else", "for", "while", "in", "and", "or", "not", "as", "assert"];

pub fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || is_initial(c)
}

pub fn is_initial(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == '∆' || (!c.is_ascii() && c.is_alphabetic() && !is_modifier(c))
}

/// Raised and lowered letters: `xⁿ`, `Wᵀ`, `φᵢ`.
pub fn is_modifier(c: char) -> bool {
    matches!(c, '\u{02B0}'..='\u{02FF}' | '\u{1D2C}'..='\u{1D6A}' | '\u{2070}'..='\u{209F}' | 'ª' | 'º')
        && !is_superscript(c)
}

pub fn is_superscript(c: char) -> bool {
    matches!(c, '⁰' | '¹' | '²' | '³' | '⁴'..='⁹' | '⁻')
}

impl Token {
    pub fn text<'t>(&self, text: &'t str) -> &'t str {
        &text[self.start..self.end]
    }

    /// Can what ends here be the left side of an operator?
    pub fn ends_operand(&self, text: &str) -> bool {
        match self.kind {
            Kind::Number | Kind::HalfNumber | Kind::Text | Kind::Superscript | Kind::Close => true,
            Kind::Word => !RESERVED.contains(&self.text(text)),
            Kind::Operator => self.text(text) == "'",
            _ => false,
        }
    }

    /// Can an operand begin here?
    pub fn begins_operand(&self, text: &str) -> bool {
        match self.kind {
            Kind::Number | Kind::HalfNumber | Kind::Text | Kind::Open => true,
            Kind::Word => matches!(self.text(text), "if" | "not") || !RESERVED.contains(&self.text(text)),
            Kind::Operator => matches!(self.text(text), "√" | "∇" | "-"),
            _ => false,
        }
    }
}

pub fn tokens(text: &str) -> Tokens {
    let mut cutter = Cutter { text, at: 0, hole: None, out: Tokens::default() };
    while cutter.at < text.len() {
        cutter.step();
    }
    cutter.end_hole();
    cutter.out
}

struct Cutter<'t> {
    text: &'t str,
    at: usize,
    /// Inside `{ }` of a string: the braces and the other brackets open there.
    hole: Option<(usize, usize)>,
    out: Tokens,
}

impl<'t> Cutter<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn push(&mut self, kind: Kind, length: usize) {
        self.out.tokens.push(Token { kind, start: self.at, end: self.at + length });
        self.at += length;
    }

    fn line_end(&self) -> usize {
        self.rest().find('\n').map_or(self.text.len(), |n| self.at + n)
    }

    fn step(&mut self) {
        let c = self.peek().expect("not at the end");
        match c {
            ' ' => self.at += 1,
            '\n' => {
                self.end_hole();
                self.push(Kind::Newline, 1);
            }
            '#' => self.comment(),
            '/' if self.rest().starts_with("/*") => {
                let length = self.rest().find("*/").map_or(self.rest().len(), |n| n + 2);
                self.push(Kind::Stray, length);
            }
            '"' if self.hole.is_some() => self.open_hole(),
            '"' => self.string(1),
            '0'..='9' => self.number(),
            '(' | '[' | '{' => {
                self.hole = self
                    .hole
                    .map(|(braces, others)| if c == '{' { (braces + 1, others) } else { (braces, others + 1) });
                self.push(Kind::Open, 1);
            }
            '}' if matches!(self.hole, Some((0, _))) => {
                self.push(Kind::HoleClose, 1);
                self.hole = None;
                self.string(0);
            }
            ')' | ']' | '}' => {
                self.hole = self.hole.map(|(braces, others)| match c {
                    '}' => (braces - 1, others),
                    _ => (braces, others.saturating_sub(1)),
                });
                self.push(Kind::Close, 1);
            }
            ',' => self.push(Kind::Comma, 1),
            ';' => self.push(Kind::Semicolon, 1),
            ':' if self.hole == Some((0, 0)) => self.format(),
            '∑' | '∏' | '∞' => self.push(Kind::Word, c.len_utf8()),
            c if is_initial(c) => self.word(),
            c if is_superscript(c) => self.run(Kind::Superscript, is_superscript),
            c if is_modifier(c) => self.run(Kind::Stray, is_modifier),
            c if c.is_whitespace() || matches!(c, '\u{FEFF}' | '\u{200B}' | '\u{200C}' | '\u{200D}' | '\u{2060}') => {
                self.out.blanks.push((self.at, self.at + c.len_utf8()));
                self.at += c.len_utf8();
            }
            _ => self.operator(c),
        }
    }

    fn run(&mut self, kind: Kind, belongs: fn(char) -> bool) {
        let length = self.rest().find(|c| !belongs(c)).unwrap_or(self.rest().len());
        self.push(kind, length);
    }

    fn word(&mut self) {
        self.run(Kind::Word, is_letter);
    }

    fn comment(&mut self) {
        let end = self.line_end();
        let line = self.text[self.at..end].trim_end();
        let alone = self.text[..self.at].rsplit('\n').next().unwrap_or("").trim().is_empty();
        if alone && line.starts_with("##") && !line.starts_with("###") {
            let words = line[2..].strip_prefix(' ').unwrap_or(&line[2..]);
            let next = (end + 1).min(self.text.len());
            let line_start = self.text[..self.at].rfind('\n').map_or(0, |n| n + 1);
            match self.out.docs.last_mut() {
                Some(doc) if doc.end == line_start => {
                    doc.text.push('\n');
                    doc.text.push_str(words);
                    doc.end = next;
                }
                _ => self.out.docs.push(Doc { end: next, text: words.to_string() }),
            }
        }
        self.out.blanks.push((self.at, end));
        self.at = end;
    }

    /// From the opening quote on (`skip` is its length), or from behind a `}`, to the closing quote or a `{`.
    fn string(&mut self, skip: usize) {
        let bytes = self.text.as_bytes();
        let mut i = self.at + skip;
        loop {
            match (bytes.get(i), bytes.get(i + 1)) {
                (None | Some(b'\n'), _) => return self.push(Kind::OpenText, i - self.at),
                (Some(b'"'), _) => return self.push(Kind::Text, i + 1 - self.at),
                (Some(b'{'), Some(b'{')) | (Some(b'}'), Some(b'}')) => i += 2,
                (Some(b'}'), _) => {
                    self.push(Kind::Text, i - self.at);
                    self.push(Kind::LoneBrace, 1);
                    i += 1;
                }
                (Some(b'{'), _) => {
                    self.push(Kind::Text, i - self.at);
                    self.push(Kind::HoleOpen, 1);
                    self.hole = Some((0, 0));
                    return;
                }
                _ => i += 1,
            }
        }
    }

    /// The line ends inside `{ }`.
    fn end_hole(&mut self) {
        if self.hole.take().is_some() {
            self.push(Kind::OpenHole, 0);
        }
    }

    /// A quote inside `{ }`: the rest of the line is not worth reading.
    fn open_hole(&mut self) {
        let length = self.line_end() - self.at;
        self.hole = None;
        self.push(Kind::OpenHole, length);
    }

    /// `:.3` up to the `}`: no tokens.
    fn format(&mut self) {
        self.push(Kind::Operator, 1);
        let length = self.rest().find(['}', '"', '\n']).unwrap_or(self.rest().len());
        self.at += length;
    }

    fn number(&mut self) {
        let start = self.at;
        self.digits();
        let rest = self.rest().as_bytes();
        let half = match (rest.first(), rest.get(1)) {
            (Some(b'.'), Some(b'0'..=b'9')) => {
                self.at += 1;
                self.digits();
                false
            }
            (Some(b'.'), Some(b'.')) => false,
            (Some(b'.'), _) => {
                self.at += 1;
                true
            }
            _ => false,
        };
        self.exponent();
        let rest = self.rest();
        if rest.starts_with('i') && !rest[1..].starts_with(is_letter) {
            self.at += 1;
        }
        let kind = if half { Kind::HalfNumber } else { Kind::Number };
        self.out.tokens.push(Token { kind, start, end: self.at });
    }

    fn digits(&mut self) {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(u8::is_ascii_digit)
            || (bytes.get(self.at) == Some(&b'_') && bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit))
        {
            self.at += 1;
        }
    }

    fn exponent(&mut self) {
        let rest = self.rest().as_bytes();
        if !matches!(rest.first(), Some(b'e' | b'E')) {
            return;
        }
        let sign = usize::from(matches!(rest.get(1), Some(b'+' | b'-')));
        if rest.get(1 + sign).is_some_and(u8::is_ascii_digit) {
            self.at += 1 + sign;
            self.digits();
        }
    }

    fn operator(&mut self, c: char) {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        if c == '.' && bytes.get(1).is_some_and(u8::is_ascii_digit) {
            let start = self.at;
            self.at += 1;
            self.digits();
            self.exponent();
            return self.out.tokens.push(Token { kind: Kind::HalfNumber, start, end: self.at });
        }
        let known = |list: &[&str]| list.iter().find(|o| rest.starts_with(**o)).map(|o| o.len());
        if let Some(length) = known(STRAYS) {
            self.push(Kind::Stray, length);
        } else if let Some(length) = known(OPERATORS) {
            self.push(Kind::Operator, length);
        } else {
            self.push(Kind::Stray, c.len_utf8());
        }
    }
}
