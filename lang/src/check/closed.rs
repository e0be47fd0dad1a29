//! Names that were declared in a block which has ended: what a program reads behind it, where nothing has that name any more.

use crate::source::Span;
use crate::syntax::ast::Name;
use crate::syntax::tokens::{Kind, Token, tokens};

/// Where a name was declared that is read behind the block.
pub struct Declared {
    pub place: Span,
    /// The words before the block, `for x in Λ`.
    pub head: Span,
    /// What the block is.
    pub block: Block,
    /// Whether it is the name that a `for` gives its values.
    pub runs: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Block {
    Loop,
    Branch,
    Function,
    Other,
}

struct Open {
    head: (usize, usize),
    declared: Vec<(usize, bool)>,
}

/// The last block that ended before this place and had a name like this.
pub fn declared(name: &Name) -> Option<Declared> {
    let source = &name.span.source;
    let text = |t: &Token| t.text(&source.text);
    let tokens = tokens(&source.text).tokens;
    let end = tokens.iter().position(|t| t.start >= name.span.start).unwrap_or(tokens.len());
    let (mut blocks, mut brackets): (Vec<Open>, usize) = (vec![], 0);
    // Of a `for` whose block comes yet.
    let mut running: Vec<usize> = vec![];
    let mut found = None;
    for k in 0..end {
        let token = &tokens[k];
        match (token.kind, text(token)) {
            (Kind::Open, "{") => {
                let head = head_before(&tokens[..k], &source.text);
                blocks.push(Open { head, declared: running.drain(..).map(|k| (k, true)).collect() });
            }
            (Kind::Open, _) => brackets += 1,
            (Kind::Close, "}") => {
                let Some(block) = blocks.pop() else { continue };
                if let Some((k, runs)) = block.declared.last() {
                    let place = Span::new(source, tokens[*k].start, tokens[*k].end);
                    let head = Span::new(source, block.head.0, block.head.1);
                    found = Some(Declared { block: kind_of(head.text()), place, head, runs: *runs });
                }
            }
            (Kind::Close, _) => brackets = brackets.saturating_sub(1),
            (Kind::Word, "let" | "var" | "for") => {
                let names = tokens[k + 1..end].iter().enumerate().take_while(|(_, t)| is_of_pattern(t, text(t)));
                let Some(at) = names.filter(|(_, t)| text(t) == name.span.text()).map(|(j, _)| k + 1 + j).next() else { continue };
                match (text(token), blocks.last_mut()) {
                    ("for", _) if brackets == 0 => running.push(at),
                    ("for", _) => {}
                    (_, Some(block)) => block.declared.push((at, false)),
                    (_, None) => {}
                }
            }
            _ => {}
        }
    }
    found
}

/// Names, and the brackets and commas of `(a, b)`.
fn is_of_pattern(token: &Token, text: &str) -> bool {
    match token.kind {
        Kind::Word => text != "in",
        Kind::Comma => true,
        Kind::Open | Kind::Close => matches!(text, "(" | ")"),
        _ => false,
    }
}

/// From the beginning of the statement that a block belongs to.
fn head_before(tokens: &[Token], source: &str) -> (usize, usize) {
    let begins = |t: &Token| matches!(t.kind, Kind::Newline | Kind::Semicolon) || matches!(t.text(source), "{" | "}");
    let first = tokens.iter().rposition(begins).map_or(0, |k| k + 1);
    match &tokens[first..] {
        [] => tokens.last().map_or((0, 0), |t| (t.start, t.end)),
        [first, .., last] => (first.start, last.end),
        [only] => (only.start, only.end),
    }
}

fn kind_of(head: &str) -> Block {
    match head.split(|c: char| !c.is_alphanumeric()).next().unwrap_or("") {
        "for" | "while" => Block::Loop,
        "if" | "else" => Block::Branch,
        "fn" | "action" => Block::Function,
        _ if head.ends_with("->") => Block::Function,
        _ if head.contains("if ") => Block::Branch,
        _ => Block::Other,
    }
}
