//! Estimates that have been computed: their errors, and what speaks against them.

use crate::check::estimates::blocks;
use crate::check::Time;
use crate::check::value::{Ensemble, Number, Value};
use crate::diagnostic::Diagnostic;
use crate::format::{self, Slots};
use crate::routine;
use crate::source::Span;
use moyal_runtime::array::{Array, Data};
use moyal_runtime::estimate::{self, Doubt};
use std::rc::Rc;
use std::sync::Arc;

/// The fluctuations of a slot over the blocks of the ensembles that it stems from.
pub struct Estimate {
    value: Arc<Array>,
    fluctuations: Vec<Fluctuation>,
}

struct Fluctuation {
    ensemble: Rc<Ensemble>,
    /// [blocks of all chains, …], chain by chain.
    deviations: Arc<Array>,
}

impl Estimate {
    /// None if the slot holds plain numbers.
    pub fn of(slots: &dyn Slots, slot: usize) -> Option<Estimate> {
        let known = &slots.info(slot).fluctuations;
        let read = |(ensemble, slot): &(Rc<Ensemble>, usize)| Fluctuation { ensemble: ensemble.clone(), deviations: slots.array(*slot) };
        (!known.is_empty()).then(|| Estimate { value: slots.array(slot), fluctuations: known.iter().map(read).collect() })
    }

    /// The error of entry `k`: those of independent ensembles add in quadrature.
    pub fn error(&self, k: usize) -> f64 {
        self.fluctuations.iter().map(|f| f.error(k, self.value.len()).powi(2)).sum::<f64>().sqrt()
    }

    pub fn errors(&self) -> Vec<f64> {
        (0..self.value.len()).map(|k| self.error(k)).collect()
    }

    /// Which of these entries, shown together, have an error that can't be believed.
    pub fn doubted(&self, shown: &[usize]) -> Vec<bool> {
        let mut doubted = vec![false; self.value.len()];
        for fluctuation in &self.fluctuations {
            let doubts = self.doubts(fluctuation, shown);
            shown.iter().zip(&doubts).for_each(|(k, doubt)| doubted[*k] |= doubt.is_some());
        }
        doubted
    }

    /// The doubts about the entries shown. One without fluctuations among others (a correlator divided by its first
    /// value) is nobody's mistake.
    fn doubts(&self, fluctuation: &Fluctuation, shown: &[usize]) -> Vec<Option<Doubt>> {
        let value = |k: usize| match &self.value.data {
            Data::Real(v) => v[k],
            Data::F32(v) => v[k] as f64,
            _ => f64::NAN,
        };
        let size = self.value.len();
        let mut doubts: Vec<Option<Doubt>> = shown.iter().map(|k| fluctuation.doubt(*k, value(*k), size, shown.len())).collect();
        // Nor is one that stems from another ensemble alone.
        let elsewhere = |k: &usize| self.fluctuations.iter().any(|f| f.series(*k, size).iter().flatten().any(|x| *x != 0.0));
        if doubts.iter().any(|d| *d != Some(Doubt::Constant)) || shown.iter().any(elsewhere) {
            doubts.iter_mut().for_each(|d| *d = d.take().filter(|d| *d != Doubt::Constant));
        }
        doubts
    }
}

impl Fluctuation {
    /// Entry `k` of `size` over the blocks, one series a chain.
    fn series(&self, k: usize, size: usize) -> Vec<Vec<f64>> {
        let at = |row: usize| match &self.deviations.data {
            Data::Real(v) => v[row * size + k],
            Data::F32(v) => v[row * size + k] as f64,
            _ => 0.0,
        };
        let rows = self.deviations.len() / size.max(1);
        let blocks = rows / self.ensemble.chains.max(1);
        (0..self.ensemble.chains).map(|c| (0..blocks).map(|b| at(c * blocks + b)).collect()).collect()
    }

    fn error(&self, k: usize, size: usize) -> f64 {
        let series = self.series(k, size);
        if !self.ensemble.independent {
            return estimate::gamma_method(&slices(&series)).error;
        }
        let n = series[0].len() as f64;
        let squares: f64 = series[0].iter().map(|x| x.powi(2)).sum();
        if n < 2.0 { f64::NAN } else { (squares / (n * (n - 1.0))).sqrt() }
    }

    /// What speaks against entry `k`, one of `numbers` that are shown.
    fn doubt(&self, k: usize, value: f64, size: usize, numbers: usize) -> Option<Doubt> {
        let series = self.series(k, size);
        if !self.ensemble.independent {
            return estimate::trust(&slices(&series), value, numbers);
        }
        let constant = value != 0.0 && series[0].iter().all(|x| *x == 0.0);
        match series[0].len() {
            draws @ ..2 => Some(Doubt::Few { draws, chains: 1 }),
            _ => constant.then_some(Doubt::Constant),
        }
    }
}

