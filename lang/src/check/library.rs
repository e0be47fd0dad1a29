//! The library's own functions, each read when it is first asked for: a program uses few of them.

use super::scope::Binding;
use super::value::{Closure, Declaration, Function, Value};
use super::walk;
use crate::source::Source;
use crate::syntax;
use crate::syntax::ast::StatementKind;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

#[derive(Default)]
pub struct Library {
    functions: HashMap<Rc<str>, Entry>,
}

struct Entry {
    text: Arc<Source>,
    binding: OnceCell<Option<Binding>>,
}

impl Library {
    /// The functions of these files, of each its path and text.
    pub fn new(files: impl Iterator<Item = (&'static str, &'static str)>) -> Library {
        let mut functions = HashMap::new();
        for (path, text) in files {
            for (name, declaration) in declarations(text) {
                let text = Arc::new(Source { name: format!("library {path}"), text: declaration.to_string() });
                functions.insert(syntax::latin(name).as_ref().into(), Entry { text, binding: OnceCell::new() });
            }
        }
        Library { functions }
    }

    pub fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }

    pub fn names(&self) -> impl Iterator<Item = &Rc<str>> {
        self.functions.keys()
    }

    pub fn get(&self, name: &str) -> Option<&Binding> {
        let entry = self.functions.get(name)?;
        entry.binding.get_or_init(|| read(&entry.text)).as_ref()
    }
}

/// A file's functions, by name: each with the documentation before it. In the library nothing but comments stands between them, and
/// their ends are not indented.
pub fn declarations(text: &str) -> Vec<(&str, &str)> {
    let mut found: Vec<(&str, usize)> = vec![];
    let (mut at, mut documented) = (0, None);
    for line in text.split_inclusive('\n') {
        if line.starts_with("##") {
            documented.get_or_insert(at);
        } else {
            if let Some(rest) = line.strip_prefix("fn ") {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                found.push((&rest[..end], documented.unwrap_or(at)));
            }
            documented = None;
        }
        at += line.len();
    }
    let ends = found.iter().skip(1).map(|(_, start)| *start).chain([text.len()]);
    found.iter().zip(ends).map(|((name, start), end)| (*name, &text[*start..end])).collect()
}

fn read(text: &Arc<Source>) -> Option<Binding> {
    let (program, _) = syntax::parse(text);
    let StatementKind::Function(function) = &program.statements.first()?.kind else { return None };
    let closure = Closure {
        declaration: Declaration::Function(function.clone()),
        locals: Default::default(),
        ordinals: Rc::new(walk::ordinals(&function.body)),
        checked: Default::default(),
        library: true,
        module: None,
    };
    let value = Value::Function(Rc::new(Function::User(closure)));
    Some(Binding { value, mutable: false, level: 0, stored: true, span: Some(function.name.span.clone()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_found_whole() {
        for path in moyal_stdlib::module("prelude").expect("the list of files").lines() {
            let text = moyal_stdlib::module(path).expect("a file");
            let whole = Arc::new(Source { name: path.to_string(), text: text.to_string() });
            let (program, mistakes) = syntax::parse(&whole);
            assert!(mistakes.is_empty(), "{path}: {}", mistakes[0].message);
            let found = declarations(text);
            assert_eq!(found.len(), program.statements.len(), "{path}");
            for ((name, declaration), statement) in found.into_iter().zip(&program.statements) {
                let StatementKind::Function(function) = &statement.kind else { panic!("{path} declares something else than functions") };
                let text = Arc::new(Source { name: path.to_string(), text: declaration.to_string() });
                let Some(Binding { value: Value::Function(read), .. }) = read(&text) else { panic!("{path}: {name} cannot be read") };
                let read = read.declared().expect("a function of the text");
                assert_eq!((&read.name.text, &read.doc), (&function.name.text, &function.doc), "{path}");
                assert_eq!(read.span.text(), function.span.text(), "{path}");
            }
        }
    }
}
