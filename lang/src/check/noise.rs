//! Where a random number is drawn: the place in the program, the turns of the loops around it, the position in the
//! comprehensions around it. Lines and layout do not enter.

use super::Checker;
use crate::core::Var;

/// The address of the noise that is drawn here.
#[derive(Clone, Default)]
pub struct Address {
    /// Hash of the path of calls.
    pub place: u64,
    /// Counters of the enclosing loops, outermost first.
    pub turns: Vec<Var>,
    /// Members of the enclosing comprehensions and the sizes of their sets, outermost first.
    pub members: Vec<(Var, usize)>,
}

impl Address {
    /// The address inside the `ordinal`-th call of `name` in this body.
    pub fn enter(&self, name: &str, ordinal: u64) -> Address {
        Address { place: step(self.place, name, ordinal), ..self.clone() }
    }
}

/// One step of a path of calls (FNV-1a over the words, then a finaliser).
pub fn step(place: u64, name: &str, ordinal: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in place.to_le_bytes().iter().chain(name.as_bytes()).chain(&[0]).chain(&ordinal.to_le_bytes()) {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 31)).wrapping_mul(0x7fb5_d329_728e_a185);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x81da_def4_bc2d_d44d);
    hash ^ (hash >> 33)
}

impl Checker<'_> {
    /// The position in the enclosing comprehensions, row-major.
    pub fn position(&mut self) -> Var {
        let members = self.address.members.clone();
        let mut position = self.b.int(0);
        for (k, (member, size)) in members.into_iter().enumerate() {
            if k == 0 {
                position = member;
                continue;
            }
            let size = self.b.int(size as i64);
            let scaled = self.b.mul(position, size);
            position = self.b.add(scaled, member);
        }
        position
    }
}
