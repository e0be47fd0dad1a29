//! From the tree to Core: every expression is given its meaning once, with the types, index sets and known values of the
//! call that it stands in, and the mistakes found on the way are collected.
//!
//! Checking and lowering are one walk, not two: a function is specialised to each call, so an expression has a type only
//! within a call, and a second walk would have to repeat the first. What is known (sizes, index sets, functions, texts)
//! stays a [`Value`]; what must be computed becomes a step of Core.
//!
//! It never computes a number that the program asks for, and knows nothing of engines, files or the terminal.

mod affine;
pub mod arithmetic;
pub mod assign;
pub mod builtin;
pub mod call;
mod closed;
pub mod comprehension;
pub mod derivative;
pub mod draw;
pub mod errors;
pub mod estimates;
pub mod expression;
pub mod figure;
pub mod index;
mod foreign;
pub mod library;
mod linear;
pub mod noise;
mod paths;
pub mod process;
pub mod reach;
pub mod scope;
pub mod script;
mod told;
pub mod types;
pub mod value;
pub mod walk;

use crate::core::build::Builder;
use crate::core::{Type, Var};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use noise::Address;
use scope::{Binding, Locals, Names};
use std::collections::HashMap;
use std::rc::Rc;
use told::is_library;
use value::Value;

/// A mistake was found and is in the list: nothing more to say about this expression.
#[derive(Debug, Clone, Copy)]
pub struct Reported;

pub type Checked<T> = Result<T, Reported>;

/// What a session knows between statements. A copy is taken to try a statement, and kept if it succeeds.
#[derive(Clone, Default)]
pub struct Globals {
    pub names: Names,
    /// The library's own names; a program's hide them, but not from the library.
    pub library: Rc<library::Library>,
    /// Modules of the library and files that a program uses, by name.
    pub modules: HashMap<Rc<str>, Rc<Names>>,
    pub slots: Vec<Slot>,
    /// Slots that nothing needs any more.
    pub free: Vec<usize>,
    /// Records that index sets carry, by the set's identity.
    pub records: HashMap<u64, Value>,
    /// Gives lattices and ensembles their identities.
    pub identities: u64,
}

/// Where a value that outlives its statement is kept.
#[derive(Clone)]
pub struct Slot {
    pub ty: Type,
    /// The fluctuations of an estimate over the ensembles that it stems from: ensemble and slot.
    pub fluctuations: Vec<(Rc<value::Ensemble>, usize)>,
    /// A number known already.
    pub literal: Option<crate::core::Literal>,
}

/// Where the errors of a statement's estimates come from. Every mean over `ensemble` that the statement forms is made
/// `mean + strength · deviation[block]`: the derivative by `strength` (which is 0) is the estimate's fluctuation.
pub struct Perturbation {
    pub ensemble: Rc<value::Ensemble>,
    pub strength: Var,
    /// Number of a block of consecutive draws, chain by chain.
    pub block: Var,
}

/// An autocorrelation time that was asked for: with what speaks against it, once it is computed.
pub struct Time {
    /// The number of the doubt, τ_int and its error in entries of the series.
    pub found: [Var; 3],
    pub ensemble: Rc<value::Ensemble>,
    /// How many draws an entry of the series stands for.
    pub length: usize,
    pub span: Span,
}

/// A function's call, as far as messages speak of it.
pub struct Frame {
    pub function: Rc<str>,
    pub is_action: bool,
    pub call: Span,
    /// The text of the function.
    pub text: Span,
    /// The arguments that the call gave, by parameter.
    pub arguments: Vec<(Rc<str>, Span)>,
}

/// The state of the walk through one statement.
pub struct Checker<'g> {
    pub globals: &'g mut Globals,
    pub b: Builder,
    pub locals: Locals,
    pub address: Address,
    /// How deep in functions and comprehensions.
    pub level: u32,
    /// Whether the text being walked is the library's.
    pub in_library: bool,
    /// For each call in this body, which of the calls of that name it is.
    pub ordinals: Rc<HashMap<usize, u32>>,
    /// The calls around, innermost last.
    pub calls: Vec<Frame>,
    /// The index sets of the indices being walked, innermost last; with the place from which a name moves a site.
    pub indexing: Vec<(value::IndexSet, Option<usize>)>,
    /// Slots that this statement reads, and what they are called here.
    pub inputs: Vec<(usize, Var)>,
    /// Estimates among them with their fluctuations.
    pub estimates: Vec<(usize, Var)>,
    pub perturbations: Vec<Perturbation>,
    pub times: Vec<Time>,
    /// Complex values of which a part, the modulus or the conjugate was taken, and where.
    pub parts_taken: Vec<(Var, Span)>,
    /// Records of the ensembles that this statement makes, by identity.
    pub new_records: Vec<(u64, Value)>,
    pub diagnostics: Vec<Diagnostic>,
    /// Processes in whose lines a mistake was found.
    pub mistaken: Vec<Rc<crate::syntax::ast::Process>>,
    /// The module whose text is walked.
    pub module: Option<Rc<str>>,
    /// The name that the statement binds.
    pub binding_name: Rc<str>,
}

