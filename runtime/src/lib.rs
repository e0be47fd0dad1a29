//! What a running program stands on. It knows nothing of the language, of Cranelift or of files.

pub mod array;
pub mod math;
