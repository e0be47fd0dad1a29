//! Loop nests over buffers with scalar bodies: what becomes one machine-code function. Data only; the vector width is a
//! parameter, and no lane ever looks at another.

use crate::core::{Literal, Var};
use crate::prim::Prim;
use moyal_runtime::array::Scalar;

/// A loop nest: for every index of `domain` each root's expression is stored.
pub struct Kernel {
    pub domain: Vec<usize>,
    pub nodes: Vec<Node>,
    /// Arrays that are read, by variable; pointers in this order come first in a call.
    pub leaves: Vec<Var>,
    /// What is computed: node and the variable it is stored to.
    pub roots: Vec<(usize, Var)>,
    /// Lanes of the innermost loop.
    pub width: u32,
    /// It runs once and is small: to write good code for it would take longer than it runs.
    pub once: bool,
}

pub struct Node {
    pub scalar: Scalar,
    pub kind: NodeKind,
}

pub enum NodeKind {
    Constant(Literal),
    /// An element of leaf `leaf`.
    Load { leaf: usize, at: Access },
    /// A number that counts: the access's position itself.
    Count(Access),
    Prim(&'static Prim, Vec<usize>),
}

/// Where an element lies: `start + Σ strides[d] · i_d`, where index d may first wrap around: `(i + offset) mod size`.
#[derive(Clone, Debug, PartialEq)]
pub struct Access {
    pub start: i64,
    pub strides: Vec<i64>,
    pub offsets: Vec<i64>,
}

/// See [`Kernel::key`].
pub type Key = Vec<u64>;

impl Access {
    fn add_to(&self, key: &mut Key) {
        key.push(self.start as u64);
        key.extend(self.strides.iter().chain(&self.offsets).map(|n| *n as u64));
    }

    pub fn is_uniform(&self) -> bool {
        self.strides.iter().all(|s| *s == 0)
    }
}

impl Kernel {
    pub fn size(&self) -> usize {
        self.domain.iter().product()
    }

    /// Whether the outermost dimension may be walked in parts: a single one that wraps may not.
    pub fn splits(&self) -> bool {
        self.domain.len() > 1
            || self.nodes.iter().all(|n| match &n.kind {
                NodeKind::Load { at, .. } | NodeKind::Count(at) => at.offsets.iter().all(|o| *o == 0),
                _ => true,
            })
    }

    /// What it computes, without the names of what it reads and writes: kernels of one key are one function.
    pub fn key(&self) -> Key {
        let mut key: Key = vec![self.width as u64, self.leaves.len() as u64, self.domain.len() as u64];
        key.extend(self.domain.iter().map(|n| *n as u64));
        key.push(self.nodes.len() as u64);
        for node in &self.nodes {
            key.push(node.scalar as u64);
            match &node.kind {
                NodeKind::Constant(literal) => {
                    let (tag, bits) = literal.bits();
                    key.extend([0, tag, bits]);
                }
                NodeKind::Load { leaf, at } => {
                    key.extend([1, *leaf as u64]);
                    at.add_to(&mut key);
                }
                NodeKind::Count(at) => {
                    key.push(2);
                    at.add_to(&mut key);
                }
                NodeKind::Prim(row, args) => {
                    key.extend([3, *row as *const Prim as u64, args.len() as u64]);
                    key.extend(args.iter().map(|a| *a as u64));
                }
            }
        }
        key.extend(self.roots.iter().map(|(node, _)| *node as u64));
        key
    }

    /// Whether some index wraps around.
    pub fn wraps(&self) -> bool {
        self.nodes.iter().any(|n| match &n.kind {
            NodeKind::Load { at, .. } | NodeKind::Count(at) => at.offsets.iter().any(|o| *o != 0),
            _ => false,
        })
    }

    /// How many numbers a turn loads or computes.
    pub fn work(&self) -> usize {
        self.nodes.iter().filter(|n| !matches!(n.kind, NodeKind::Constant(_))).count()
    }

    pub fn accesses(&mut self) -> impl Iterator<Item = &mut Access> {
        self.nodes.iter_mut().filter_map(|n| match &mut n.kind {
            NodeKind::Load { at, .. } | NodeKind::Count(at) => Some(at),
            _ => None,
        })
    }

    /// Leaves out dimensions with a single place, and joins neighbouring ones that every access walks through as one.
    pub fn merge(&mut self) {
        for d in (0..self.domain.len()).rev().filter(|d| self.domain[*d] == 1).collect::<Vec<_>>() {
            self.domain.remove(d);
            for access in self.accesses() {
                access.strides.remove(d);
                access.offsets.remove(d);
            }
        }
        let mut d = 0;
        while d + 1 < self.domain.len() {
            let inner = self.domain[d + 1] as i64;
            let joins = |a: &mut Access| a.offsets[d] == 0 && a.offsets[d + 1] == 0 && a.strides[d] == a.strides[d + 1] * inner;
            if self.accesses().all(joins) {
                let inner = self.domain.remove(d + 1);
                self.domain[d] *= inner;
                for access in self.accesses() {
                    access.strides.remove(d);
                    access.offsets.remove(d);
                }
            } else {
                d += 1;
            }
        }
        // Offsets in their smallest form.
        let domain = self.domain.clone();
        for access in self.accesses() {
            for (offset, size) in access.offsets.iter_mut().zip(&domain) {
                let size = *size as i64;
                let o = offset.rem_euclid(size.max(1));
                *offset = if 2 * o > size { o - size } else { o };
            }
        }
    }
}