impl<'g> Checker<'g> {
    /// Opens a block for what `f` makes, which the caller closes; a block in which a mistake is found is dropped.
    pub fn opened<T>(&mut self, f: impl FnOnce(&mut Self) -> Checked<T>) -> Checked<T> {
        self.b.open();
        let made = f(self);
        if made.is_err() {
            self.b.abandon();
        }
        made
    }

    /// Unknowns of a value's type, to stand for it in a block.
    pub fn fresh_like(&mut self, value: &Value) -> Value {
        value.clone().map_leaves(&mut |v| self.b.fresh_like(v))
    }

    pub fn new(globals: &'g mut Globals) -> Checker<'g> {
        Checker {
            globals,
            b: Builder::new(),
            locals: Locals::default(),
            address: Address::default(),
            level: 0,
            in_library: false,
            ordinals: Rc::default(),
            calls: vec![],
            indexing: vec![],
            inputs: vec![],
            estimates: vec![],
            perturbations: vec![],
            times: vec![],
            parts_taken: vec![],
            new_records: vec![],
            diagnostics: vec![],
            mistaken: vec![],
            module: None,
            binding_name: "it".into(),
        }
    }

    /// Adds a mistake to the list. Inside a function that was called, the call is named too: first, if the function is
    /// the library's.
    pub fn error(&mut self, diagnostic: Diagnostic) -> Reported {
        // What follows from a mistake that has been told already says nothing new.
        let of_unknown = diagnostic.message.rsplit_once("not ").is_some_and(|(_, given)| given.contains("unknown"));
        if of_unknown && self.diagnostics.iter().any(Diagnostic::is_failure) {
            return Reported;
        }
        let Some(diagnostic) = self.told_to_the_caller(diagnostic) else { return Reported };
        let known = self.diagnostics.iter().any(|d| d.message == diagnostic.message && same_place(d, &diagnostic));
        if !known {
            self.diagnostics.push(diagnostic);
        }
        Reported
    }

    pub fn fail<T>(&mut self, diagnostic: Diagnostic) -> Checked<T> {
        Err(self.error(diagnostic))
    }

    pub fn fresh_identity(&mut self) -> u64 {
        self.globals.identities += 1;
        self.globals.identities
    }

    /// What a name stands for: innermost block first, then the program, then the library.
    pub fn lookup(&self, name: &str) -> Option<&Binding> {
        if let Some(local) = self.locals.get(name) {
            return Some(local);
        }
        if let Some(names) = self.module.as_ref().and_then(|m| self.globals.modules.get(m)) {
            return names.get(name).or_else(|| self.globals.library.get(name));
        }
        if self.in_library {
            return self.globals.library.get(name);
        }
        self.globals.names.get(name).or_else(|| self.globals.library.get(name))
    }

    /// A binding's value with leaves that this statement can use.
    pub fn import(&mut self, binding: &Binding) -> Value {
        if !binding.stored {
            return binding.value.clone();
        }
        let value = binding.value.clone();
        value.map_leaves(&mut |slot| self.input(slot.0 as usize))
    }

    /// What a slot is called in this statement.
    pub fn input(&mut self, slot: usize) -> Var {
        let info = self.globals.slots[slot].clone();
        if let Some(literal) = info.literal {
            // Constants go to the outermost block, where every later step sees them.
            return self.b.constant(literal);
        }
        let known = self.inputs.iter().find(|(s, _)| *s == slot).map(|(_, var)| *var);
        let var = known.unwrap_or_else(|| {
            let var = self.b.fresh(info.ty.clone());
            self.inputs.push((slot, var));
            var
        });
        if info.fluctuations.is_empty() { var } else { self.stored_estimate(slot, var, info.fluctuations) }
    }

    /// A stored estimate with its fluctuations: what this statement has made of it already, if that is seen from here.
    fn stored_estimate(&mut self, slot: usize, value: Var, fluctuations: Vec<(Rc<value::Ensemble>, usize)>) -> Var {
        let known = self.estimates.iter().rev().find(|(s, var)| *s == slot && self.b.definition(*var).is_some());
        if let Some((_, var)) = known {
            return *var;
        }
        let mut estimate = value;
        for (ensemble, fluctuation) in fluctuations {
            let fluctuation = self.input(fluctuation);
            estimate = self.perturbed(estimate, &ensemble, fluctuation);
        }
        self.estimates.push((slot, estimate));
        estimate
    }

    pub fn bind(&mut self, name: &crate::syntax::ast::Name, value: Value, mutable: bool) {
        let binding = Binding { value, mutable, level: self.level, stored: false, span: Some(name.span.clone()) };
        self.locals.bind(name.text.clone(), binding);
    }

    /// Runs `f` one function or comprehension deeper, and forgets the names that it binds.
    pub fn deeper<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        self.level += 1;
        let mark = self.locals.mark();
        let result = f(self);
        self.locals.leave(mark);
        self.level -= 1;
        result
    }
}

fn same_place(a: &Diagnostic, b: &Diagnostic) -> bool {
    match (a.labels.first(), b.labels.first()) {
        (Some((x, _)), Some((y, _))) => x.start == y.start && x.end == y.end && std::sync::Arc::ptr_eq(&x.source, &y.source),
        _ => a.labels.is_empty() && b.labels.is_empty(),
    }
}
