//! Linear algebra of dense matrices, row-major: real and complex in one text, in 64 bits, each in one fixed order of
//! operations without fused multiply-adds or libraries, so that the bits are the same on every machine.
//!
//! Sizes are those of matrices in a simulation, up to some hundreds.

pub mod element;
pub mod hermitian;
pub mod lower_upper;

pub use element::{Complex, Element};
