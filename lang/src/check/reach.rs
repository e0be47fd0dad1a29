//! What a session can still reach: the slots that its names need, directly or through functions, processes, estimates and the records
//! that index sets carry. All others are given back.

use super::process::{Dynamics, Process};
use super::value::{Closure, Distribution, Function, IndexSet, Number, Value};
use super::{Binding, Globals};
use crate::core::Var;
use std::collections::HashSet;
use std::rc::Rc;

#[derive(Default)]
pub struct Reached {
    pub slots: HashSet<usize>,
    /// Index sets that carry records, by identity.
    pub carriers: HashSet<u64>,
    /// Closures that have been looked at, which many values share.
    closures: HashSet<*const Closure>,
}

impl Reached {
    pub fn of(globals: &Globals) -> Reached {
        let mut reached = Reached::default();
        let modules = globals.modules.values().flat_map(|names| names.values());
        globals.names.values().chain(modules).for_each(|binding| reached.binding(binding));
        // What is reached through others, until nothing new is.
        loop {
            let before = (reached.slots.len(), reached.carriers.len());
            for slot in reached.slots.clone() {
                for (ensemble, fluctuation) in &globals.slots[slot].fluctuations {
                    reached.carriers.insert(ensemble.identity);
                    reached.slots.insert(*fluctuation);
                }
            }
            for carrier in reached.carriers.clone() {
                if let Some(record) = globals.records.get(&carrier) {
                    reached.value(record);
                }
            }
            if (reached.slots.len(), reached.carriers.len()) == before {
                return reached;
            }
        }
    }

    fn binding(&mut self, binding: &Binding) {
        // Others belong to a statement that has ended: types, of which the sizes alone count.
        if binding.stored {
            self.value(&binding.value);
        }
    }

    fn var(&mut self, var: Var) {
        self.slots.insert(var.0 as usize);
    }

    fn set(&mut self, set: &IndexSet) {
        self.carriers.extend(set.carrier());
    }

    fn number(&mut self, number: &Number) {
        number.leaves().into_iter().for_each(|v| self.var(v));
        number.sets.iter().for_each(|s| self.set(s));
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Number(n) => self.number(n),
            Value::Set(set) => self.set(set),
            Value::Site(site) => self.var(site.base),
            Value::Function(function) => self.function(function),
            Value::Process(process) => self.process(process),
            Value::Tuple(items) => items.iter().for_each(|v| self.value(v)),
            Value::Record(fields) => fields.iter().for_each(|(_, v)| self.value(v)),
            Value::Distribution(distribution) => match &**distribution {
                Distribution::Normal { mean: a, deviation: b } | Distribution::Uniform { low: a, high: b } => {
                    self.number(a);
                    self.number(b);
                }
                Distribution::Exponential { rate } => self.number(rate),
                Distribution::Standard(value) | Distribution::Made(value) => self.value(value),
            },
            Value::Layer(_) => value.leaves().into_iter().for_each(|v| self.var(v)),
            // `dt` and noises stand in the lines of processes alone.
            Value::Text(_) | Value::Displacement(_) | Value::Differential(_) | Value::Unit | Value::Unknown => {}
        }
    }

    fn function(&mut self, function: &Rc<Function>) {
        match &**function {
            Function::User(closure) => self.closure(closure),
            Function::Derived(_, function) => self.function(function),
            Function::Fixed { function, noise } => {
                noise.turns.iter().chain(noise.members.iter().map(|(member, _)| member)).for_each(|v| self.var(*v));
                self.function(function);
            }
            Function::OfProcess(process, _) => self.process(process),
            Function::Primitive(_) | Function::Builtin(_) => {}
        }
    }

    fn process(&mut self, process: &Rc<Process>) {
        match &process.dynamics {
            Dynamics::Declared(closure, _) => self.closure(closure),
            Dynamics::Derived { of, drift, .. } => {
                self.process(of);
                self.function(drift);
            }
        }
    }

    fn closure(&mut self, closure: &Closure) {
        if self.closures.insert(closure) {
            closure.locals.bindings().for_each(|binding| self.binding(binding));
        }
    }
}

impl Globals {
    /// Gives back what nothing can reach any more; returns what is left.
    pub fn forget(&mut self) -> Reached {
        let reached = Reached::of(self);
        self.records.retain(|carrier, _| reached.carriers.contains(carrier));
        self.free = (0..self.slots.len()).rev().filter(|slot| !reached.slots.contains(slot)).collect();
        // An estimate's ensembles would live on in it.
        for slot in &self.free {
            self.slots[*slot].fluctuations = vec![];
        }
        reached
    }

    /// A slot for a value that outlives its statement.
    pub fn new_slot(&mut self, slot: super::Slot) -> usize {
        match self.free.pop() {
            Some(free) => {
                self.slots[free] = slot;
                free
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        }
    }
}
