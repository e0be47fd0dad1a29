//! Types of random programs, and the names in scope with them.

use crate::random::Random;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Real,
    F32,
    Int,
    Bool,
    Complex,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Set {
    Range(usize),
    /// The lattice with this number, its directions, its momenta, its even or odd sites.
    Lattice(usize),
    Directions(usize),
    Momenta(usize),
    Part(usize, bool),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Type {
    pub kind: Kind,
    pub sets: Vec<Set>,
}

#[derive(Clone, Debug)]
pub struct Lattice {
    pub name: String,
    pub sizes: Vec<usize>,
    pub periodic: bool,
    pub text: String,
}

/// What a name in scope is.
#[derive(Clone, Debug)]
pub enum Bound {
    Value(Type),
    /// An integer below this size, known to the checker to be so.
    Index(usize),
    Site(usize),
    Direction(usize),
}

#[derive(Clone, Debug)]
pub struct Name {
    pub text: String,
    pub bound: Bound,
    /// The depth of functions and comprehensions at which it may be assigned.
    pub mutable: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct Function {
    pub name: String,
    pub parameters: Vec<Type>,
    pub result: Type,
    pub draws: bool,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Real => "real",
            Kind::F32 => "f32",
            Kind::Int => "int",
            Kind::Bool => "bool",
            Kind::Complex => "complex",
        }
    }

    pub fn is_float(self) -> bool {
        matches!(self, Kind::Real | Kind::F32)
    }
}

impl Type {
    pub fn new(kind: Kind, sets: impl Into<Vec<Set>>) -> Type {
        Type { kind, sets: sets.into() }
    }

    pub fn scalar(kind: Kind) -> Type {
        Type::new(kind, vec![])
    }

    pub fn is_scalar(&self) -> bool {
        self.sets.is_empty()
    }
}

impl Lattice {
    /// A random lattice of at most `most` sites.
    pub fn random(random: &mut Random, name: &str, most: usize) -> Lattice {
        let dimensions = *random.pick(&[1, 2, 2, 2, 3]);
        let mut sizes = vec![];
        let mut volume = 1;
        for _ in 0..dimensions {
            let size = if most > 1000 && sizes.is_empty() { *random.pick(&[64, 65, 127, 33]) } else { *random.pick(&[1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33]) };
            let size = if volume * size > most { 2 } else { size };
            volume *= size;
            sizes.push(size);
        }
        let list = sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        let (periodic, text) = match random.below(4) {
            0 => {
                let kinds: Vec<&str> = sizes.iter().map(|_| *random.pick(&["\"periodic\"", "\"antiperiodic\"", "\"open\""])).collect();
                (kinds.iter().all(|k| *k == "\"periodic\""), format!("grid({list}, boundary: [{}])", kinds.join(", ")))
            }
            1 if random.chance(50) => (false, format!("open_box({list})")),
            _ => (true, format!("torus({list})")),
        };
        Lattice { name: name.into(), sizes, periodic, text }
    }

    pub fn volume(&self) -> usize {
        self.sizes.iter().product()
    }
}
