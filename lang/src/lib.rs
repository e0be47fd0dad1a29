//! The Moyal language: from text to something that runs.

mod ahead;
pub mod check;
pub mod core;
pub mod diagnostic;
pub mod embed;
pub mod engine;
pub mod estimate;
pub mod execute;
pub mod format;
pub mod host;
pub mod interpret;
pub mod jit;
pub mod meaning;
pub mod measure;
pub mod pass;
pub mod pipeline;
pub mod prim;
pub mod profile;
mod report;
pub mod routine;
pub mod session;
pub mod source;
pub mod syntax;
pub mod verify;
