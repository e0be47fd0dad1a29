//! Parts of arrays at computed positions.

use super::*;

pub fn push_update(
    b: &mut Builder,
    arg: Var,
    index: &[Var],
    value: Var,
    checked: bool,
    tangents: &[Option<Var>],
) -> Var {
    let of_arg = tangents[0].unwrap_or_else(|| b.zeros_like(arg));
    let of_value = tangents[index.len() + 1].unwrap_or_else(|| b.zeros_like(value));
    b.update(of_arg, index.to_vec(), of_value, checked)
}

/// The value is read before its place is cleared, so that clearing needs no copy.
pub fn pull_update(
    b: &mut Builder,
    index: &[Var],
    checked: bool,
    value: Var,
    to: &[Option<Var>],
) -> Vec<(usize, Share)> {
    let mut shares = vec![];
    let part = b.gather(value, index.to_vec(), checked);
    if to[index.len() + 1].is_some() {
        shares.push((index.len() + 1, Share::of(part)));
    }
    if to[0].is_some() {
        let zero = b.zeros_like(part);
        shares.push((0, Share::of(b.update(value, index.to_vec(), zero, checked))));
    }
    shares
}
