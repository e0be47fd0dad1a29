//! Mistakes of syntax, in words.

use super::parse::Rule;
use crate::diagnostic::Diagnostic;
use crate::source::{Source, Span};
use std::sync::Arc;

/// What a user may have meant: signs and words of other languages, and what to write here.
const SLIPS: &[(&str, &str, &str)] = &[
    ("**", "powers are written with `^`", "x^2"),
    ("&&", "`and` joins conditions", "a and b"),
    ("||", "`or` joins conditions", "a or b"),
    ("+=", "there is no `+=`", "x = x + …"),
    ("-=", "there is no `-=`", "x = x - …"),
    ("*=", "there is no `*=`", "x = x * …"),
    ("/=", "there is no `/=`", "x = x / …"),
    ("++", "there is no `++`", "x = x + 1"),
    ("/*", "comments begin with `#`", "# like this"),
    ("“", "texts stand between straight quotes", "\"text\""),
    ("”", "texts stand between straight quotes", "\"text\""),
    ("−", "this is a typographic minus sign", "-"),
    ("×", "multiplication is `*`", "a * b"),
    ("·", "multiplication is `*`", "a * b"),
    ("!", "`not` negates a condition", "not a"),
    ("?", "a choice is written with `if`", "if c { a } else { b }"),
];

const WORDS: &[(&str, &str, &str)] = &[
    ("def", "functions are declared with `fn`", "fn f(x) = x^2"),
    ("function", "functions are declared with `fn`", "fn f(x) = x^2"),
    ("lambda", "`lambda` is a Greek letter here; a function without a name is written with `->`", "x -> x^2"),
    ("return", "there is no `return`: the value of a block is its last expression", "{ let y = x^2; y }"),
    ("elif", "`else if` continues an `if`", "if a { … } else if b { … } else { … }"),
    ("const", "constants are declared with `let`, or with `param` for the command line", "let x = 1.0"),
    ("import", "modules are taken in with `use`", "use \"file.moy\""),
    ("from", "modules are taken in with `use`", "use \"file.moy\""),
];

pub fn chained_comparison(op: &Span) -> Diagnostic {
    Diagnostic::error("comparisons do not chain").label(op, "a second comparison").help("write `a < b and b < c`")
}

/// The sentence for what pest refused in `text[from..to]`.
pub fn syntax(source: &Arc<Source>, text: &str, from: usize, to: usize, e: pest::error::Error<Rule>) -> Diagnostic {
    let offset = match e.location {
        pest::error::InputLocation::Pos(p) => p,
        pest::error::InputLocation::Span((p, _)) => p,
    };
    let at = from + offset;
    let statement = &text[from..to];
    if let Some(found) = slip(source, text, from, to, at) {
        return found;
    }
    let rest = text[at..to].trim_start();
    let at = at + (text[at..to].len() - rest.len());
    let length = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum::<usize>();
    let length = if length == 0 { rest.chars().next().map_or(0, char::len_utf8) } else { length };
    let here = Span::new(source, at, at + length);
    let word = &rest[..length];
    let begins = |w: &str| statement.starts_with(w) && !statement[w.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
    if rest.is_empty() {
        let end = Span::new(source, to.saturating_sub(1).max(from), to);
        return Diagnostic::error("something is missing at the end of this statement").label(&end, "ends here");
    }
    if word == ":" && (begins("for") || begins("while") || begins("if")) {
        return Diagnostic::error("a block stands between braces").label(&here, "here").help("write { … } instead of a colon and indentation");
    }
    if let "let" | "var" | "fn" | "for" | "while" | "if" | "else" | "in" | "and" | "or" | "not" | "assert" | "as" = word {
        if word == "else" {
            return Diagnostic::error("this `else` belongs to no `if`").label(&here, "here").help("`else` stands on the line of the `}` before it");
        }
        return Diagnostic::error(format!("`{word}` is a word of the language and cannot stand here")).label(&here, "here");
    }
    if begins("for") && !statement.contains(" in ") && !statement.contains('∈') {
        return Diagnostic::error("a `for` runs over an index set").label(&here, "`in` is missing").help("write: for x in Λ { … }");
    }
    if word == "=" {
        return Diagnostic::error("`=` cannot stand here").label(&here, "here").help("two values are compared with `==`");
    }
    Diagnostic::error(format!("`{word}` was not expected here")).label(&here, "here")
}

fn slip(source: &Arc<Source>, text: &str, from: usize, to: usize, at: usize) -> Option<Diagnostic> {
    let before = &text[from..at];
    let first = text[from..to].split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
    for (word, why, write) in WORDS {
        let place = if first == *word {
            Some(from)
        } else {
            before.rfind(word).map(|k| from + k).filter(|k| text[k + word.len()..at].trim().is_empty() && !text[..*k].ends_with(|c: char| c.is_alphanumeric()))
        };
        if let Some(k) = place {
            return Some(Diagnostic::error(*why).label(&Span::new(source, k, k + word.len()), "here").help(format!("for example: {write}")));
        }
    }
    let near = text[at..to].trim_start();
    let start = at + text[at..to].len() - near.len();
    let start_before = text[from..start].char_indices().next_back().map_or(start, |(k, _)| from + k);
    for (sign, why, write) in SLIPS {
        for k in [start, start_before] {
            if text[k..to].starts_with(sign) && !(*sign == "!" && text[k..to].starts_with("!=")) {
                let span = Span::new(source, k, k + sign.len());
                return Some(Diagnostic::error(*why).label(&span, "here").help(format!("write: {write}")));
            }
        }
    }
    None
}
