//! From text to the tree of what was written. It knows nothing of types, nor which names are primitives.

pub mod ast;
pub mod layout;
mod messages;
pub mod parse;
