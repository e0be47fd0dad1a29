//! Programs made ready before they are asked for, on threads that have nothing else to do: while the text behind them is still checked, and
//! before anything runs.

use crate::core::Program;
use crate::execute::Ready;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Programs by their identity, of equal ones the first.
#[derive(Default)]
pub struct Ahead {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    known: HashSet<u128>,
    waiting: VecDeque<(u128, Arc<Program>)>,
    ready: HashMap<u128, Ready>,
    /// No more programs will come.
    complete: bool,
}

impl Ahead {
    /// Whether the program was not known.
    pub fn add(&self, identity: u128, program: &Arc<Program>) -> bool {
        let mut state = self.state();
        let new = state.known.insert(identity);
        if new {
            state.waiting.push_back((identity, program.clone()));
            self.changed.notify_one();
        }
        new
    }

    /// Makes programs ready until no more will come.
    pub fn work(&self) {
        while let Some((identity, program)) = self.next() {
            let ready = Ready::new(&program, false);
            self.state().ready.insert(identity, ready);
        }
    }

    fn next(&self) -> Option<(u128, Arc<Program>)> {
        let mut state = self.state();
        loop {
            match state.waiting.pop_front() {
                Some(next) => return Some(next),
                None if state.complete => return None,
                None => state = self.changed.wait(state).expect("no panic holds it"),
            }
        }
    }

    /// What is worked on is finished, nothing else begun.
    pub fn give_up(&self) {
        self.state().waiting.clear();
        self.complete();
    }

    /// No more programs will come.
    pub fn complete(&self) {
        self.state().complete = true;
        self.changed.notify_all();
    }

    /// All that was made ready.
    pub fn ready(self) -> HashMap<u128, Ready> {
        self.state.into_inner().expect("no panic holds it").ready
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic holds it")
    }
}

/// Gives up when it goes: threads that wait for more must not wait for ever, whatever happens to the one that adds.
pub struct GivesUp<'a>(pub &'a Ahead);

impl Drop for GivesUp<'_> {
    fn drop(&mut self) {
        self.0.give_up();
    }
}