fn slices(series: &[Vec<f64>]) -> Vec<&[f64]> {
    series.iter().map(Vec::as_slice).collect()
}

/// What is told once for an ensemble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    Length,
    Agreement,
    Drift,
    Constant,
    /// Of an autocorrelation time.
    Time,
}

fn reason(doubt: &Doubt) -> Reason {
    match doubt {
        Doubt::Few { .. } | Doubt::Open { .. } | Doubt::Short { .. } => Reason::Length,
        Doubt::Stuck { .. } | Doubt::OneSign { .. } | Doubt::Disagree { .. } => Reason::Agreement,
        Doubt::Drift { .. } => Reason::Drift,
        Doubt::Constant => Reason::Constant,
    }
}

/// A warning, with the ensemble's identity and the reason.
pub struct Warning {
    pub ensemble: u64,
    pub reason: Reason,
    pub diagnostic: Diagnostic,
}

/// What speaks against the numbers of a value that is shown at `span`.
pub fn warnings(slots: &dyn Slots, value: &Value, span: &Span) -> Vec<Warning> {
    match value {
        Value::Number(n) => [Some(n.re), n.im].into_iter().flatten().flat_map(|v| of_slot(slots, n, v.0 as usize, span)).collect(),
        Value::Tuple(items) => items.iter().flat_map(|v| warnings(slots, v, span)).collect(),
        Value::Record(fields) => fields.iter().flat_map(|(_, v)| warnings(slots, v, span)).collect(),
        _ => vec![],
    }
}

fn of_slot(slots: &dyn Slots, n: &Number, slot: usize, span: &Span) -> Vec<Warning> {
    let Some(estimate) = Estimate::of(slots, slot) else { return vec![] };
    let shown = format::shown(&n.shape());
    estimate.fluctuations.iter().filter_map(|f| doubtful(&estimate, f, &shown, span)).collect()
}

/// The first doubt about the entries shown.
fn doubtful(estimate: &Estimate, fluctuation: &Fluctuation, shown: &[usize], span: &Span) -> Option<Warning> {
    let doubt = estimate.doubts(fluctuation, shown).into_iter().flatten().next()?;
    let ensemble = &fluctuation.ensemble;
    let diagnostic = message(Doubted::Error, &doubt, ensemble, span);
    Some(Warning { ensemble: ensemble.identity, reason: reason(&doubt), diagnostic })
}

/// What speaks against an autocorrelation time that has been computed.
pub fn time_warning(slots: &dyn Slots, time: &Time) -> Option<Warning> {
    let [codes, taus, errors] = time.found.map(|v| slots.array(v.0 as usize));
    let ensemble = &time.ensemble;
    let per_block = blocks(ensemble).1 as f64 / time.length as f64;
    let length = ensemble.draws / time.length;
    let doubt = |k: usize| {
        let (tau, error) = (taus.reals()[k], errors.reals()[k]);
        let doubt = routine::estimate::doubt_of(codes.reals()[k], tau, error, ensemble.chains, length)?;
        // Messages count times in blocks.
        Some(match doubt {
            Doubt::Open { window, tau_int, length } => Doubt::Open { window, tau_int: tau_int / per_block, length: (length as f64 / per_block) as usize },
            Doubt::Short { tau_int, tau_int_error, chain, total } => {
                Doubt::Short { tau_int: tau_int / per_block, tau_int_error: tau_int_error / per_block, chain, total }
            }
            other => other,
        })
    };
    let doubt = (0..codes.len()).find_map(doubt)?;
    let reason = if doubt == Doubt::Constant { Reason::Constant } else { Reason::Time };
    Some(Warning { ensemble: ensemble.identity, reason, diagnostic: message(Doubted::Time, &doubt, ensemble, &time.span) })
}

// ---- messages ----

/// What is spoken against.
#[derive(Clone, Copy)]
enum Doubted {
    Error,
    Time,
}

