//! A session: statements compiled one after the other, and the values that they have made. The REPL continues one, `run`
//! makes one for a file, the embedding API holds one.

use crate::ahead::{Ahead, GivesUp};
use crate::check::script::{Action, Count, Piece, Plot, Script, ScriptChecker, Then, Unit};
use crate::check::value::Value;
use crate::check::{Globals, Slot, figure};
use crate::core::{Op, Program, Type, Var};
use crate::diagnostic::Diagnostic;
use crate::engine::{Context, Control, FailureKind, State};
use crate::execute::{self, Ready};
use crate::estimate::{self, Estimate, Reason};
use crate::format::{self, Slots};
use crate::host::{Figure, Host, Layer, LayerKind, Options, ParamInfo, Progress, Stored};
use crate::meaning::{self, Meaning};
use crate::measure::{self, Movable};
use crate::profile::{Kind, Profile, Profiler};
use crate::report;
use crate::source::{Source, Span};
use crate::syntax::ast::{Name, Pattern, Statement, StatementKind};
use crate::syntax;
use crate::verify;
use moyal_runtime::array::Array;
use moyal_runtime::threads::Pool;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Gives the text of a library module by its path, e.g. `prelude` or `rmt`.
pub type Library = fn(&str) -> Option<&'static str>;

pub struct Session {
    pub options: Options,
    library: Library,
    globals: Globals,
    store: Vec<Option<Arc<Array>>>,
    /// How many entries the REPL has made.
    entries: usize,
    pool: Pool,
    /// Functions that have been called, ready for arguments of the same types.
    calls: Vec<Called>,
    /// Programs that are ready for another run, the last one first.
    ready: RefCell<Vec<((u128, bool), Rc<Ready>)>>,
    /// How many programs have been made ready.
    made_ready: Cell<usize>,
    /// How many loops of the script are running, one in the other.
    loops: usize,
    /// What has been said against ensembles, by identity.
    warned: HashSet<(u64, Reason)>,
    /// Measures, while that is wanted.
    profiler: Option<Profiler>,
}

/// A function made ready for arguments of these types (of complex ones, the parts).
struct Called {
    function: String,
    types: Vec<(Type, bool)>,
    globals: Globals,
    unit: Option<Unit>,
    slots: Vec<(usize, Option<usize>)>,
    value: Value,
}

/// How many functions of what types stay ready, and how many programs.
const READY: usize = 64;

/// How often progress is told.
const TELL: Duration = Duration::from_millis(200);

/// A statement that ends sooner tells no progress.
const PATIENCE: Duration = Duration::from_millis(500);

/// A clock that turns of a loop look at, but not each one if they are quick: to look takes as long as a few operations.
struct Clock {
    seen: Instant,
    /// How many turns pass without a look, and how many have.
    pass: u32,
    passed: u32,
}

impl Clock {
    /// The most turns that pass unseen: so many are quick, whatever the next ones are.
    const MOST: u32 = 64;
    /// What passes between two looks at quick turns.
    const OFTEN: Duration = Duration::from_micros(50);

    fn new() -> Clock {
        Clock { seen: Instant::now(), pass: 0, passed: 0 }
    }

    fn look(&mut self) -> Option<Instant> {
        if self.passed < self.pass {
            self.passed += 1;
            return None;
        }
        let now = Instant::now();
        self.pass = if now - self.seen < Self::OFTEN { (2 * self.pass + 1).min(Self::MOST) } else { 0 };
        (self.seen, self.passed) = (now, 0);
        Some(now)
    }
}

impl Session {
    pub fn new(library: Library, options: Options) -> Session {
        let pool = Pool::new(options.threads);
        Session {
            pool,
            options,
            library,
            globals: Globals::default(),
            store: vec![],
            entries: 0,
            calls: vec![],
            ready: RefCell::default(),
            made_ready: Cell::new(0),
            loops: 0,
            warned: HashSet::new(),
            profiler: None,
        }
    }

    // ---- profiles ----

    /// From now on it is measured where the time goes.
    pub fn profile(&mut self) {
        self.profiler = Some(Profiler::start(&self.pool));
    }

    /// Where the time has gone since [`Session::profile`].
    pub fn profiled(&mut self) -> Option<Profile> {
        self.profiler.take().map(Profiler::profile)
    }

    /// The time, if it is measured.
    fn clock(&self) -> Option<Instant> {
        self.profiler.as_ref().map(|_| Instant::now())
    }

