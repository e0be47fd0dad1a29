//! Where the numbers of a body are: in registers, or, when there are not enough, in the function's frame.

use super::body::*;

/// Something to read: a register, or a place in memory that an instruction can read by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    Register(u8),
    /// What a node of the kernel loads.
    Load(usize),
    Held(usize),
    Spilled(usize),
}

#[derive(Clone, Copy, Debug)]
pub enum Placed {
    Move { to: u8, from: Source },
    One { op: One, to: u8, from: Source },
    Two { op: Two, to: u8, left: u8, right: Source },
    Choose { to: u8, mask: u8, then: Source, otherwise: u8 },
    Spill { slot: usize, from: u8 },
    /// Into the place of a root.
    Store { root: usize, from: u8 },
}

pub struct Assignment {
    pub code: Vec<Placed>,
    /// Held numbers that keep a register through the whole function, by number.
    pub pinned: Vec<Option<u8>>,
    pub spills: usize,
}

/// Assigns `registers` registers. Numbers that are held are kept in those that the body leaves free, the most read first.
pub fn assign(body: &Body, registers: u8) -> Assignment {
    let uses = uses(body);
    let nothing = vec![None; body.held.len()];
    let pressure = Walk::new(body, &uses, &nothing, u8::MAX).run().most;
    let free = registers.saturating_sub(pressure);
    let mut wanted: Vec<(usize, usize)> = body
        .steps
        .iter()
        .enumerate()
        .filter_map(|(k, s)| if let Step::Held(held) = s { Some((uses[k].len(), *held)) } else { None })
        .collect();
    wanted.sort_by_key(|(count, held)| (std::cmp::Reverse(*count), *held));
    let mut pinned = nothing;
    for (k, (_, held)) in wanted.iter().take(free as usize).enumerate() {
        pinned[*held] = Some(registers - 1 - k as u8);
    }
    let left = registers - wanted.len().min(free as usize) as u8;
    let walk = Walk::new(body, &uses, &pinned, left).run();
    Assignment { code: walk.code, spills: walk.slots, pinned }
}

/// Who reads each step, in order; a result is read at the end.
fn uses(body: &Body) -> Vec<Vec<usize>> {
    let mut uses = vec![vec![]; body.steps.len()];
    for (k, step) in body.steps.iter().enumerate() {
        step.args().for_each(|a| uses[a].push(k));
    }
    body.results.iter().enumerate().for_each(|(root, step)| uses[*step].push(body.steps.len() + root));
    uses
}

struct Walk<'b> {
    body: &'b Body,
    uses: &'b [Vec<usize>],
    pinned: &'b [Option<u8>],
    /// For each register the step that it holds.
    registers: Vec<Option<usize>>,
    /// For each step the register that holds it.
    at: Vec<Option<u8>>,
    /// For each step the slot that it was spilled to.
    slot: Vec<Option<usize>>,
    /// How many of the uses of each step are done.
    done: Vec<usize>,
    code: Vec<Placed>,
    slots: usize,
    /// The most registers that were taken at once.
    most: u8,
}

