//! From a checked program to its results: the passes, then the engine that the options ask for.

use crate::core::{Block, Program};
use crate::engine::{Around, Context, Control, Failure, FailureKind, State};
use crate::jit::Compiled;
use crate::profile::Marks;
use crate::{interpret, pipeline};
use moyal_runtime::array::Array;
use moyal_runtime::threads::Pool;
use std::sync::Arc;

/// A program made ready for one engine; it can run many times.
pub enum Ready {
    /// As it was made: what the passes do must not change a bit.
    Interpreted(Program),
    Compiled(Compiled),
}

/// How many steps a replay takes to tell where a run failed before the passes' view of the program must do.
const REPLAYED: u64 = 3_000_000;

/// The same of the members of a comprehension among which it failed.
const REPLAYED_MEMBERS: u64 = 10 * REPLAYED;

impl Ready {
    pub fn new(program: &Program, interpret: bool) -> Ready {
        if interpret { Ready::Interpreted(program.clone()) } else { Ready::compiled(program, Compiled::new) }
    }

    /// Compiled so that it says where each of so many threads is.
    pub fn profiled(program: &Program, threads: usize) -> Ready {
        Ready::compiled(program, |program| Compiled::profiled(program, threads))
    }

    fn compiled(program: &Program, compile: impl Fn(&Program) -> Result<Compiled, String>) -> Ready {
        let program = pipeline::prepare(program);
        match compile(&program) {
            Ok(compiled) => Ready::Compiled(compiled),
            // Machines for which there is no code run the same bits, slowly.
            Err(_) => Ready::Interpreted(program),
        }
    }

    /// Who says where it is, if it was made to.
    pub fn marks(&self) -> Option<&Arc<Marks>> {
        match self {
            Ready::Compiled(compiled) => compiled.marks(),
            Ready::Interpreted(_) => None,
        }
    }

    /// Gives back what it holds for its next run.
    pub fn rest(&self) {
        if let Ready::Compiled(compiled) = self {
            compiled.rest();
        }
    }

    /// Runs from a state on; see [`interpret::run_from`].
    pub fn run_from(
        &self,
        inputs: &[Arc<Array>],
        state: State,
        context: &Context,
        pool: &Pool,
        watch: &mut Watch,
    ) -> Result<Vec<Arc<Array>>, Failure> {
        match self {
            Ready::Interpreted(program) => interpret::run_from(program, inputs, state, context, watch),
            Ready::Compiled(compiled) => compiled.run_from(inputs, state, context, pool, watch),
        }
    }
}

/// The first array that has more than `limit` bytes, before anything runs.
pub fn too_large(program: &Program, limit: u64) -> Option<Failure> {
    fn within(program: &Program, block: &Block, limit: u64) -> Option<Failure> {
        for step in &block.steps {
            for var in &step.outs {
                let ty = program.type_of(*var);
                let bytes = ty.shape.iter().fold(ty.scalar.size() as u64, |n, size| n.saturating_mul(*size as u64));
                if bytes > limit {
                    return Some(Failure { span: step.span, kind: FailureKind::OutOfMemory { bytes }, around: vec![] });
                }
            }
            if let Some(found) = step.op.blocks().into_iter().find_map(|b| within(program, b, limit)) {
                return Some(found);
            }
        }
        None
    }
    within(program, &program.body, limit)
}

type Watch<'w> = dyn FnMut(&mut dyn FnMut() -> State, i64, i64) -> Control + 'w;

/// Replays a run to find the first step that made a number which is not finite. A long run is replayed in the passes' form,
/// by whole arrays.
pub fn first_nonfinite(program: &Program, inputs: &[Arc<Array>], context: &Context) -> Option<Failure> {
    let exact = interpret::replay(program, inputs, context, true, REPLAYED, None);
    exact.or_else(|| {
        let coarse = interpret::replay(&pipeline::prepare(program), inputs, context, true, u64::MAX, None)?;
        Some(among_members(program, inputs, context, true, coarse))
    })
}

/// What a failure of compiled code is in the program's own terms: the member, the turn. Only for short runs.
pub fn exactly(program: &Program, inputs: &[Arc<Array>], context: &Context, failure: Failure) -> Failure {
    match failure.kind {
        FailureKind::IndexOutside { .. } | FailureKind::Required(_) => {
            match interpret::replay(program, inputs, context, false, REPLAYED, None) {
                Some(exact) => exact,
                None => among_members(program, inputs, context, false, failure),
            }
        }
        _ => failure,
    }
}

/// A failure of one of many members in the program's own terms, if that is found soon.
fn among_members(program: &Program, inputs: &[Arc<Array>], context: &Context, strict: bool, failure: Failure) -> Failure {
    let (first, count, span) = match failure.around.first() {
        Some(Around::Member(k, Some(span))) => (*k as usize, 1, *span),
        // In a tile the members are innermost.
        Some(Around::Members { first, count, span }) => match failure.around.last() {
            Some(Around::Element(k, of)) if of.is_multiple_of(*count) => (*first as usize + *k as usize % count, 1, *span),
            _ => (*first as usize, *count, *span),
        },
        _ => return failure,
    };
    let members = first..first + count;
    interpret::replay(program, inputs, context, strict, REPLAYED_MEMBERS, Some((span, members))).unwrap_or(failure)
}