    /// What took the time since then: work of a statement, or of none.
    fn spent(&self, statement: Option<&Span>, kind: Kind, since: Option<Instant>) {
        if let (Some(profiler), Some(since)) = (&self.profiler, since) {
            profiler.clocked(statement, kind, since.elapsed().as_secs_f64());
        }
    }

    // ---- texts ----

    /// The params that a text declares, without running anything.
    pub fn params(&mut self, name: &str, text: &str, host: &mut dyn Host) -> Result<Vec<ParamInfo>, Vec<Diagnostic>> {
        let mut globals = Globals::default();
        let (script, mistakes) = self.checked(&mut globals, name, text, host, false, None);
        match script {
            Some(script) if !script.params.is_empty() || mistakes.is_empty() => Ok(script.params),
            _ => Err(mistakes),
        }
    }

    /// Checks a text whole and runs nothing. Warnings come with success.
    pub fn check(&mut self, name: &str, text: &str, host: &mut dyn Host) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        let mut globals = self.globals.clone();
        let (_, mistakes) = self.checked(&mut globals, name, text, host, false, None);
        if failed(&mistakes) { Err(mistakes) } else { Ok(mistakes) }
    }

    /// Checks a text whole, then runs it statement by statement. What statements before a failure have made is kept.
    pub fn run(&mut self, name: &str, text: &str, host: &mut dyn Host) -> Result<(), Vec<Diagnostic>> {
        self.checked_and_run(name, text, host, false)
    }

    /// The same for a text after which nothing comes: what it asks of a sampler's draws is computed as they appear, and the
    /// draws are kept only where it needs them.
    pub fn run_alone(&mut self, name: &str, text: &str, host: &mut dyn Host) -> Result<(), Vec<Diagnostic>> {
        // On one thread each program is compiled when it is met, and so it is where that is measured.
        let ahead = self.pool.threads() > 1 && self.profiler.is_none() && !self.options.interpret;
        let (globals, script, warnings) = self.checked_whole(name, text, ahead, host)?;
        for warning in &warnings {
            host.warn(warning);
        }
        self.globals = globals;
        self.calls.clear();
        self.actions(&script.actions, host).map_err(|d| vec![d])
    }

    /// Checks a text whole and makes its programs ready; nothing runs. How many there are.
    pub fn compile(&mut self, name: &str, text: &str, host: &mut dyn Host) -> Result<usize, Vec<Diagnostic>> {
        let before = self.compilations();
        self.checked_whole(name, text, !self.options.interpret, host)?;
        Ok(self.compilations() - before)
    }

    /// A text after which nothing comes, with the warnings about it. If its programs are to be made ready `ahead`, all threads do that,
    /// and those that do not check begin while it is checked.
    fn checked_whole(&self, name: &str, text: &str, ahead: bool, host: &mut dyn Host) -> Result<(Globals, Script, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut globals = self.globals.clone();
        let making = Ahead::default();
        let checked = std::thread::scope(|scope| {
            let _gives_up = GivesUp(&making);
            let (mut others, mut movable) = (self.pool.threads() - 1, Movable::default());
            let mut add = |unit: &Unit| {
                let new = !is_constant(&unit.program) && making.add(unit.identity(), &unit.program);
                if new && others > 0 {
                    others -= 1;
                    scope.spawn(|| making.work());
                }
            };
            let mut watch = |unit: &Unit| {
                if !movable.may_change(unit) {
                    add(unit);
                }
            };
            let watch: Option<&mut dyn FnMut(&Unit)> = if ahead { Some(&mut watch) } else { None };
            let (script, mistakes) = self.checked(&mut globals, name, text, host, false, watch);
            let Some(mut script) = script.filter(|_| !failed(&mistakes)) else { return Err(mistakes) };
            let since = self.clock();
            // The interpreter shows what this must not change.
            if !self.options.interpret {
                measure::script(&mut script, &mut globals.slots);
            }
            self.spent(None, Kind::Compiling, since);
            if ahead {
                units(&script).into_iter().for_each(add);
                making.complete();
                making.work();
            }
            Ok((script, mistakes))
        });
        let (script, warnings) = checked?;
        let ready: HashMap<u128, Rc<Ready>> = making.ready().into_iter().map(|(identity, ready)| (identity, Rc::new(ready))).collect();
        self.made_ready.set(self.made_ready.get() + ready.len());
        for unit in units(&script) {
            if let Some(ready) = ready.get(&unit.identity()) {
                // None of them has run.
                let _ = unit.ready.set(ready.clone());
            }
        }
        Ok((globals, script, warnings))
    }

    /// Runs the `test` blocks of a text after its other statements; one outcome for each.
    pub fn test(&mut self, name: &str, text: &str, host: &mut dyn Host) -> Result<Vec<TestOutcome>, Vec<Diagnostic>> {
        let mut globals = self.globals.clone();
        let (script, mistakes) = self.checked(&mut globals, name, text, host, false, None);
        let Some(script) = script.filter(|_| !failed(&mistakes)) else { return Err(mistakes) };
        self.globals = globals;
        self.calls.clear();
        self.actions(&script.actions, host).map_err(|d| vec![d])?;
        Ok(self.tests(&script, host))
    }

    fn tests(&mut self, script: &Script, host: &mut dyn Host) -> Vec<TestOutcome> {
        let outcome = |(title, body): &(std::rc::Rc<str>, Vec<Action>)| {
            TestOutcome { title: title.to_string(), failure: self.actions(body, host).err() }
        };
        script.tests.iter().map(outcome).collect()
    }

    /// Checks a text's actions and samplers by what mathematics says of them: see [`verify`].
    pub fn verify(&mut self, name: &str, text: &str, host: &mut dyn Host) -> Result<Verification, Vec<Diagnostic>> {
        let warnings = self.check(name, text, host)?;
        let source = Arc::new(Source::new(name, text));
        let plan = verify::plan(&syntax::parse(&source).0);
        let mut globals = self.globals.clone();
        let (script, mistakes) = self.checked_program(&mut globals, &plan.program, vec![], host, false, None);
        let Some(script) = script.filter(|_| !failed(&mistakes)) else { return Err(mistakes) };
        self.globals = globals;
        self.calls.clear();
        // A number that is not finite fails its check, not the others.
        let allowed = std::mem::replace(&mut self.options.allow_nonfinite, true);
        let outcomes = self.outcomes(&plan.claims, &script.actions, host);
        self.options.allow_nonfinite = allowed;
        let outcomes = outcomes.map_err(|d| vec![d])?;
        let tests = self.tests(&script, host);
        let left_out = [plan.left_out, outcomes.left_out].concat();
        Ok(Verification { outcomes: outcomes.found, stopped: outcomes.stopped, tests, left_out, warnings })
    }

    /// What the claims give, and why some gave nothing: one that stops does not stop those after it.
    fn outcomes(&mut self, claims: &[verify::Claim], actions: &[Action], host: &mut dyn Host) -> Result<Outcomes, Diagnostic> {
        let slots = |claim: &verify::Claim| claim.slots(&self.globals.names);
        let slots: Vec<Vec<usize>> = claims.iter().map(slots).collect();
        let mut stopped: Vec<Option<Diagnostic>> = claims.iter().map(|_| None).collect();
        for action in actions {
            let Err(failure) = self.action(action, host) else { continue };
            let about = |outputs: &[usize]| slots.iter().position(|own| own.iter().any(|slot| outputs.contains(slot)));
            match action {
                Action::Run(unit) if !self.options.stop.load(Ordering::SeqCst) && about(&unit.outputs).is_some() => {
                    stopped[about(&unit.outputs).expect("just found")] = Some(failure);
                }
                _ => return Err(failure),
            }
        }
        let outcome = |(claim, stopped): (&verify::Claim, &Option<Diagnostic>)| match stopped {
            Some(_) => vec![claim.stopped()],
            None => verify::verified(claim, &self.globals.names, self),
        };
        let outcomes: Vec<Vec<verify::Verified>> = claims.iter().zip(&stopped).map(outcome).collect();
        let left_out = claims.iter().zip(&outcomes).filter_map(|(claim, found)| claim.left_out(found)).collect();
        Ok(Outcomes { found: outcomes.concat(), stopped: stopped.into_iter().flatten().collect(), left_out })
    }

    /// One entry of the REPL: like `run`, but a lone expression's value is printed, names may be redefined, and an entry
    /// with a mistake leaves the session as it was.
    pub fn enter(&mut self, text: &str, host: &mut dyn Host) -> Result<(), Vec<Diagnostic>> {
        self.entries += 1;
        let name = format!("<{}>", self.entries);
        self.checked_and_run(&name, text, host, true)
    }

    /// Calls a function of the session with arrays; the leaves of its result in order. An array takes the index sets that
    /// the parameter declares, if their sizes agree.
    pub fn call(&mut self, function: &str, arguments: &[Stored], host: &mut dyn Host) -> Result<Vec<Stored>, Vec<Diagnostic>> {
        let types: Vec<(Type, bool)> = arguments
            .iter()
            .map(|a| (Type::new(a.real.scalar(), a.real.shape.clone()), a.imaginary.is_some()))
            .collect();
        let mut called = match self.calls.iter().position(|c| c.function == function && c.types == types) {
            Some(k) => self.calls.remove(k),
            None => self.made_ready(function, types, host)?,
        };
        std::mem::swap(&mut self.globals, &mut called.globals);
        for (argument, (re, im)) in arguments.iter().zip(&called.slots) {
            self.set(*re, argument.real.clone());
            if let (Some(im), Some(imaginary)) = (im, &argument.imaginary) {
                self.set(*im, imaginary.clone());
            }
        }
        // It is likely to be called again.
        let result = self.looped(|session| called.unit.iter().try_for_each(|unit| session.unit(unit, host)));
        let results = result.map(|()| self.stored(&called.value)).map_err(|d| vec![d]);
        std::mem::swap(&mut self.globals, &mut called.globals);
        self.store.truncate(self.globals.slots.len());
        self.calls.insert(0, called);
        self.calls.truncate(READY);
        results
    }

    fn made_ready(&self, function: &str, types: Vec<(Type, bool)>, host: &mut dyn Host) -> Result<Called, Vec<Diagnostic>> {
        let mut globals = self.globals.clone();
        // What a call needs comes after the session's own, and goes with it.
        globals.free.clear();
        let mut checker = ScriptChecker::new(&mut globals, host, self.library, &[], true);
        let made = checker.call(&syntax::latin(function), &types);
        let mistakes = std::mem::take(&mut checker.diagnostics);
        let Ok((unit, slots, value)) = made else { return Err(mistakes) };
        if !is_stored(&value) {
            let wrong = format!("`{function}` gives {}: numbers, arrays of them, tuples and records can be returned", value.describe());
            return Err(vec![Diagnostic::error(wrong)]);
        }
        Ok(Called { function: function.to_string(), types, globals, unit, slots, value })
    }

    #[cfg(test)]
    pub(crate) fn ready_calls(&self) -> usize {
        self.calls.len()
    }

    /// The leaves of a value.
    fn stored(&self, value: &Value) -> Vec<Stored> {
        match value {
            Value::Number(n) => {
                let part = |v: Var| self.array(v.0 as usize);
                vec![Stored { real: part(n.re), imaginary: n.im.map(part) }]
            }
            Value::Tuple(items) => items.iter().flat_map(|v| self.stored(v)).collect(),
            Value::Record(fields) => fields.iter().flat_map(|(_, v)| self.stored(v)).collect(),
            _ => vec![],
        }
    }

    fn checked_and_run(&mut self, name: &str, text: &str, host: &mut dyn Host, interactive: bool) -> Result<(), Vec<Diagnostic>> {
        let mut globals = self.globals.clone();
        let (script, mistakes) = self.checked(&mut globals, name, text, host, interactive, None);
        let Some(script) = script.filter(|_| !failed(&mistakes)) else { return Err(mistakes) };
        for warning in &mistakes {
            host.warn(warning);
        }
        let before = std::mem::replace(&mut self.globals, globals);
        self.calls.clear();
        let result = self.actions(&script.actions, host);
        if interactive && result.is_err() {
            self.globals = before;
        }
        self.forget();
        result.map_err(|d| vec![d])
    }

    /// Gives back what no name reaches any more.
    fn forget(&mut self) {
        let reached = self.globals.forget();
        self.store.truncate(self.globals.slots.len());
        for (_, value) in self.store.iter_mut().enumerate().filter(|(slot, _)| !reached.slots.contains(slot)) {
            *value = None;
        }
        self.warned.retain(|(ensemble, _)| reached.carriers.contains(ensemble));
    }

    /// How many programs have been compiled since the session began (one that was met again is not compiled again).
    pub fn compilations(&self) -> usize {
        self.made_ready.get()
    }

    /// How many places for values the session has, whether in use or not.
    pub fn places(&self) -> usize {
        self.globals.slots.len()
    }

    /// The program made ready, unless it is still.
    fn ready(&self, unit: &Unit) -> Rc<Ready> {
        if is_constant(&unit.program) {
            return Rc::new(Ready::new(&unit.program, true));
        }
        let key = (unit.identity(), self.options.interpret);
        let mut all = self.ready.borrow_mut();
        let ready = match all.iter().position(|(other, _)| *other == key) {
            Some(k) => all.remove(k).1,
            None => {
                self.made_ready.set(self.made_ready.get() + 1);
                Rc::new(Ready::new(&unit.program, self.options.interpret))
            }
        };
        all.insert(0, (key, ready.clone()));
        all.truncate(READY);
        ready
    }

    /// `watch` is shown every program as soon as it is made.
    fn checked<'c>(
        &'c self,
        globals: &'c mut Globals,
        name: &str,
        text: &str,
        host: &'c mut dyn Host,
        interactive: bool,
        watch: Option<&'c mut dyn FnMut(&Unit)>,
    ) -> (Option<Script>, Vec<Diagnostic>) {
        let since = self.clock();
        let source = Arc::new(Source::new(name, text));
        let (program, mistakes) = syntax::parse(&source);
        let checked = self.checked_program(globals, &program, mistakes, host, interactive, watch);
        self.spent(None, Kind::Checking, since);
        checked
    }

    fn checked_program<'c>(
        &'c self,
        globals: &'c mut Globals,
        program: &syntax::ast::Program,
        mut mistakes: Vec<Diagnostic>,
        host: &'c mut dyn Host,
        interactive: bool,
        watch: Option<&'c mut dyn FnMut(&Unit)>,
    ) -> (Option<Script>, Vec<Diagnostic>) {
        let mut checker = ScriptChecker::new(globals, host, self.library, &self.options.params, interactive);
        if checker.globals.library.is_empty() {
            checker.prelude();
        }
        checker.watch = watch;
        let script = checker.script(program);
        // Names that a statement with a syntax error would have made are missed by others: those mistakes say nothing new.
        if mistakes.is_empty() {
            mistakes.append(&mut checker.diagnostics);
        }
        (Some(script), mistakes)
    }

    /// The documentation and type of a name, for `?name`.
    pub fn describe(&self, name: &str) -> Option<String> {
        let name = syntax::latin(name).into_owned();
        let binding = self.globals.names.get(name.as_str()).or_else(|| self.globals.library.get(name.as_str()));
        if let Some(binding) = binding {
            let doc = match &binding.value {
                Value::Function(f) => crate::check::call::documentation(f),
                _ => None,
            };
            let mut text = format!("{name}: {}", binding.value.describe());
            if let Some(doc) = doc {
                text = format!("{text}\n{doc}");
            }
            return Some(text);
        }
        if let Some(b) = crate::check::builtin::all().iter().find(|b| b.name == name) {
            return Some(format!("{}\n{}", b.usage, b.doc));
        }
        crate::prim::all().find(|r| r.public && r.name == name).map(|r| format!("{}(x)\n{}", r.name, r.doc))
    }

    /// What `:type` says of an expression, which is checked and not computed.
    pub fn meaning(&self, text: &str, host: &mut dyn Host) -> Result<Meaning, Vec<Diagnostic>> {
        let value = self.value_of(text, host)?;
        let Value::Process(process) = &value else { return Ok(meaning::meaning(text, &value, None, None)) };
        // Of a process whose states have no declared types neither can be said.
        let state = self.value_of(&format!("state({text})"), host).ok();
        let time = if process.timed { ", 0.5" } else { "" };
        let noise = match self.value_of(&format!("({text}).noise_kind(state({text}){time})"), host) {
            Ok(Value::Text(kind)) => Some(kind),
            _ => None,
        };
        Ok(meaning::meaning(text, &value, noise.as_deref(), state.as_ref()))
    }

    /// The value of an expression as far as it is known without a run.
    fn value_of(&self, text: &str, host: &mut dyn Host) -> Result<Value, Vec<Diagnostic>> {
        let source = Arc::new(Source::new("<type>", text));
        let (mut program, mistakes) = syntax::parse(&source);
        if failed(&mistakes) {
            return Err(mistakes);
        }
        let [Statement { kind, span, .. }] = &mut program.statements[..] else {
            return Err(vec![Diagnostic::error("a type is that of one expression")]);
        };
        let StatementKind::Expr(value) = kind else {
            return Err(vec![Diagnostic::error("a type is that of an expression").label(span, "this is a statement")]);
        };
        // A name that no text can have.
        let name: std::rc::Rc<str> = "value ".into();
        let pattern = Pattern::Name(Name { text: name.clone(), span: span.clone() });
        *kind = StatementKind::Let { mutable: false, pattern, ty: None, value: value.clone(), draws: false };
        let mut globals = self.globals.clone();
        let (_, mistakes) = self.checked_program(&mut globals, &program, vec![], host, true, None);
        match globals.names.get(&name) {
            Some(binding) if !failed(&mistakes) => Ok(binding.value.clone()),
            _ => Err(mistakes),
        }
    }

    /// Names that begin like this, for completion.
    pub fn complete(&self, start: &str) -> Vec<String> {
        let own = self.globals.names.keys().chain(self.globals.library.names()).map(|n| n.to_string());
        let mut names: Vec<String> =
            own.chain(crate::check::builtin::names().map(str::to_string)).filter(|n| n.starts_with(start) && !n.contains(' ')).collect();
        names.sort();
        names.dedup();
        names
    }

    // ---- running ----

    fn actions(&mut self, actions: &[Action], host: &mut dyn Host) -> Result<(), Diagnostic> {
        actions.iter().try_for_each(|action| self.action(action, host))
    }

    fn action(&mut self, action: &Action, host: &mut dyn Host) -> Result<(), Diagnostic> {
        match action {
            Action::Run(unit) => self.unit(unit, host),
            Action::Load { file, re, im, span } => self.load(file, *re, *im, span, host),
            Action::For { count, turn, body } => {
                let count = match count {
                    Count::Known(n) => *n as i64,
                    Count::Slot(slot) => self.array(*slot).ints()[0],
                };
                self.looped(|session| {
                    (0..count).try_for_each(|k| {
                        session.set(*turn, Arc::new(Array::int(k)));
                        session.actions(body, host)
                    })
                })
            }
            Action::While { condition, turn, test, body } => {
                self.looped(|session| {
                    for k in 0.. {
                        session.unit(condition, host)?;
                        if !session.array(*test).bools()[0] {
                            break;
                        }
                        session.set(*turn, Arc::new(Array::int(k)));
                        session.actions(body, host)?;
                    }
                    Ok(())
                })
            }
            Action::If { condition, test, then, otherwise } => {
                self.unit(condition, host)?;
                let branch = if self.array(*test).bools()[0] { then } else { otherwise };
                self.actions(branch, host)
            }
        }
    }

    fn looped(&mut self, run: impl FnOnce(&mut Session) -> Result<(), Diagnostic>) -> Result<(), Diagnostic> {
        self.loops += 1;
        let result = run(self);
        self.loops -= 1;
        result
    }

    fn set(&mut self, slot: usize, value: Arc<Array>) {
        if self.store.len() <= slot {
            self.store.resize(slot + 1, None);
        }
        self.store[slot] = Some(value);
    }

    fn unit(&mut self, unit: &Unit, host: &mut dyn Host) -> Result<(), Diagnostic> {
        let inputs: Vec<Arc<Array>> = unit.inputs.iter().map(|slot| self.array(*slot)).collect();
        let results = self.computed(unit, &inputs, host)?;
        if !self.options.allow_nonfinite {
            self.finite(unit, &inputs, &results)?;
        }
        drop(inputs);
        for (slot, value) in unit.outputs.iter().zip(results) {
            self.set(*slot, value);
        }
        let since = self.clock();
        self.doubted_times(unit, host);
        let done = self.then(unit, host);
        if !matches!(unit.then, Then::Nothing) {
            self.spent(Some(&unit.span), Kind::Output, since);
        }
        done
    }

    fn load(&mut self, file: &str, re: usize, im: Option<usize>, span: &Span, host: &mut dyn Host) -> Result<(), Diagnostic> {
        let refuse = |why: String| Diagnostic::error(format!("\"{file}\" cannot be read: {why}")).label(span, "this file");
        let since = self.clock();
        let stored = host.load(file).map_err(refuse)?;
        self.spent(Some(span), Kind::File, since);
        let ty = &self.globals.slots[re].ty;
        let fits = stored.real.shape[..] == ty.shape[..] && stored.real.scalar() == ty.scalar && stored.imaginary.is_some() == im.is_some();
        if !fits {
            let sizes = |shape: &[usize]| match shape {
                [] => "one number".to_string(),
                _ => format!("{} numbers", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ")),
            };
            let (holds, declared) = (sizes(&stored.real.shape), sizes(&ty.shape));
            let why = if holds == declared { "its numbers are of another kind than declared".into() } else { format!("it holds {holds}, and {declared} were declared") };
            return Err(refuse(why));
        }
        self.set(re, stored.real);
        if let (Some(im), Some(imaginary)) = (im, stored.imaginary) {
            self.set(im, imaginary);
        }
        Ok(())
    }

    fn computed(&self, unit: &Unit, inputs: &[Arc<Array>], host: &mut dyn Host) -> Result<Vec<Arc<Array>>, Diagnostic> {
        if unit.program.body.results.is_empty() && unit.program.body.steps.is_empty() {
            return Ok(vec![]);
        }
        if let Some(failure) = execute::too_large(&unit.program, self.options.memory) {
            return Err(report::failure(unit, &failure));
        }
        host.begins(&unit.span);
        let context = Context { seed: self.options.seed, stop: &self.options.stop };
        let start = Instant::now();
        let mut told: Option<Instant> = None;
        let mut reached = None;
        let what = report::one_line(unit.span.text());
        let line = unit.span.line();
        let mut clock = Clock::new();
        let mut watch = |_: &mut dyn FnMut() -> State, done: i64, total: i64| {
            reached = Some((done, total));
            let Some(now) = clock.look() else { return Control::Continue };
            if now - start > PATIENCE && told.is_none_or(|t| now - t > TELL) {
                told = Some(now);
                host.progress(&Progress { what: what.clone(), line, done: done as u64, total: Some(total as u64) });
            }
            Control::Continue
        };
        let ready = unit.ready.get_or_init(|| self.made_to_run(unit));
        let since = self.clock();
        if let Some(profiler) = &self.profiler {
            profiler.begins(ready.marks());
        }
        let result = ready.run_from(inputs, State::default(), &context, &self.pool, &mut watch);
        if let (Some(profiler), Some(since)) = (&self.profiler, since) {
            profiler.ends(&unit.span, since);
        }
        // In a loop of the script it runs again at once.
        if self.loops == 0 {
            ready.rest();
        }
        if told.is_some() {
            host.progress_done();
        }
        result.map_err(|failure| match failure.kind {
            FailureKind::Stopped => report::stopped(unit, &failure, reached),
            _ => report::failure(unit, &execute::exactly(&unit.program, inputs, &context, failure)),
        })
    }

    fn made_to_run(&self, unit: &Unit) -> Rc<Ready> {
        let Some(profiler) = self.profiler.as_ref().filter(|_| !self.options.interpret) else { return self.ready(unit) };
        let since = self.clock();
        let ready = Ready::profiled(&unit.program, profiler.threads());
        if let Some(marks) = ready.marks() {
            profiler.made(&unit.span, marks.clone());
        }
        self.spent(None, Kind::Compiling, since);
        Rc::new(ready)
    }

    /// Results that are not finite fail the statement, naming the step that made them.
    fn finite(&self, unit: &Unit, inputs: &[Arc<Array>], results: &[Arc<Array>]) -> Result<(), Diagnostic> {
        // Errors may be unknown (a single draw): only values count.
        let values = unit.program.body.results.iter().zip(results).zip(&unit.outputs);
        let wrong = values.filter(|(_, slot)| !self.is_fluctuation(**slot)).any(|((_, array), _)| !array.data.all_finite());
        if !wrong {
            return Ok(());
        }
        let context = Context { seed: self.options.seed, stop: &self.options.stop };
        match execute::first_nonfinite(&unit.program, inputs, &context) {
            Some(failure) => Err(report::failure(unit, &failure)),
            None => Ok(()),
        }
    }

    fn is_fluctuation(&self, slot: usize) -> bool {
        self.globals.slots.iter().any(|s| s.fluctuations.iter().any(|(_, k)| *k == slot))
    }

    /// Says what speaks against estimates that were shown, once for each ensemble and reason.
    fn doubts<'a>(&mut self, shown: impl IntoIterator<Item = (&'a Value, &'a Span)>, host: &mut dyn Host) {
        for (value, span) in shown {
            for warning in estimate::warnings(self, value, span) {
                if self.warned.insert((warning.ensemble, warning.reason)) {
                    host.warn(&warning.diagnostic);
                }
            }
        }
    }

    /// Says of autocorrelation times that were asked for what speaks against them.
    fn doubted_times(&mut self, unit: &Unit, host: &mut dyn Host) {
        for time in &unit.times {
            if let Some(warning) = estimate::time_warning(self, time)
                && self.warned.insert((warning.ensemble, warning.reason))
            {
                host.warn(&warning.diagnostic);
            }
        }
    }

    fn then(&mut self, unit: &Unit, host: &mut dyn Host) -> Result<(), Diagnostic> {
        let refuse = |why: String| Diagnostic::error(why).label(&unit.span, "");
        match &unit.then {
            Then::Nothing => {}
            Then::Print(pieces) => {
                let mut line = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Text(t) => line.push_str(t),
                        Piece::Value(v, f, _) => line.push_str(&format::value(self, v, f.as_deref())),
                    }
                }
                host.print(&line);
                let values = pieces.iter().filter_map(|p| if let Piece::Value(v, _, span) = p { Some((v, span)) } else { None });
                self.doubts(values, host);
            }
            Then::Show(value) => {
                host.print(&format::value(self, value, None));
                self.doubts([(value, &unit.span)], host);
            }
            Then::Table(columns) => {
                host.print(&format::table(self, columns));
                self.doubts(columns.iter().map(|c| (&c.value, &c.span)), host);
            }
            Then::Plot(plot) => host.plot(&self.figure(plot)).map_err(refuse)?,
            Then::Save { file, value } => {
                let Value::Number(n) = value else { unreachable!("checked") };
                let part = |v: Var| self.array(v.0 as usize);
                let stored = Stored { real: part(n.re), imaginary: n.im.map(part) };
                host.save(file, &stored).map_err(refuse)?;
            }
        }
        Ok(())
    }

    fn figure(&self, plot: &Plot) -> Figure {
        let text = |t: &Option<std::rc::Rc<str>>| t.as_ref().map(|t| t.to_string());
        Figure {
            title: text(&plot.title),
            x_label: text(&plot.x_label),
            y_label: text(&plot.y_label),
            log_x: plot.log_x,
            log_y: plot.log_y,
            file: text(&plot.file),
            layers: plot.layers.iter().map(|l| self.layer(l)).collect(),
        }
    }

    fn layer(&self, layer: &figure::Layer) -> Layer {
        let reals = |v: Var| self.array(v.0 as usize).reals().to_vec();
        let error = |v: Var| Estimate::of(self, v.0 as usize).map(|e| e.errors());
        let kind = match &layer.kind {
            figure::LayerKind::Density { edges: [x, y], density, .. } => LayerKind::Density { x: reals(*x), y: reals(*y), density: reals(*density) },
            &figure::LayerKind::Line { x, y } => LayerKind::Line { x: reals(x), y: reals(y) },
            &figure::LayerKind::Points { x, y } => LayerKind::Points { x: reals(x), y: reals(y), error: error(y) },
            &figure::LayerKind::Histogram { edges, density } => {
                LayerKind::Histogram { edges: reals(edges), density: reals(density), error: error(density) }
            }
            &figure::LayerKind::HeatMap { rows, columns, values } => LayerKind::HeatMap { rows, columns, values: reals(values) },
        };
        Layer { label: layer.label.as_ref().map(|l| l.to_string()), kind }
    }
}

