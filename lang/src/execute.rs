//! From a checked program to its results: the passes, then the engine that the options ask for.

use crate::core::Program;
use crate::engine::{Context, Control, Failure, State};
use crate::host::Options;
use crate::{interpret, pipeline};
use moyal_runtime::array::{Array, Data};
use std::sync::Arc;

pub fn run(
    program: &Program,
    inputs: &[Arc<Array>],
    _options: &Options,
    context: &Context,
    watch: &mut dyn FnMut(&mut dyn FnMut() -> State, i64, i64) -> Control,
) -> Result<Vec<Arc<Array>>, Failure> {
    let program = pipeline::prepare(program.clone());
    interpret::run_from(&program, inputs, State::default(), context, watch)
}

pub fn all_finite(array: &Array) -> bool {
    match &array.data {
        Data::Real(v) => v.iter().all(|x| x.is_finite()),
        Data::F32(v) => v.iter().all(|x| x.is_finite()),
        _ => true,
    }
}

/// Replays a run to find the first step that made a number which is not finite.
pub fn first_nonfinite(program: &Program, inputs: &[Arc<Array>], context: &Context) -> Option<Failure> {
    interpret::replay(program, inputs, context).err()
}