fn message(doubted: Doubted, doubt: &Doubt, ensemble: &Ensemble, span: &Span) -> Diagnostic {
    let (what, senseless) = match doubted {
        Doubted::Error => ("the error of this number", "this number has no error"),
        Doubted::Time => ("this time", "this time means nothing"),
    };
    // `it` is a run that no name was given to.
    let name = if &*ensemble.name == "it" { "the run".to_string() } else { format!("`{}`", ensemble.name) };
    let (sentence, label, help) = match *doubt {
        Doubt::Few { draws, .. } if ensemble.chains * draws < 2 => (
            format!("this number has no error: {name} has a single draw"),
            "its error is unknown".to_string(),
            "an error needs several draws; for a plain number write `.value`".to_string(),
        ),
        Doubt::Few { draws, .. } => (
            format!("{what} can't be trusted: {} of {name} for correlations to be seen", too_few(draws)),
            "taken as independent draws".to_string(),
            format!("run longer (draws: {} at least)", grouped(1000.0)),
        ),
        Doubt::Constant => (
            format!("{senseless}: all draws of {name} give the same value"),
            "does not fluctuate".to_string(),
            "look at the sampler's acceptance, and at what the observable depends on".to_string(),
        ),
        Doubt::Stuck { .. } => (
            format!("{what} can't be trusted: no chain of {name} ever moves"),
            "each chain has one value, and they differ".to_string(),
            "look at the sampler's acceptance: smaller steps are accepted more often".to_string(),
        ),
        Doubt::OneSign { positive, negative } => (
            format!("{what} can't be trusted: its sign never changes in any chain of {name}"),
            format!("{} positive, {negative} negative", counted(positive, "chain")),
            "take what does not depend on the sign (`abs`, squares), or a sampler that crosses between the signs".to_string(),
        ),
        Doubt::Disagree { r_hat, chi_square, .. } => (
            format!("{what} can't be trusted: the chains of {name} disagree"),
            format!("R̂ = {r_hat:.2}, χ²/dof of the chains' means = {}", short_number(chi_square)),
            "take a longer warmup, or a sampler that reaches all regions from any start".to_string(),
        ),
        Doubt::Open { tau_int, length, .. } => (
            format!("{what} can't be trusted: correlations in {name} last longer than half a chain"),
            format!("τ_int is {} draws or more, a chain has {}", short_number(in_draws(tau_int, ensemble)), ensemble.draws),
            run_longer(10.0 * in_draws(length as f64, ensemble), None),
        ),
        Doubt::Short { tau_int, tau_int_error, chain, total } => {
            let (tau, error) = (in_draws(tau_int, ensemble), in_draws(tau_int_error, ensemble));
            let times = if chain < estimate::CHAIN { chain } else { total };
            let chains = if ensemble.chains == 1 { "its chain is" } else { "its chains are" };
            let together = if chain < estimate::CHAIN || ensemble.chains == 1 { "" } else { " together" };
            (
                format!(
                    "{what} can't be trusted: {chains}{together} only {} autocorrelation times long",
                    short_number(times)
                ),
                format!("τ_int = {} draws of {name}", estimate::format(tau, error)),
                run_longer(200.0 * tau, Some(200)),
            )
        }
        Doubt::Drift { errors } => (
            format!("{what} can't be trusted: {name} drifts"),
            format!("the first quarter is {} standard errors away from the last half", short_number(errors)),
            "take a longer warmup, or start nearer to equilibrium".to_string(),
        ),
    };
    Diagnostic::warning(sentence).label(span, label).help(help)
}

fn too_few(draws: usize) -> String {
    if draws == 1 { "there is only 1 draw in each chain".to_string() } else { format!("there are only {draws} draws in each chain") }
}

fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// A time in blocks as one in draws.
fn in_draws(time: f64, ensemble: &Ensemble) -> f64 {
    time * blocks(ensemble).1 as f64
}

fn run_longer(draws: f64, times: Option<usize>) -> String {
    let what = times.map(|t| format!("would be {t} τ")).unwrap_or_else(|| "to begin with".to_string());
    format!("run longer (draws: {} {what}), or take a sampler that decorrelates faster", grouped(rounded_up(draws)))
}

/// To the next number of one digit (and zeros).
fn rounded_up(x: f64) -> f64 {
    let unit = 10f64.powi(x.max(1.0).log10().floor() as i32);
    (x / unit).ceil() * unit
}

/// An integer with its thousands set off, as the language writes it.
fn grouped(x: f64) -> String {
    let digits = format!("{x:.0}");
    let places = digits.len();
    let with_sign = |(k, d): (usize, char)| if k > 0 && (places - k).is_multiple_of(3) { vec!['_', d] } else { vec![d] };
    digits.chars().enumerate().flat_map(with_sign).collect()
}

/// Two digits, or all before the point.
fn short_number(x: f64) -> String {
    if x < 10.0 { format!("{x:.1}") } else { format!("{x:.0}") }
}
