//! Derivatives of whole blocks, put together from both modes. Each is computed where the builder stands.

use super::{forward, reverse};
use crate::core::build::Builder;
use crate::core::*;

/// Value of a block with one scalar result, and its gradient with respect to `wrt`: params of the block, or variables that it
/// captures.
pub fn value_and_gradient(b: &mut Builder, block: &Block, args: &[Var], wrt: &[Var]) -> (Var, Vec<Var>) {
    reverse::gradient(b, block, args, wrt)
}

/// The gradient of a block with one scalar result as a block of the same params.
pub fn gradient_block(b: &mut Builder, block: &Block, wrt: &[Var]) -> Block {
    let params: Vec<Var> = block.params.iter().map(|p| b.fresh_like(*p)).collect();
    b.open();
    let (_, gradient) = reverse::gradient(b, block, &params, wrt);
    b.close(params, gradient)
}

/// `∂ result / ∂ param` for a block with one result: its dimensions, then those of the param number `wrt`. The shorter side
/// decides the mode.
pub fn jacobian(b: &mut Builder, block: &Block, args: &[Var], wrt: usize) -> Var {
    let (out, input) = (b.type_of(block.results[0]).clone(), b.type_of(args[wrt]).clone());
    let shape = [&out.shape[..], &input.shape].concat();
    if input.len() <= out.len() {
        let columns = columns(b, block, args, wrt, |_, column, _| column);
        let rank = out.rank();
        let flat = b.reshape(columns, [&[input.len()][..], &out.shape].concat());
        let order: Vec<usize> = (1..=rank).chain([0]).collect();
        let last = b.transpose(flat, &order);
        return b.reshape(last, shape);
    }
    let (results, pullback) = reverse::linearize(b, block, args, &[block.params[wrt]], &[true]);
    let rows = b.map(out.len(), |b, row| {
        let seed = basis(b, results[0], row);
        pullback.pull(b, &[Some(seed)])
    });
    b.reshape(rows[0], shape)
}

/// Second derivatives of a block with one scalar result with respect to a param: its dimensions twice. Forward over reverse.
pub fn hessian(b: &mut Builder, block: &Block, args: &[Var], wrt: usize) -> Var {
    let gradient = gradient_block(b, block, &[block.params[wrt]]);
    let shape = b.shape_of(args[wrt]).repeat(2);
    // The matrix is symmetric, so its columns are its rows.
    let columns = columns(b, &gradient, args, wrt, |_, column, _| column);
    b.reshape(columns, shape)
}

/// The Hessian of a block with one scalar result with respect to a param, times `vector`.
pub fn hessian_times(b: &mut Builder, block: &Block, args: &[Var], wrt: usize, vector: Var) -> Var {
    let gradient = gradient_block(b, block, &[block.params[wrt]]);
    let mut tangents = vec![None; args.len()];
    tangents[wrt] = Some(vector);
    let (_, products) = forward::jvp(b, &gradient, args, &tangents, &[]);
    products[0].unwrap_or_else(|| b.zeros_like(vector))
}

/// Σᵢ ∂ resultᵢ / ∂ paramᵢ of a block with one result, of the shape of its param number `wrt`.
pub fn divergence(b: &mut Builder, block: &Block, args: &[Var], wrt: usize) -> Var {
    let count = b.type_of(args[wrt]).len();
    let diagonal = columns(b, block, args, wrt, |b, column, k| {
        let flat = b.reshape(column, vec![count]);
        b.gather(flat, vec![k], false)
    });
    b.sum(diagonal, vec![0])
}

/// Σᵢ ∂² value / ∂ paramᵢ² of a block with one scalar result.
pub fn laplacian(b: &mut Builder, block: &Block, args: &[Var], wrt: usize) -> Var {
    let gradient = gradient_block(b, block, &[block.params[wrt]]);
    divergence(b, &gradient, args, wrt)
}

/// `of` the derivative of the block's result with respect to each element of a param, along a new first dimension.
fn columns(
    b: &mut Builder,
    block: &Block,
    args: &[Var],
    wrt: usize,
    of: impl Fn(&mut Builder, Var, Var) -> Var,
) -> Var {
    let (results, linear) = forward::linearize(b, block, args);
    let count = b.type_of(args[wrt]).len();
    let columns = b.map(count, |b, k| {
        let mut tangents = vec![None; args.len()];
        tangents[wrt] = Some(basis(b, args[wrt], k));
        let column = linear.push(b, &tangents, &[])[0].unwrap_or_else(|| b.zeros_like(results[0]));
        vec![of(b, column, k)]
    });
    columns[0]
}

/// An array like `like`, 1 at its element k and 0 elsewhere.
fn basis(b: &mut Builder, like: Var, k: Var) -> Var {
    let ty = b.type_of(like).clone();
    let zeros = b.full(ty.scalar, &[ty.len()], 0.0);
    let one = b.number(ty.scalar, 1.0);
    let flat = b.update(zeros, vec![k], one, false);
    b.reshape(flat, ty.shape.to_vec())
}
