//! What a running program stands on. It knows nothing of the language, of Cranelift or of files.

pub mod array;
pub mod contract;
pub mod estimate;
pub mod fourier;
pub mod lattice;
pub mod linear;
pub mod math;
pub mod noise;
pub mod quadrature;
pub mod simd;
pub mod sum;
pub mod threads;
