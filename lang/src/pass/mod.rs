//! From Core to Core.

pub mod activity;
pub mod derivatives;
pub mod forward;
pub mod reverse;
pub mod rules;
