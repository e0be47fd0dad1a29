//! The standard library: Moyal texts, embedded. Nothing else is here.

/// Paths of the files whose declarations every program can use without asking, one a line.
const PRELUDE: &str = "prelude/arrays
prelude/derivatives
prelude/quadrature
prelude/distributions
prelude/observables
prelude/fit
prelude/estimates
prelude/integrators
prelude/updates
prelude/local
prelude/clusters
prelude/samplers
prelude/tempering
process/calculus
process/derived
process/simulate
process/kernel
process/likelihood
process/orders
process/schemes/baoab
process/schemes/exact
process/schemes/euler_maruyama
process/schemes/milstein
process/schemes/heun
process/schemes/rossler
process/schemes/platen
process/schemes/implicit_euler
process/schemes/runge_kutta
process/schemes/dormand_prince
process/schemes/predictor_corrector";

/// The text of a module by its path; of `prelude`, the list of the files that make it.
pub fn module(path: &str) -> Option<&'static str> {
    match path {
        "prelude" => Some(PRELUDE),
        "prelude/arrays" => Some(include_str!("../prelude/arrays.moy")),
        "prelude/derivatives" => Some(include_str!("../prelude/derivatives.moy")),
        "prelude/distributions" => Some(include_str!("../prelude/distributions.moy")),
        "prelude/quadrature" => Some(include_str!("../prelude/quadrature.moy")),
        "prelude/observables" => Some(include_str!("../prelude/observables.moy")),
        "prelude/fit" => Some(include_str!("../prelude/fit.moy")),
        "prelude/estimates" => Some(include_str!("../prelude/estimates.moy")),
        "prelude/integrators" => Some(include_str!("../prelude/integrators.moy")),
        "prelude/updates" => Some(include_str!("../prelude/updates.moy")),
        "prelude/local" => Some(include_str!("../prelude/local.moy")),
        "prelude/clusters" => Some(include_str!("../prelude/clusters.moy")),
        "prelude/samplers" => Some(include_str!("../prelude/samplers.moy")),
        "process/calculus" => Some(include_str!("../process/calculus.moy")),
        "process/derived" => Some(include_str!("../process/derived.moy")),
        "process/simulate" => Some(include_str!("../process/simulate.moy")),
        "process/schemes/euler_maruyama" => Some(include_str!("../process/schemes/euler_maruyama.moy")),
        "process/schemes/milstein" => Some(include_str!("../process/schemes/milstein.moy")),
        "process/schemes/heun" => Some(include_str!("../process/schemes/heun.moy")),
        "process/schemes/rossler" => Some(include_str!("../process/schemes/rossler.moy")),
        "process/schemes/platen" => Some(include_str!("../process/schemes/platen.moy")),
        "process/schemes/implicit_euler" => Some(include_str!("../process/schemes/implicit_euler.moy")),
        "process/schemes/runge_kutta" => Some(include_str!("../process/schemes/runge_kutta.moy")),
        "process/schemes/dormand_prince" => Some(include_str!("../process/schemes/dormand_prince.moy")),
        "process/schemes/predictor_corrector" => Some(include_str!("../process/schemes/predictor_corrector.moy")),
        "process/kernel" => Some(include_str!("../process/kernel.moy")),
        "process/schemes/exact" => Some(include_str!("../process/schemes/exact.moy")),
        "complex_langevin" => Some(include_str!("../complex_langevin.moy")),
        "process/orders" => Some(include_str!("../process/orders.moy")),
        "process/likelihood" => Some(include_str!("../process/likelihood.moy")),
        "process/schemes/baoab" => Some(include_str!("../process/schemes/baoab.moy")),
        // One module of several files.
        "verify" => Some(concat!(
            include_str!("../verify/actions.moy"),
            include_str!("../verify/processes.moy"),
            include_str!("../verify/samplers.moy"),
            include_str!("../verify/trajectories.moy"),
            include_str!("../verify/simulations.moy"),
        )),
        "prelude/tempering" => Some(include_str!("../prelude/tempering.moy")),
        _ => None,
    }
}
