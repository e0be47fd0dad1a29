//! Errors of means of correlated draws: how large they are, whether they can be believed, and how they are printed.

mod chance;
mod covariance;
mod convergence;
mod format;
mod gamma;
mod resample;
mod trust;

pub use convergence::r_hat;
pub use covariance::covariance;
pub use format::format;
pub use gamma::{Error, gamma_method};
pub use resample::{Bins, Resampled, bootstrap, jackknife};
pub use trust::{CHAIN, Doubt, TOTAL, trust, unresolved};