impl<'b> Walk<'b> {
    fn new(body: &'b Body, uses: &'b [Vec<usize>], pinned: &'b [Option<u8>], registers: u8) -> Walk<'b> {
        let count = body.steps.len();
        Walk {
            body,
            uses,
            pinned,
            registers: vec![None; registers as usize],
            at: vec![None; count],
            slot: vec![None; count],
            done: vec![0; count],
            code: vec![],
            slots: 0,
            most: 0,
        }
    }

    fn run(mut self) -> Self {
        for (k, step) in self.body.steps.iter().enumerate() {
            match *step {
                // Read where it is used.
                Step::Load(_) | Step::Held(_) => {}
                Step::One(op, a) => {
                    let from = self.source(a, &[]);
                    self.finish(&[a]);
                    let to = self.register_for(k);
                    self.code.push(Placed::One { op, to, from });
                }
                Step::Two(op, a, b) => {
                    let (a, b) = if op.commutes() && self.is_near(b) && !self.is_near(a) { (b, a) } else { (a, b) };
                    let left = self.register(a, &[]);
                    let right = self.source(b, &[left]);
                    self.finish(&[a, b]);
                    let to = self.register_for(k);
                    self.code.push(Placed::Two { op, to, left, right });
                }
                Step::Choose(mask, x, y) => {
                    let m = self.register(mask, &[]);
                    let otherwise = self.register(y, &[m]);
                    let then = if matches!(self.body.steps[x], Step::Load(_)) {
                        Source::Register(self.register(x, &[m, otherwise]))
                    } else {
                        self.source(x, &[m, otherwise])
                    };
                    self.finish(&[mask, x, y]);
                    let to = self.register_for(k);
                    self.code.push(Placed::Choose { to, mask: m, then, otherwise });
                }
            }
        }
        // A root may lie where something is read: all is read before anything is stored.
        for step in &self.body.results {
            if matches!(self.body.steps[*step], Step::Load(_)) && self.at[*step].is_none() && self.slot[*step].is_none() {
                let register = self.register(*step, &[]);
                self.spill(*step, register);
            }
        }
        for (root, step) in self.body.results.iter().enumerate() {
            let from = self.register(*step, &[]);
            self.code.push(Placed::Store { root, from });
            self.finish(&[*step]);
        }
        self
    }

    /// Whether a step is in a register.
    fn is_near(&self, step: usize) -> bool {
        self.at[step].is_some() || matches!(self.body.steps[step], Step::Held(k) if self.pinned[k].is_some())
    }

    /// Where an instruction can read a step as its last argument; loads that are read again go to a register first.
    fn source(&mut self, step: usize, kept: &[u8]) -> Source {
        if self.is_near(step) {
            return Source::Register(self.register(step, kept));
        }
        let read_again = self.uses[step].len() - self.done[step] > 1;
        match (self.slot[step], self.body.steps[step]) {
            (Some(slot), _) => Source::Spilled(slot),
            (None, Step::Held(k)) => Source::Held(k),
            (None, Step::Load(node)) if !read_again => Source::Load(node),
            _ => Source::Register(self.register(step, kept)),
        }
    }

    /// A register that holds a step, while `kept` keep what they hold.
    fn register(&mut self, step: usize, kept: &[u8]) -> u8 {
        if let Some(register) = self.at[step] {
            return register;
        }
        let from = match (self.slot[step], self.body.steps[step]) {
            (Some(slot), _) => Source::Spilled(slot),
            (None, Step::Held(k)) => match self.pinned[k] {
                Some(register) => return register,
                None => Source::Held(k),
            },
            (None, Step::Load(node)) => Source::Load(node),
            _ => unreachable!("a step is computed before it is read"),
        };
        let to = self.free(kept);
        self.code.push(Placed::Move { to, from });
        self.hold(to, step);
        to
    }

    fn register_for(&mut self, step: usize) -> u8 {
        let register = self.free(&[]);
        self.hold(register, step);
        register
    }

    fn hold(&mut self, register: u8, step: usize) {
        self.registers[register as usize] = Some(step);
        self.at[step] = Some(register);
        let taken = self.registers.iter().filter(|r| r.is_some()).count();
        self.most = self.most.max(taken as u8);
    }

    /// A register that is free, or is made so: what is read last of all goes to the frame.
    fn free(&mut self, kept: &[u8]) -> u8 {
        if let Some(register) = self.registers.iter().position(|r| r.is_none()) {
            return register as u8;
        }
        let next = |step: usize| self.uses[step].get(self.done[step]).copied().unwrap_or(usize::MAX);
        let (_, register) = self
            .registers
            .iter()
            .enumerate()
            .filter(|(r, _)| !kept.contains(&(*r as u8)))
            .map(|(r, step)| (next(step.expect("none is free")), r as u8))
            .max()
            .expect("an instruction reads three registers at most");
        let step = self.registers[register as usize].expect("none is free");
        self.spill(step, register);
        register
    }

    fn spill(&mut self, step: usize, register: u8) {
        // What lies in memory anyway is read there again; results that are loaded are not, for stores may come between.
        let is_result = self.body.results.contains(&step);
        let again = match self.body.steps[step] {
            Step::Held(_) => true,
            Step::Load(_) => !is_result,
            _ => false,
        };
        if !again && self.slot[step].is_none() {
            self.slot[step] = Some(self.slots);
            self.code.push(Placed::Spill { slot: self.slots, from: register });
            self.slots += 1;
        }
        self.registers[register as usize] = None;
        self.at[step] = None;
    }

    /// Their reading is done: registers of those that nobody reads any more are free.
    fn finish(&mut self, steps: &[usize]) {
        for step in steps {
            self.done[*step] += 1;
            if self.done[*step] >= self.uses[*step].len()
                && let Some(register) = self.at[*step].take()
            {
                self.registers[register as usize] = None;
            }
        }
    }
}
