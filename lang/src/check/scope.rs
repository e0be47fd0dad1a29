//! Names and what they stand for.

use super::value::Value;
use crate::source::Span;
use std::collections::HashMap;
use std::rc::Rc;

#[derive(Clone)]
pub struct Binding {
    pub value: Value,
    /// Declared by `var`.
    pub mutable: bool,
    /// How deep in functions and comprehensions it was declared: only there may it be assigned.
    pub level: u32,
    /// The value's leaves are numbers of the session's slots, not variables of the statement being checked.
    pub stored: bool,
    pub span: Option<Span>,
}

/// The names inside functions and blocks, innermost last. A function keeps the ones that it saw where it was written, and each of its
/// calls goes on from these.
#[derive(Clone, Default)]
pub struct Locals {
    kept: Rc<Vec<(Rc<str>, Binding)>>,
    own: Vec<(Rc<str>, Binding)>,
}

impl Locals {
    pub fn bind(&mut self, name: Rc<str>, binding: Binding) {
        self.own.push((name, binding));
    }

    /// The same for a function to keep.
    pub fn seen(&self) -> Locals {
        if self.own.is_empty() {
            return self.clone();
        }
        Locals { kept: Rc::new(self.entries().cloned().collect()), own: vec![] }
    }

    fn entries(&self) -> impl DoubleEndedIterator<Item = &(Rc<str>, Binding)> {
        self.kept.iter().chain(&self.own)
    }

    pub fn get(&self, name: &str) -> Option<&Binding> {
        self.entries().rev().find(|(n, _)| &**n == name).map(|(_, b)| b)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut Binding> {
        match self.own.iter().rposition(|(n, _)| &**n == name) {
            Some(k) => Some(&mut self.own[k].1),
            None => {
                let k = self.kept.iter().rposition(|(n, _)| &**n == name)?;
                Some(&mut Rc::make_mut(&mut self.kept)[k].1)
            }
        }
    }

    /// How many names there are: the mark to which [`Locals::leave`] goes back at the end of a block.
    pub fn mark(&self) -> usize {
        self.own.len()
    }

    pub fn leave(&mut self, mark: usize) {
        self.own.truncate(mark);
    }

    pub fn names(&self) -> impl Iterator<Item = &Rc<str>> {
        self.entries().map(|(n, _)| n)
    }

    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.entries().map(|(_, b)| b)
    }

    /// The names with values of this statement given over to `f`, once each: what is hidden by a later name goes. Hidden
    /// entries for types keep their values, of which only the type counts.
    pub fn kept(&self, f: &mut dyn FnMut(Value) -> Value) -> Locals {
        let is_visible = |k: usize, name: &str| !self.names().skip(k + 1).any(|n| &**n == name);
        let visible = self.entries().enumerate().filter(|(k, (name, _))| is_visible(*k, name));
        let entries = visible.map(|(_, (name, binding))| {
            let mut binding = binding.clone();
            if !binding.stored && !name.starts_with("type ") {
                binding.value = f(binding.value);
                binding.stored = true;
            }
            (name.clone(), binding)
        });
        Locals { kept: Rc::new(entries.collect()), own: vec![] }
    }
}

/// The names of one text's top level: a program's, or the library's.
pub type Names = HashMap<Rc<str>, Binding>;

/// The known name that is nearest to a misspelt one, if one is near.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A slip of the fingers: more than that would be another word.
    let limit = match name.chars().count() {
        0..=2 => 0,
        3..=4 => 1,
        5..=8 => 2,
        _ => 3,
    };
    known.map(|k| (distance(name, k), k)).filter(|(d, k)| *d <= limit && *d < k.chars().count()).min().map(|(_, k)| k)
}

/// Insertions, deletions, exchanges and swaps of neighbours between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let exchange = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]) as usize;
            let mut best = exchange.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}