/// The programs of a script's statements.
fn units(script: &Script) -> Vec<&Unit> {
    let mut found = vec![];
    script.actions.iter().for_each(|action| action.units(&mut found));
    found
}

/// Whether there is nothing to compile: the value of a param, say.
fn is_constant(program: &Program) -> bool {
    program.body.steps.iter().all(|step| matches!(step.op, Op::Constant(_)))
}

/// Whether a value is made of numbers alone.
fn is_stored(value: &Value) -> bool {
    match value {
        Value::Number(_) => true,
        Value::Tuple(items) => items.iter().all(is_stored),
        Value::Record(fields) => fields.iter().all(|(_, v)| is_stored(v)),
        _ => false,
    }
}

fn failed(mistakes: &[Diagnostic]) -> bool {
    mistakes.iter().any(Diagnostic::is_failure)
}

impl Slots for Session {
    fn array(&self, slot: usize) -> Arc<Array> {
        if let Some(literal) = self.globals.slots[slot].literal {
            return Arc::new(literal.array());
        }
        self.store.get(slot).and_then(|a| a.clone()).expect("a slot is filled before it is read")
    }

    fn info(&self, slot: usize) -> &Slot {
        &self.globals.slots[slot]
    }
}

/// What the claims of a program gave.
struct Outcomes {
    found: Vec<verify::Verified>,
    stopped: Vec<Diagnostic>,
    left_out: Vec<(crate::source::Span, &'static str)>,
}

/// What `verify` found.
pub struct Verification {
    pub outcomes: Vec<verify::Verified>,
    /// Why checks could not be made.
    pub stopped: Vec<Diagnostic>,
    /// The program's own tests, as far as they need no sampler.
    pub tests: Vec<TestOutcome>,
    /// Samplers that were not checked, and why.
    pub left_out: Vec<(crate::source::Span, &'static str)>,
    pub warnings: Vec<Diagnostic>,
}

pub struct TestOutcome {
    pub title: String,
    /// Why it failed.
    pub failure: Option<Diagnostic>,
}
