//! Random texts: programs of this repository with tokens deleted, doubled, exchanged or replaced, cut off, or with any
//! characters put in; and random words of the language. Whatever they say, they are answered in words of the language.

use crate::compare::Complaint;
use crate::random::Random;
use moyal_lang::diagnostic::{Diagnostic, Severity};
use moyal_lang::embed::Quiet;
use moyal_lang::host::Options;
use moyal_lang::session::Session;
use std::path::Path;

/// Where texts are taken from.
pub struct Texts {
    whole: Vec<String>,
    tokens: Vec<String>,
}

const WORDS: &[&str] = &[
    "let", "var", "fn", "if", "else", "for", "in", "while", "and", "or", "not", "as", "assert", "use", "param", "lattice", "action", "process",
    "test", "weight", "layer", "network", "noise", "d", "frozen", "real", "f32", "int", "bool", "complex", "string", "site", "direction", "SU",
    "(", ")", "[", "]", "{", "}", ",", ":", ";", "=", "==", "!=", "<", "<=", ">", ">=", "~", "->", "|>", "..", ".", "+", "-", "*", "/", "//", "%",
    "^", "@", "'", "\"", "#", "##", "√", "∇", "∑", "∏", "∘", "∈", "→", "∞", "≤", "≥", "≠", "²", "⁻¹", "π", "φ", "Λ", "0", "1", "3i", "2.5", "1e9",
    "1_000", "x", "i", "n", "sum", "prod", "mean", "max", "grad", "normal", "torus", "print", "\n", " ", "  ", "\t", "\r\n",
];

impl Texts {
    /// Programs below the folders of this repository that hold some, and the blocks of its pages.
    pub fn new(root: &Path) -> Texts {
        let mut whole = vec![];
        for folder in ["tests/language", "tests/verify", "examples", "docs", "validation", "stdlib"] {
            collect(&root.join(folder), &mut whole);
        }
        whole.sort();
        assert!(whole.len() > 100, "the programs of the repository are missing");
        let tokens = whole.iter().flat_map(|text| tokens(text)).filter(|t| t.len() < 30).collect();
        Texts { whole, tokens }
    }

    pub fn random(&self, random: &mut Random) -> String {
        if random.chance(10) {
            return (0..random.below(60)).map(|_| format!("{}{}", self.token(random), if random.chance(60) { " " } else { "" })).collect();
        }
        let mut parts = tokens(random.pick::<String>(&self.whole));
        // A stretch of it: long programs take long to check, and their mistakes hide each other.
        if parts.len() > 300 && random.chance(80) {
            let start = random.below(parts.len() - 200);
            let first = (start..parts.len()).find(|k| parts[*k] == "\n").map_or(start, |k| k + 1);
            parts = parts[first..].iter().take(random.below(400)).cloned().collect();
        }
        for _ in 0..random.between(1, 5) {
            self.mutate(random, &mut parts);
        }
        parts.concat()
    }

    fn token(&self, random: &mut Random) -> String {
        match random.below(10) {
            0..=3 => random.pick(WORDS).to_string(),
            4 => (0..random.below(4) + 1).map(|_| any_character(random)).collect(),
            _ => random.pick(&self.tokens).clone(),
        }
    }

    fn mutate(&self, random: &mut Random, parts: &mut Vec<String>) {
        if parts.is_empty() {
            parts.push(self.token(random));
            return;
        }
        let at = random.below(parts.len());
        match random.below(9) {
            0 | 1 => {
                parts.remove(at);
            }
            2 => parts.insert(at, parts[at].clone()),
            3 => {
                let other = random.below(parts.len());
                parts.swap(at, other);
            }
            4 => parts.truncate(at),
            5 => parts.insert(at, self.token(random)),
            6 | 7 => parts[at] = self.token(random),
            _ => {
                let token = parts[at].clone();
                let cut = (0..=token.len()).filter(|k| token.is_char_boundary(*k)).nth(random.below(token.chars().count() + 1)).unwrap_or(0);
                parts[at] = format!("{}{}{}", &token[..cut], any_character(random), &token[cut..]);
            }
        }
    }
}

