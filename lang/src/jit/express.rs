//! Steps → the expressions of a kernel: what an array is at an index, down to arrays that lie in memory.

use super::kernel::*;
use crate::core::*;
use crate::prim::Emit;
use moyal_runtime::array::Scalar;

/// One index of an array as a function of the kernel's: `start + stride · i_dim`; if `sizes` are given, i_dim is a site
/// of that box, moved by `offset`.
#[derive(Clone, Debug, PartialEq)]
struct Coordinate {
    dim: usize,
    start: i64,
    stride: i64,
    sizes: Vec<usize>,
    offset: Vec<i64>,
}

pub struct Expressions<'p> {
    types: &'p [Type],
    /// The steps that define what may be computed on the way.
    steps: &'p VarMap<&'p Step>,
    /// What lies in memory.
    stored: &'p VarSet,
    nodes: Vec<(Scalar, Draft)>,
    known: Vec<(Var, Vec<Coordinate>, usize)>,
    leaves: Vec<Var>,
}

enum Draft {
    Constant(Literal),
    Load(usize, Vec<Coordinate>),
    Count(Coordinate),
    Prim(&'static crate::prim::Prim, Vec<usize>),
}

/// Whether a step can be part of an expression.
pub fn fusible(step: &Step, types: &[Type]) -> bool {
    let scalar = step.outs.first().is_some_and(|v| types[v.0 as usize].shape.is_empty());
    match &step.op {
        Op::Prim(row, _) => scalar || matches!(row.emit, Emit::Inline(_)),
        Op::Constant(_) | Op::Spread { .. } | Op::Shift { .. } | Op::Slice { .. } | Op::Iota(_) => true,
        _ => false,
    }
}

/// A kernel that computes `roots`, all of one shape, each of which may use those before it where it stands itself; those `within` are
/// not stored. If some array must first lie in memory, that one is the error.
pub fn kernel<'p>(
    types: &'p [Type],
    steps: &'p VarMap<&'p Step>,
    stored: &'p VarSet,
    roots: &[Var],
    within: &VarSet,
) -> Result<Kernel, Var> {
    let mut e = Expressions { types, steps, stored, nodes: vec![], known: vec![], leaves: vec![] };
    let shape = types[roots[0].0 as usize].shape.clone();
    let here: Vec<Coordinate> = (0..shape.len())
        .map(|dim| Coordinate { dim, start: 0, stride: 1, sizes: vec![], offset: vec![] })
        .collect();
    let mut computed = vec![];
    for root in roots {
        computed.push((e.root(*root, &here)?, *root));
    }
    computed.retain(|(_, root)| !within.contains(root));
    e.finish(shape.to_vec(), computed)
}

