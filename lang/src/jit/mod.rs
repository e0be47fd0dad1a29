//! Core → machine code with the bits of the interpreter. `plan` decides what becomes a kernel and where everything lies,
//! `emit` writes kernels in Cranelift's form, `machine` owns the code, `run` walks the plan. It knows nothing of the tree,
//! the checker or derivatives. `run` and `machine` alone touch raw memory.

mod portable;
mod express;
mod kernel;
pub mod lanes;
mod machine;
mod plan;
mod run;
mod wide;

pub use machine::kernels;
pub use plan::{Plan, plan};
pub use run::Compiled;