fn any_character(random: &mut Random) -> char {
    let code = match random.below(6) {
        0 | 1 => random.between(0, 127),
        2 => random.between(128, 0x3ff),
        3 => random.between(0x1d00, 0x22ff),
        4 => *random.pick(&[0x200b, 0x202e, 0xfeff, 0xa0, 0x301, 0x2028, 0x1f600, 0x10ffff, 0xfffd, 0]),
        _ => random.between(0, 0x10ffff),
    };
    char::from_u32(code as u32).unwrap_or('\u{fffd}')
}

fn collect(folder: &Path, texts: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, texts);
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            match path.extension().and_then(|e| e.to_str()) {
                // What a program is expected to say is not part of it.
                Some("moy") => texts.push(text.lines().filter(|l| !l.starts_with("#>") && !l.starts_with("#!")).map(|l| format!("{l}\n")).collect()),
                Some("md") => texts.extend(text.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').map_or("", |b| b.1).to_string())),
                _ => {}
            }
        }
    }
}

/// Words, numbers, spaces and signs, each by itself: together they are the text again.
fn tokens(text: &str) -> Vec<String> {
    let class = |c: char| match c {
        _ if c.is_alphanumeric() || c == '_' => 0,
        ' ' => 1,
        _ => 2,
    };
    let mut tokens: Vec<String> = vec![];
    let mut before = 2;
    for c in text.chars() {
        let now = class(c);
        match tokens.last_mut() {
            Some(last) if now == before && now < 2 => last.push(c),
            _ => tokens.push(c.to_string()),
        }
        before = now;
    }
    tokens
}

/// Words of our own text that no user has written or should read.
const INTERNAL: &[&str] = &[
    "unwrap", "unreachable", "panicked", "Some(", "None", "Ok(", "Err(", "Var(", "Value::", "Number {", "::", "usize", "i64", "f64", "u32", "Prim", "Expr",
    "_word", "type_expr", "lambda", "root_trailer", "infix", "postfix", "EOI", "SOI", "ASCII", "select", "gather", "floor_div", "to_real", "to_int",
    "out of bounds", "overflow", "RefCell", "Rc<", "slot", "Core", "cranelift", "pest",
];

/// A session that has read the library.
pub fn session() -> Session {
    let mut session = Session::new(moyal_stdlib::module, Options::default());
    session.run("nothing", "", &mut Quiet::default()).expect("the library is well");
    session
}

/// A text checked (not run): it is well or answered; never a panic, and no word of ours in an answer.
pub fn check(session: &mut Session, text: &str) -> Result<(), Complaint> {
    match session.check("random.moy", text, &mut Quiet::default()) {
        Ok(warnings) => proper(text, &warnings),
        Err(mistakes) => proper(text, &mistakes),
    }
}

/// Whether what is said of a text is in words, and at places of it.
pub fn proper(text: &str, said: &[Diagnostic]) -> Result<(), Complaint> {
    for diagnostic in said {
        let sentences = std::iter::once(&diagnostic.message).chain(&diagnostic.help).chain(diagnostic.labels.iter().map(|(_, label)| label));
        for sentence in sentences {
            let foreign = INTERNAL.iter().find(|word| sentence.contains(**word) && !text.contains(**word) && !allowed(sentence, word));
            if let Some(word) = foreign {
                return Err(Complaint::new(format!("the word {word}"), format!("a message says `{word}`: {sentence}")));
            }
        }
        if diagnostic.severity == Severity::Internal {
            return Err(Complaint::new("an internal message", diagnostic.message.clone()));
        }
        for (span, _) in &diagnostic.labels {
            let whole = &span.source.text;
            if span.start > span.end || span.end > whole.len() || !whole.is_char_boundary(span.start) || !whole.is_char_boundary(span.end) {
                return Err(Complaint::new("a place outside", format!("{}: a label from {} to {}", diagnostic.message, span.start, span.end)));
            }
        }
    }
    Ok(())
}

/// Messages in which such a word means what it means to a physicist.
fn allowed(sentence: &str, word: &str) -> bool {
    word == "overflow" && sentence.contains("64 bits")
}