impl Expressions<'_> {
    fn ty(&self, var: Var) -> &Type {
        &self.types[var.0 as usize]
    }

    /// A root is computed even though it is to lie in memory.
    fn root(&mut self, var: Var, here: &[Coordinate]) -> Result<usize, Var> {
        if let Some((_, _, node)) = self.known.iter().find(|(v, c, _)| *v == var && c == here) {
            return Ok(*node);
        }
        let node = self.computed(var, here)?;
        self.known.push((var, here.to_vec(), node));
        Ok(node)
    }

    fn node(&mut self, var: Var, at: &[Coordinate]) -> Result<usize, Var> {
        if let Some((_, _, node)) = self.known.iter().find(|(v, c, _)| *v == var && c == at) {
            return Ok(*node);
        }
        let is_constant = matches!(self.steps.get(&var).map(|s| &s.op), Some(Op::Constant(_)));
        let node = if is_constant || (!self.stored.contains(&var) && self.steps.contains_key(&var)) {
            self.computed(var, at)?
        } else {
            let leaf = self.leaf(var);
            self.nodes.push((self.ty(var).scalar, Draft::Load(leaf, at.to_vec())));
            self.nodes.len() - 1
        };
        self.known.push((var, at.to_vec(), node));
        Ok(node)
    }

    fn leaf(&mut self, var: Var) -> usize {
        self.leaves.iter().position(|l| *l == var).unwrap_or_else(|| {
            self.leaves.push(var);
            self.leaves.len() - 1
        })
    }

    fn computed(&mut self, var: Var, at: &[Coordinate]) -> Result<usize, Var> {
        let step = self.steps[&var];
        match &step.op {
            Op::Constant(literal) => Ok(self.add(var, Draft::Constant(*literal))),
            Op::Prim(row, args) => {
                let args = args.iter().map(|a| self.node(*a, at)).collect::<Result<Vec<usize>, Var>>()?;
                Ok(self.add(var, Draft::Prim(row, args)))
            }
            Op::Spread { arg, dims, .. } => {
                let at: Vec<Coordinate> = dims.iter().map(|d| at[*d].clone()).collect();
                self.node(*arg, &at)
            }
            Op::Slice { arg, start, stride, .. } => {
                let mut moved = vec![];
                for (k, c) in at.iter().enumerate() {
                    if !c.sizes.is_empty() {
                        return Err(var);
                    }
                    let (first, by) = (start[k] as i64, stride[k] as i64);
                    moved.push(Coordinate { start: first + by * c.start, stride: by * c.stride, ..c.clone() });
                }
                self.node(*arg, &moved)
            }
            Op::Shift { arg, dim, sizes, offset } => {
                let mut at = at.to_vec();
                let c = &mut at[*dim];
                if c.start != 0 || c.stride != 1 || !(c.sizes.is_empty() || c.sizes == *sizes) {
                    return Err(var);
                }
                let before = if c.offset.is_empty() { vec![0; offset.len()] } else { c.offset.clone() };
                c.offset = before.iter().zip(offset).map(|(a, b)| a + b).collect();
                c.sizes = sizes.clone();
                self.node(*arg, &at)
            }
            Op::Iota(_) if !at[0].sizes.is_empty() => Err(var),
            Op::Iota(_) => Ok(self.add(var, Draft::Count(at[0].clone()))),
            _ => unreachable!("only fusible steps are computed"),
        }
    }

    fn add(&mut self, var: Var, draft: Draft) -> usize {
        self.nodes.push((self.ty(var).scalar, draft));
        self.nodes.len() - 1
    }

    fn finish(self, shape: Vec<usize>, roots: Vec<(usize, Var)>) -> Result<Kernel, Var> {
        // Dimensions that are sites of a box become its directions.
        let mut boxes: Vec<Option<Vec<usize>>> = vec![None; shape.len()];
        let whole = roots[0].1;
        for (_, draft) in &self.nodes {
            if let Draft::Load(_, at) = draft {
                for c in at.iter().filter(|c| !c.sizes.is_empty()) {
                    match &boxes[c.dim] {
                        Some(other) if *other != c.sizes => return Err(self.shifted_leaf(c.dim).unwrap_or(whole)),
                        _ => boxes[c.dim] = Some(c.sizes.clone()),
                    }
                }
            }
        }
        let expanded: Vec<Vec<usize>> = shape.iter().zip(&boxes).map(|(n, b)| b.clone().unwrap_or_else(|| vec![*n])).collect();
        let domain: Vec<usize> = expanded.concat();
        let first: Vec<usize> = expanded.iter().scan(0, |sum, e| {
            let here = *sum;
            *sum += e.len();
            Some(here)
        }).collect();
        let mut nodes = vec![];
        for (scalar, draft) in &self.nodes {
            let kind = match draft {
                Draft::Constant(literal) => NodeKind::Constant(*literal),
                Draft::Prim(row, args) => NodeKind::Prim(row, args.clone()),
                Draft::Count(coordinate) => {
                    let mut access = blank(domain.len());
                    add(&mut access, coordinate, 1, &expanded, &first).ok_or(whole)?;
                    NodeKind::Count(access)
                }
                Draft::Load(leaf, at) => {
                    let mut access = blank(domain.len());
                    let mut stride = 1;
                    let of = &self.ty(self.leaves[*leaf]).shape;
                    for (coordinate, size) in at.iter().zip(of).rev() {
                        add(&mut access, coordinate, stride, &expanded, &first).ok_or(self.leaves[*leaf])?;
                        stride *= *size as i64;
                    }
                    NodeKind::Load { leaf: *leaf, at: access }
                }
            };
            nodes.push(Node { scalar: *scalar, kind });
        }
        let mut kernel = Kernel { domain, nodes, leaves: self.leaves, roots, width: 1, once: false };
        kernel.merge();
        kernel.width = width(&kernel);
        Ok(kernel)
    }

    /// A variable that is read at shifted sites along a dimension.
    fn shifted_leaf(&self, dim: usize) -> Option<Var> {
        self.known
            .iter()
            .find(|(v, at, _)| {
                self.steps.contains_key(v) && !self.stored.contains(v)
                    && at.iter().any(|c| c.dim == dim && !c.sizes.is_empty())
            })
            .map(|(v, _, _)| *v)
    }
}

fn blank(rank: usize) -> Access {
    Access { start: 0, strides: vec![0; rank], offsets: vec![0; rank] }
}

/// Adds one index of an array, `stride` numbers apart; None if it moves both by a stride and by a site's offset.
fn add(access: &mut Access, coordinate: &Coordinate, stride: i64, expanded: &[Vec<usize>], first: &[usize]) -> Option<()> {
    let sizes = &expanded[coordinate.dim];
    access.start += coordinate.start * stride;
    let mut below = stride * coordinate.stride;
    for j in (0..sizes.len()).rev() {
        let d = first[coordinate.dim] + j;
        let o = coordinate.offset.get(j).copied().unwrap_or(0);
        if access.strides[d] != 0 && (access.offsets[d] != 0 || o != 0) {
            return None;
        }
        access.strides[d] += below;
        access.offsets[d] = o;
        below *= sizes[j] as i64;
    }
    Some(())
}

/// How many lanes the innermost loop can have: all of one float kind, all next to each other.
fn width(kernel: &Kernel) -> u32 {
    let Some(last) = kernel.domain.len().checked_sub(1) else { return 1 };
    if kernel.domain[last] < 2 {
        return 1;
    }
    let mut float = None;
    let mut same = |scalar: Scalar| *float.get_or_insert(scalar) == scalar;
    for node in &kernel.nodes {
        let fits = match &node.kind {
            NodeKind::Constant(_) | NodeKind::Load { .. } if node.scalar == Scalar::Int => false,
            NodeKind::Constant(_) => node.scalar == Scalar::Bool || same(node.scalar),
            NodeKind::Load { at, .. } if node.scalar == Scalar::Bool => at.is_uniform(),
            NodeKind::Load { at, .. } => same(node.scalar) && matches!(at.strides[last], 0 | 1),
            NodeKind::Count(_) => false,
            NodeKind::Prim(row, args) => {
                matches!(row.emit, Emit::Inline(_))
                    && !matches!(row.run, crate::prim::Run::Convert(_))
                    && (node.scalar == Scalar::Bool || same(node.scalar))
                    && args.iter().all(|a| kernel.nodes[*a].scalar != Scalar::Int)
            }
        };
        if !fits {
            return 1;
        }
    }
    if kernel.roots.iter().any(|(n, _)| !kernel.nodes[*n].scalar.is_float()) {
        return 1;
    }
    match float {
        Some(Scalar::Real) => 2,
        Some(Scalar::F32) => 4,
        _ => 1,
    }
}
