//! The standard library: Moyal texts, embedded. Nothing else is here.

/// Paths of the files whose declarations every program can use without asking, one a line.
const PRELUDE: &str = "prelude/arrays
prelude/derivatives
prelude/quadrature
prelude/observables
prelude/fit
prelude/estimates
prelude/integrators
prelude/updates
prelude/local
prelude/clusters
prelude/samplers
prelude/tempering";

/// The text of a module by its path; of `prelude`, the list of the files that make it.
pub fn module(path: &str) -> Option<&'static str> {
    match path {
        "prelude" => Some(PRELUDE),
        "prelude/arrays" => Some(include_str!("../prelude/arrays.moy")),
        "prelude/derivatives" => Some(include_str!("../prelude/derivatives.moy")),
        "prelude/quadrature" => Some(include_str!("../prelude/quadrature.moy")),
        "prelude/observables" => Some(include_str!("../prelude/observables.moy")),
        "prelude/fit" => Some(include_str!("../prelude/fit.moy")),
        "prelude/estimates" => Some(include_str!("../prelude/estimates.moy")),
        "prelude/integrators" => Some(include_str!("../prelude/integrators.moy")),
        "prelude/updates" => Some(include_str!("../prelude/updates.moy")),
        "prelude/local" => Some(include_str!("../prelude/local.moy")),
        "prelude/clusters" => Some(include_str!("../prelude/clusters.moy")),
        "prelude/samplers" => Some(include_str!("../prelude/samplers.moy")),
        "verify" => Some(include_str!("../verify.moy")),
        "prelude/tempering" => Some(include_str!("../prelude/tempering.moy")),
        _ => None,
    }
}
