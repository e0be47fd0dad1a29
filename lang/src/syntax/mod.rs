//! From text to the tree of what was written.

pub mod ast;
mod failure;
mod greek;
mod layout;
mod messages;
mod parse;
pub mod print;
mod slips;
pub mod tokens;

pub use greek::latin;
pub use parse::parse;
