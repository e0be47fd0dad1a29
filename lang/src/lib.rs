//! The Moyal language: from text to something that runs.

pub mod diagnostic;
pub mod source;
pub mod syntax;
