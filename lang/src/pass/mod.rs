//! From Core to Core.

pub mod activity;
pub mod around;
pub mod batch;
pub mod derivatives;
pub mod drop;
pub mod forward;
pub mod number;
pub mod read;
pub mod reverse;
pub mod rules;
pub mod share;
pub mod tile;
pub mod vectorise;
pub mod walk;

use crate::core::build::Builder;
use crate::core::Block;

/// A block as derivatives want it: comprehensions as whole arrays.
pub fn prepare_for_derivative(b: &mut Builder, block: Block) -> Block {
    vectorise::block(b, block)
}
