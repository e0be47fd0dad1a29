//! Random expressions of a wanted type. Each production gives a text of that type, or nothing where it does not apply.

use crate::random::Random;
use crate::types::*;

/// What a random program is made of.
pub struct Maker {
    pub random: Random,
    pub lattices: Vec<Lattice>,
    pub names: Vec<Name>,
    pub functions: Vec<Function>,
    /// Sizes that this program's arrays have.
    pub sizes: Vec<usize>,
    /// How many more expressions may be made.
    pub fuel: i32,
    /// How deep in functions and comprehensions.
    pub level: u32,
    /// Members of the comprehensions around, and how many there may be.
    pub members: usize,
    pub most: usize,
    /// Whether functions may leave their domain, and indices their arrays.
    pub wild: bool,
    /// Whether values may be held fixed (`.value`), which finite differences do not see.
    pub detached: bool,
    /// Whether what is made may draw.
    pub may_draw: bool,
    pub made: usize,
}

const UNARY: &[&str] = &[
    "sin", "cos", "tanh", "atan", "sigmoid", "softplus", "erf", "erfc", "bessel_i0e", "bessel_i1e", "abs", "sign", "floor", "ceil", "round",
    "trunc", "exp", "expm1", "sinh", "cosh", "tan",
];

impl Maker {
    pub fn fresh(&mut self) -> String {
        self.made += 1;
        format!("v{}", self.made)
    }

    pub fn size_of(&self, set: &Set) -> usize {
        match set {
            Set::Range(n) => *n,
            Set::Lattice(k) | Set::Momenta(k) => self.lattices[*k].volume(),
            Set::Directions(k) => self.lattices[*k].sizes.len(),
            Set::Part(k, odd) => {
                let lattice = &self.lattices[*k];
                let parity = |x: usize| {
                    let mut rest = x;
                    let mut sum = 0;
                    for size in lattice.sizes.iter().rev() {
                        sum += rest % size;
                        rest /= size;
                    }
                    sum % 2 == 1
                };
                (0..lattice.volume()).filter(|x| parity(*x) == *odd).count()
            }
        }
    }

    pub fn len(&self, sets: &[Set]) -> usize {
        sets.iter().map(|s| self.size_of(s)).product()
    }

    pub fn set_text(&self, set: &Set) -> String {
        let name = |k: &usize| self.lattices[*k].name.clone();
        match set {
            Set::Range(n) => n.to_string(),
            Set::Lattice(k) => name(k),
            Set::Directions(k) => format!("{}.directions", name(k)),
            Set::Momenta(k) => format!("{}.momenta", name(k)),
            Set::Part(k, odd) => format!("{}.{}", name(k), if *odd { "odd" } else { "even" }),
        }
    }

    pub fn type_text(&self, ty: &Type) -> String {
        let sets: Vec<String> = ty.sets.iter().map(|s| self.set_text(s)).collect();
        if sets.is_empty() { ty.kind.name().into() } else { format!("{}[{}]", ty.kind.name(), sets.join(", ")) }
    }

    pub fn size(&mut self) -> usize {
        let sizes = self.sizes.clone();
        *self.random.pick(&sizes)
    }

    /// A set that an array may have.
    pub fn set(&mut self) -> Set {
        if !self.lattices.is_empty() && self.random.chance(45) {
            let k = self.random.below(self.lattices.len());
            if self.random.chance(12) { Set::Directions(k) } else { Set::Lattice(k) }
        } else {
            Set::Range(self.size())
        }
    }

    pub fn sets(&mut self) -> Vec<Set> {
        let rank = *self.random.pick(&[0, 1, 1, 1, 1, 2, 2, 3]);
        let mut sets: Vec<Set> = vec![];
        for _ in 0..rank {
            let set = self.set();
            if self.len(&sets) * self.size_of(&set) * self.members <= self.most {
                sets.push(set);
            }
        }
        sets
    }

    pub fn kind(&mut self) -> Kind {
        use Kind::*;
        *self.random.pick(&[Real, Real, Real, Real, Real, Real, F32, F32, F32, Int, Bool, Complex])
    }

    pub fn some_type(&mut self) -> Type {
        let kind = self.kind();
        Type::new(kind, self.sets())
    }

    /// Runs `f` with names added that are forgotten afterwards, one comprehension deeper.
    fn inside<T>(&mut self, names: Vec<Name>, members: usize, f: impl FnOnce(&mut Maker) -> T) -> T {
        let mark = self.names.len();
        let outer = self.members;
        self.names.extend(names);
        self.members = self.members.saturating_mul(members.max(1));
        self.level += 1;
        let result = f(self);
        self.level -= 1;
        self.members = outer;
        self.names.truncate(mark);
        result
    }

    /// A generator over a set: its text, and what it binds.
    fn generator(&mut self, set: &Set) -> (String, Name) {
        let text = self.fresh();
        let bound = match set {
            Set::Range(n) => Bound::Index(*n),
            Set::Lattice(k) | Set::Part(k, _) => Bound::Site(*k),
            Set::Directions(k) => Bound::Direction(*k),
            Set::Momenta(k) => Bound::Value(Type::new(Kind::Real, vec![Set::Directions(*k)])),
        };
        let word = if self.random.chance(10) { "∈" } else { "in" };
        (format!("{text} {word} {}", self.set_text(set)), Name { text, bound, mutable: None })
    }

    fn values(&self, fits: impl Fn(&Type) -> bool) -> Vec<(String, Type)> {
        let of = |n: &Name| match &n.bound {
            Bound::Value(ty) if fits(ty) => Some((n.text.clone(), ty.clone())),
            _ => None,
        };
        // An inner name hides an outer one of the same text: all are different.
        self.names.iter().filter_map(of).collect()
    }

    fn one_of(&mut self, found: Vec<(String, Type)>) -> Option<(String, Type)> {
        if found.is_empty() { None } else { Some(self.random.pick(&found).clone()) }
    }

    // ---- every type ----

    pub fn expr(&mut self, ty: &Type, depth: u32) -> String {
        self.fuel -= 1;
        if depth == 0 || self.fuel <= 0 {
            return self.leaf(ty);
        }
        for _ in 0..6 {
            let made = if ty.is_scalar() { self.scalar(ty.kind, depth - 1) } else { self.array(ty, depth - 1) };
            if let Some(text) = made {
                return text;
            }
        }
        self.leaf(ty)
    }

    /// The simplest text of a type.
    fn leaf(&mut self, ty: &Type) -> String {
        let found = self.values(|t| t == ty);
        if self.random.chance(80)
            && let Some((text, _)) = self.one_of(found)
        {
            return text;
        }
        if ty.is_scalar() {
            return self.literal(ty.kind);
        }
        let (generators, names): (Vec<String>, Vec<Name>) = ty.sets.clone().iter().map(|s| self.generator(s)).unzip();
        let members = self.len(&ty.sets);
        let body = self.inside(names, members, |m| m.read(ty.kind, 0).unwrap_or_else(|| m.literal(ty.kind)));
        format!("[{body} for {}]", generators.join(", "))
    }

    fn literal(&mut self, kind: Kind) -> String {
        let real = |m: &mut Maker| match m.random.below(8) {
            0 => "0.0".into(),
            1 => "1.0".into(),
            2 => "(-0.5)".into(),
            3 => "2.0".into(),
            4 if m.wild && m.random.chance(30) => m.random.pick(&["1e300", "1e-300", "inf", "(-inf)", "5e-324", "1e17", "(-0.0)"]).to_string(),
            _ => format!("{:.3}", m.random.unit() * 3.0 + 0.001),
        };
        match kind {
            Kind::Real => {
                let indices: Vec<String> =
                    self.names.iter().filter(|n| matches!(n.bound, Bound::Index(_))).map(|n| n.text.clone()).collect();
                if !indices.is_empty() && self.random.chance(40) {
                    let index = self.random.pick(&indices).clone();
                    format!("({} * {index})", real(self))
                } else {
                    real(self)
                }
            }
            Kind::F32 => {
                let x = real(self);
                // 1e300 as f32 is infinite, and fine.
                format!("({x} as f32)")
            }
            Kind::Int => {
                let indices: Vec<String> =
                    self.names.iter().filter(|n| matches!(n.bound, Bound::Index(_))).map(|n| n.text.clone()).collect();
                if !indices.is_empty() && self.random.chance(60) {
                    return self.random.pick(&indices).clone();
                }
                match self.random.between(-4, 9) {
                    n if n < 0 => format!("({n})"),
                    n => n.to_string(),
                }
            }
            Kind::Bool => {
                let indices: Vec<String> =
                    self.names.iter().filter(|n| matches!(n.bound, Bound::Index(_))).map(|n| n.text.clone()).collect();
                if !indices.is_empty() {
                    return format!("({} % 2 == {})", self.random.pick(&indices).clone(), self.random.below(2));
                }
                self.random.pick(&["true", "false"]).to_string()
            }
            Kind::Complex => format!("({:.2} + {:.2}i)", self.random.unit() * 2.0 - 0.7, self.random.unit() * 2.0),
        }
    }

    // ---- indices ----

    /// A text that stands for an element of a set within brackets.
    fn index(&mut self, set: &Set, depth: u32) -> Option<String> {
        match set {
            Set::Range(0) => None,
            Set::Range(_) | Set::Directions(_) | Set::Momenta(_) if !matches!(set, Set::Directions(_)) || self.random.chance(20) => {
                let n = if let Set::Range(n) = set { *n } else { self.size_of(set) };
                let below: Vec<(String, usize)> = self
                    .names
                    .iter()
                    .filter_map(|name| if let Bound::Index(size) = name.bound { Some((name.text.clone(), size)) } else { None })
                    .collect();
                let fitting: Vec<String> = below.iter().filter(|(_, size)| *size <= n).map(|(t, _)| t.clone()).collect();
                Some(match self.random.below(10) {
                    0..=4 if !fitting.is_empty() => self.random.pick(&fitting).clone(),
                    5 if !fitting.is_empty() => {
                        let i = self.random.pick(&fitting).clone();
                        format!("({i} + {}) % {n}", self.random.between(1, 3))
                    }
                    6 if !fitting.is_empty() => format!("{} - {}", n - 1, self.random.pick(&fitting)),
                    7 => "-1".into(),
                    8 if depth > 0 => format!("{} % {n}", self.expr(&Type::scalar(Kind::Int), depth.min(2) - 1)),
                    9 if self.wild && self.random.chance(10) && depth > 0 => self.expr(&Type::scalar(Kind::Int), 1),
                    _ => self.random.below(n).to_string(),
                })
            }
            Set::Range(_) | Set::Momenta(_) => None,
            Set::Lattice(k) => {
                let sites: Vec<String> =
                    self.names.iter().filter(|n| matches!(n.bound, Bound::Site(l) if l == *k)).map(|n| n.text.clone()).collect();
                if sites.is_empty() || self.random.chance(5) {
                    let volume = self.lattices[*k].volume();
                    let number = match self.random.below(3) {
                        0 if depth > 0 => format!("{} % {volume}", self.expr(&Type::scalar(Kind::Int), 1)),
                        _ => self.random.below(volume).to_string(),
                    };
                    return Some(format!("site({}, {number})", self.lattices[*k].name));
                }
                let site = self.random.pick(&sites).clone();
                let mut text = site;
                while self.random.chance(45) {
                    let sign = *self.random.pick(&["+", "-"]);
                    let step = match self.random.below(4) {
                        0 => format!("{} * ", self.random.between(0, 3)),
                        _ => String::new(),
                    };
                    let direction = self.direction(*k);
                    text = format!("{text} {sign} {step}{direction}");
                }
                Some(text)
            }
            Set::Directions(k) => Some(self.direction(*k)),
            Set::Part(..) => None,
        }
    }

    fn direction(&mut self, k: usize) -> String {
        let named: Vec<String> =
            self.names.iter().filter(|n| matches!(n.bound, Bound::Direction(l) if l == k)).map(|n| n.text.clone()).collect();
        if !named.is_empty() && self.random.chance(80) {
            return self.random.pick(&named).clone();
        }
        let number = self.random.below(self.lattices[k].sizes.len());
        format!("{}.directions[{number}]", self.lattices[k].name)
    }

    /// An element of an array in scope.
    fn read(&mut self, kind: Kind, depth: u32) -> Option<String> {
        let mut arrays = self.values(|t| t.kind == kind && !t.is_scalar());
        // Arrays over sets that are being run over first.
        let running: Vec<(String, Type)> = arrays.iter().filter(|(_, t)| t.sets.iter().any(|s| self.runs_over(s))).cloned().collect();
        if !running.is_empty() && self.random.chance(80) {
            arrays = running;
        }
        let (text, ty) = self.one_of(arrays)?;
        let indices: Option<Vec<String>> = ty.sets.iter().map(|set| self.index(set, depth)).collect();
        Some(format!("{text}[{}]", indices?.join(", ")))
    }

    fn runs_over(&self, set: &Set) -> bool {
        self.names.iter().any(|n| match (&n.bound, set) {
            (Bound::Index(n), Set::Range(m)) => n == m,
            (Bound::Site(k), Set::Lattice(l)) => k == l,
            (Bound::Direction(k), Set::Directions(l)) => k == l,
            _ => false,
        })
    }

    // ---- scalars ----

    fn scalar(&mut self, kind: Kind, depth: u32) -> Option<String> {
        let ty = Type::scalar(kind);
        match self.random.below(12) {
            0 | 1 => {
                let found = self.values(|t| *t == ty);
                return self.one_of(found).map(|(text, _)| text);
            }
            2 | 3 => return self.read(kind, depth),
            4 | 5 => return self.reduction(kind, depth),
            6 if self.random.chance(50) => {
                let (c, a, b) = (self.expr(&Type::scalar(Kind::Bool), depth.min(2)), self.expr(&ty, depth), self.expr(&ty, depth));
                return Some(format!("(if {c} {{ {a} }} else {{ {b} }})"));
            }
            7 if self.random.chance(60) => return self.called(&ty, depth),
            8 if self.random.chance(25) => {
                let x = self.fresh();
                let argument = self.some_type();
                let given = self.expr(&argument, depth.min(2));
                let name = Name { text: x.clone(), bound: Bound::Value(argument), mutable: None };
                let body = self.inside(vec![name], 1, |m| m.expr(&ty, depth));
                return Some(format!("({x} -> {body})({given})"));
            }
            _ => {}
        }
        match kind {
            Kind::Real | Kind::F32 => self.float(kind, depth),
            Kind::Int => self.int(depth),
            Kind::Bool => self.bool(depth),
            Kind::Complex => self.complex(&ty, depth),
        }
    }

    fn float(&mut self, kind: Kind, depth: u32) -> Option<String> {
        let ty = Type::scalar(kind);
        Some(match self.random.below(16) {
            0..=7 => return self.elementwise(&ty, depth),
            8 => {
                let (n, x) = (self.random.between(-2, 5), self.expr(&ty, depth));
                let x = if n < 0 && !self.wild { format!("(1.0 + {x}^2)") } else { x };
                format!("({x})^{}", if n < 0 { format!("({n})") } else { n.to_string() })
            }
            9 if kind == Kind::Real => {
                let from = *self.random.pick(&[Kind::Int, Kind::F32, Kind::Int]);
                format!("({} as real)", self.expr(&Type::scalar(from), depth))
            }
            9 => {
                let from = *self.random.pick(&[Kind::Real, Kind::Int]);
                format!("({} as f32)", self.expr(&Type::scalar(from), depth))
            }
            10 if kind == Kind::Real => {
                let z = self.expr(&Type::scalar(Kind::Complex), depth);
                let part = *self.random.pick(&["re", "im", "abs", "arg"]);
                if part == "arg" && !self.wild { format!("im({z})") } else { format!("{part}({z})") }
            }
            11 if self.detached => format!("({}).value", self.expr(&ty, depth)),
            12 => return self.matrix_number(kind, depth),
            13 => {
                let sets = self.sets();
                let array = Type::new(kind, sets);
                if array.is_scalar() || self.len(&array.sets) == 0 {
                    return None;
                }
                let f = *self.random.pick(&["sum", "mean", "norm2", "sum", "mean", "max", "min", "logsumexp"]);
                if f == "logsumexp" && array.sets.len() > 1 {
                    return None;
                }
                format!("{f}({})", self.expr(&array, depth))
            }
            14 => return self.derived(&ty, depth),
            15 => {
                let n = self.size();
                let row = Type::new(kind, vec![Set::Range(n)]);
                format!("({} @ {})", self.expr(&row, depth), self.expr(&row, depth))
            }
            _ => return None,
        })
    }

    fn int(&mut self, depth: u32) -> Option<String> {
        let ty = Type::scalar(Kind::Int);
        Some(match self.random.below(9) {
            0..=3 => return self.elementwise(&ty, depth),
            4 => {
                let from = *self.random.pick(&[Kind::Real, Kind::F32]);
                format!("({} as int)", self.expr(&Type::scalar(from), depth))
            }
            5 => {
                let n = self.size();
                let array = Type::new(*self.random.pick(&[Kind::Real, Kind::F32, Kind::Int]), vec![Set::Range(n)]);
                if n == 0 {
                    return None;
                }
                format!("order({})[{}]", self.expr(&array, depth), self.random.below(n))
            }
            6 => {
                let sites: Vec<(String, usize)> =
                    self.names.iter().filter_map(|n| if let Bound::Site(k) = n.bound { Some((n.text.clone(), k)) } else { None }).collect();
                if sites.is_empty() {
                    return None;
                }
                let (site, k) = self.random.pick(&sites).clone();
                match self.random.below(4) {
                    0 => format!("{site}.number"),
                    1 => format!("{site}.parity"),
                    2 => format!("({site} + {}).number", self.direction(k)),
                    _ => format!("{site}.coordinates[{}]", self.random.below(self.lattices[k].sizes.len())),
                }
            }
            7 => {
                let set = self.small_set()?;
                let (generator, name) = self.generator(&set);
                let members = self.size_of(&set);
                let condition = self.inside(vec![name], members, |m| m.expr(&Type::scalar(Kind::Bool), depth));
                format!("count({condition} for {generator})")
            }
            _ => format!("({})^{}", self.expr(&ty, depth.min(1)), self.random.below(3)),
        })
    }

    fn bool(&mut self, depth: u32) -> Option<String> {
        let ty = Type::scalar(Kind::Bool);
        Some(match self.random.below(8) {
            0..=5 => return self.elementwise(&ty, depth),
            6 => {
                let sets = self.sets();
                if sets.is_empty() {
                    return None;
                }
                let f = *self.random.pick(&["any", "all"]);
                format!("{f}({})", self.expr(&Type::new(Kind::Bool, sets), depth))
            }
            _ => {
                let sites: Vec<(String, usize)> =
                    self.names.iter().filter_map(|n| if let Bound::Site(k) = n.bound { Some((n.text.clone(), k)) } else { None }).collect();
                if sites.is_empty() {
                    return None;
                }
                let (site, k) = self.random.pick(&sites).clone();
                let other = self.index(&Set::Lattice(k), depth)?;
                format!("({site} {} {other})", self.random.pick(&["==", "!="]))
            }
        })
    }

    fn complex(&mut self, ty: &Type, depth: u32) -> Option<String> {
        let real = Type { kind: Kind::Real, ..ty.clone() };
        Some(match self.random.below(9) {
            0 | 1 => format!("complex({}, {})", self.expr(&real, depth), self.expr(&real, depth)),
            2..=4 => {
                let op = *self.random.pick(&["+", "-", "*"]);
                format!("({} {op} {})", self.expr(ty, depth), self.expr(ty, depth))
            }
            5 => {
                let f = *self.random.pick(&["conj", "exp", "sin", "cos", "conj", "sqrt", "log"]);
                if f == "sqrt" || f == "log" {
                    format!("{f}({} + 2.5)", self.expr(ty, depth))
                } else {
                    format!("{f}({})", self.expr(ty, depth))
                }
            }
            6 => format!("({} * {})", self.expr(&real, depth), self.expr(ty, depth)),
            7 => format!("({} / (3.0 + abs({})))", self.expr(ty, depth), self.expr(ty, depth)),
            _ => format!("({})^{}", self.expr(ty, depth), self.random.below(4)),
        })
    }

    /// What acts on each element, of scalars and arrays alike.
    fn elementwise(&mut self, ty: &Type, depth: u32) -> Option<String> {
        let scalar = Type::scalar(ty.kind);
        // A scalar goes with any array.
        let other = |m: &mut Maker| if m.random.chance(25) { m.expr(&scalar, depth) } else { m.expr(ty, depth) };
        Some(match ty.kind {
            Kind::Real | Kind::F32 => match self.random.below(20) {
                0..=6 => {
                    let op = *self.random.pick(&["+", "-", "*", "+", "-", "*", "*"]);
                    format!("({} {op} {})", self.expr(ty, depth), other(self))
                }
                7 | 8 => {
                    let divisor = other(self);
                    let divisor = if self.wild { divisor } else { format!("(1.5 + {divisor}^2)") };
                    format!("({} / {divisor})", self.expr(ty, depth))
                }
                9 => format!("{}({}, {})", self.random.pick(&["min", "max"]), self.expr(ty, depth), self.expr(ty, depth)),
                10 => format!("(-{})", self.expr(ty, depth)),
                11..=13 => {
                    let f = *self.random.pick(UNARY);
                    let x = self.expr(ty, depth);
                    let grows = matches!(f, "exp" | "expm1" | "sinh" | "cosh" | "tan");
                    if grows && !self.wild { format!("{f}(sin({x}))") } else { format!("{f}({x})") }
                }
                14 | 15 => {
                    let x = self.expr(ty, depth);
                    let f = *self.random.pick(&["sqrt", "log", "log1p", "asin", "acos", "lgamma", "digamma", "polygamma"]);
                    match f {
                        _ if self.wild && self.random.chance(40) && f != "polygamma" => format!("{f}({x})"),
                        "asin" | "acos" => format!("{f}(0.9 * sin({x}))"),
                        "polygamma" => format!("polygamma(0.5 + abs({x}), {})", self.random.below(4)),
                        _ => format!("{f}(0.5 + abs({x}))"),
                    }
                }
                16 => {
                    let (x, y) = (self.expr(ty, depth), self.expr(ty, depth));
                    if self.wild { format!("atan2({x}, {y})") } else { format!("atan2({x}, 0.5 + abs({y}))") }
                }
                17 => {
                    let (x, y) = (self.expr(ty, depth), self.expr(ty, depth));
                    if self.wild && self.random.chance(30) { format!("({x})^({y})") } else { format!("(0.5 + abs({x}))^sin({y})") }
                }
                18 if self.wild => {
                    let op = *self.random.pick(&["%", "//"]);
                    format!("({} {op} {})", self.expr(ty, depth), other(self))
                }
                19 if ty.is_scalar() => {
                    let n = self.expr(&Type::scalar(Kind::Int), depth.min(1));
                    let x = self.expr(ty, depth);
                    // The exponent is computed.
                    if self.wild { format!("({x})^({n} % 5)") } else { format!("sin({x})^(({n}) % 4)") }
                }
                _ => return None,
            },
            Kind::Int => match self.random.below(8) {
                0..=3 => {
                    let op = *self.random.pick(&["+", "-", "*"]);
                    format!("({} {op} {})", self.expr(ty, depth), other(self))
                }
                4 => {
                    let op = *self.random.pick(&["//", "%"]);
                    let divisor = self.random.between(1, 7);
                    if self.random.chance(30) {
                        format!("({} {op} {})", self.expr(ty, depth), self.expr(ty, depth))
                    } else {
                        format!("({} {op} {divisor})", self.expr(ty, depth))
                    }
                }
                5 => format!("{}({}, {})", self.random.pick(&["min", "max"]), self.expr(ty, depth), self.expr(ty, depth)),
                6 => format!("{}({})", self.random.pick(&["abs", "sign"]), self.expr(ty, depth)),
                _ => format!("(-{})", self.expr(ty, depth)),
            },
            Kind::Bool => match self.random.below(8) {
                0 => format!("({} and {})", self.expr(ty, depth), self.expr(ty, depth)),
                1 => format!("({} or {})", self.expr(ty, depth), self.expr(ty, depth)),
                2 => format!("(not {})", self.expr(ty, depth)),
                3 => {
                    let of = Type { kind: *self.random.pick(&[Kind::Real, Kind::F32]), ..ty.clone() };
                    format!("is_finite({})", self.expr(&of, depth))
                }
                4 if self.random.chance(30) => {
                    let kind = *self.random.pick(&[Kind::Bool, Kind::Complex]);
                    let of = Type { kind, ..ty.clone() };
                    format!("({} {} {})", self.expr(&of, depth), self.random.pick(&["==", "!="]), self.expr(&of, depth))
                }
                _ => {
                    let of = Type { kind: *self.random.pick(&[Kind::Real, Kind::Real, Kind::F32, Kind::Int]), ..ty.clone() };
                    let op = *self.random.pick(&["<", "<=", ">", ">=", "==", "!="]);
                    format!("({} {op} {})", self.expr(&of, depth), self.expr(&of, depth))
                }
            },
            Kind::Complex => return self.complex(ty, depth),
        })
    }

    /// A set that one more comprehension may run over.
    fn small_set(&mut self) -> Option<Set> {
        let set = match self.random.below(8) {
            0 if !self.lattices.is_empty() => {
                let k = self.random.below(self.lattices.len());
                match self.random.below(3) {
                    0 if self.lattices[k].periodic => Set::Momenta(k),
                    _ => Set::Part(k, self.random.chance(50)),
                }
            }
            1 | 2 if !self.lattices.is_empty() => Set::Directions(self.random.below(self.lattices.len())),
            _ => self.set(),
        };
        (self.members * self.size_of(&set) <= self.most).then_some(set)
    }

    fn reduction(&mut self, kind: Kind, depth: u32) -> Option<String> {
        let function = match kind {
            Kind::Bool => *self.random.pick(&["any", "all"]),
            Kind::Complex => "sum",
            Kind::Int => *self.random.pick(&["sum", "sum", "prod", "max", "min"]),
            _ => *self.random.pick(&["sum", "sum", "sum", "sum", "prod", "max", "min", "mean"]),
        };
        let first = self.small_set()?;
        let mut sets = vec![first];
        if self.random.chance(25) {
            let second = self.small_set()?;
            if self.len(&sets) * self.size_of(&second) * self.members <= self.most {
                sets.push(second);
            }
        }
        let members = self.len(&sets);
        if members == 0 && function == "mean" {
            return None;
        }
        let (generators, names): (Vec<String>, Vec<Name>) = sets.iter().map(|s| self.generator(s)).unzip();
        let (body, filter) = self.inside(names, members, |m| {
            let body = m.expr(&Type::scalar(kind), depth);
            let filter = (function != "mean" && m.random.chance(25)).then(|| m.expr(&Type::scalar(Kind::Bool), depth.min(2)));
            (body, filter)
        });
        let filter = filter.map(|f| format!(" if {f}")).unwrap_or_default();
        let function = if function == "sum" && self.random.chance(5) { "∑" } else { function };
        Some(format!("{function}({body} for {}{filter})", generators.join(", ")))
    }

    /// A call of a function of the program.
    fn called(&mut self, ty: &Type, depth: u32) -> Option<String> {
        let fitting: Vec<Function> = self.functions.iter().filter(|f| f.result == *ty && (self.may_draw || !f.draws)).cloned().collect();
        if fitting.is_empty() || self.members > 300 {
            return None;
        }
        let function = self.random.pick(&fitting).clone();
        let arguments: Vec<String> = function.parameters.iter().map(|p| self.expr(p, depth.min(2))).collect();
        Some(format!("{}({})", function.name, arguments.join(", ")))
    }

    /// A derivative of a function of the program: of the type of its first parameter.
    fn derived(&mut self, ty: &Type, depth: u32) -> Option<String> {
        if self.members > 50 {
            return None;
        }
        let fits = |f: &Function| f.result.is_scalar() && f.result.kind == ty.kind && f.parameters[0] == *ty && ty.kind.is_float();
        let may_draw = self.may_draw;
        let fitting: Vec<Function> = self.functions.iter().filter(|f| fits(f) && (may_draw || !f.draws)).cloned().collect();
        if fitting.is_empty() {
            return None;
        }
        let function = self.random.pick(&fitting).clone();
        let arguments: Vec<String> = function.parameters.iter().map(|p| self.expr(p, depth.min(1))).collect();
        let arguments = arguments.join(", ");
        let f = &function.name;
        Some(match self.random.below(6) {
            0 if function.parameters.len() == 1 => format!("vjp({f})({arguments}, {})", self.expr(&Type::scalar(ty.kind), 1)),
            1 => format!("value_and_grad({f})({arguments})[1]"),
            2 if function.parameters.len() == 1 && ty.is_scalar() => format!("jvp({f})({arguments}, {})", self.literal(ty.kind)),
            _ => format!("grad({f})({arguments})"),
        })
    }

    /// A number that linear algebra makes of a small square matrix.
    fn matrix_number(&mut self, kind: Kind, depth: u32) -> Option<String> {
        let n = self.random.below(4) + 1;
        let matrix = self.square(kind, n, depth)?;
        Some(match self.random.below(5) {
            0 => format!("determinant({matrix})"),
            1 => format!("log_determinant({matrix} @ ({matrix})' + {})", self.identity(kind, n)),
            2 => format!("trace(inverse({matrix}))"),
            3 => format!("eigenvalues({matrix} + ({matrix})')[{}]", self.random.below(n)),
            _ => format!("singular_values({matrix})[{}]", self.random.below(n)),
        })
    }

    fn identity(&mut self, kind: Kind, n: usize) -> String {
        let (i, j) = (self.fresh(), self.fresh());
        let (one, zero) = if kind == Kind::F32 { ("(1.0 as f32)", "(0.0 as f32)") } else { ("1.0", "0.0") };
        format!("[if {i} == {j} {{ {one} }} else {{ {zero} }} for {i} in {n}, {j} in {n}]")
    }

    /// A square matrix, mostly far from singular.
    fn square(&mut self, kind: Kind, n: usize, depth: u32) -> Option<String> {
        if self.members * n * n * 4 > self.most {
            return None;
        }
        let ty = Type::new(kind, vec![Set::Range(n); 2]);
        let entries = self.expr(&ty, depth.min(2));
        let identity = self.identity(kind, n);
        Some(if self.wild && self.random.chance(30) { entries } else { format!("(0.3 * tanh({entries}) + 2.0 * {identity})") })
    }

    // ---- arrays ----

    fn array(&mut self, ty: &Type, depth: u32) -> Option<String> {
        let sets = &ty.sets;
        let members = self.len(sets);
        if members * self.members > self.most {
            return Some(self.leaf(ty));
        }
        Some(match self.random.below(24) {
            0 | 1 => {
                let found = self.values(|t| t == ty);
                self.one_of(found)?.0
            }
            2..=6 => {
                let (generators, names): (Vec<String>, Vec<Name>) = sets.iter().map(|s| self.generator(s)).unzip();
                let body = self.inside(names, members, |m| m.expr(&Type::scalar(ty.kind), depth + 1));
                format!("[{body} for {}]", generators.join(", "))
            }
            7 if sets.len() > 1 => {
                let (generator, name) = self.generator(&sets[0]);
                let row = Type::new(ty.kind, &sets[1..]);
                let count = self.size_of(&sets[0]);
                let body = self.inside(vec![name], count, |m| m.expr(&row, depth));
                format!("[{body} for {generator}]")
            }
            8..=11 => self.elementwise(ty, depth)?,
            12 => match &sets[0] {
                Set::Range(n) if (1..=5).contains(n) => {
                    let row = Type::new(ty.kind, &sets[1..]);
                    let rows: Vec<String> = (0..*n).map(|_| self.expr(&row, depth.min(2))).collect();
                    format!("[{}]", rows.join(", "))
                }
                _ => return None,
            },
            13 => self.sliced(ty)?,
            14 => {
                let found = self.values(|t| t.kind == ty.kind && t.sets.len() == sets.len() + 1 && t.sets[1..] == sets[..]);
                let other = self.values(|t| t.kind == ty.kind && t.sets.len() == sets.len() + 1 && t.sets[..sets.len()] == sets[..]);
                let (text, whole) = self.one_of(found).or_else(|| self.one_of(other))?;
                if whole.sets[1..] == sets[..] {
                    format!("{text}[{}]", self.index(&whole.sets[0], depth)?)
                } else {
                    let index = self.index(whole.sets.last()?, depth)?;
                    format!("{text}[{}{index}]", ".., ".repeat(sets.len()))
                }
            }
            15 => {
                let found = self.values(|t| t.kind == ty.kind && t.sets.len() == sets.len() && t.sets[1..] == sets[1..] && matches!(t.sets[0], Set::Range(n) if n > 0));
                let (text, whole) = self.one_of(found)?;
                let Set::Range(n) = whole.sets[0] else { return None };
                let positions = self.expr(&Type::new(Kind::Int, vec![sets[0].clone()]), depth.min(2));
                format!("{text}[{positions} % {n}]")
            }
            16 if sets.len() == 2 => format!("({})'", self.expr(&Type::new(ty.kind, vec![sets[1].clone(), sets[0].clone()]), depth)),
            17 | 18 if ty.kind.is_float() => self.contraction(ty, depth)?,
            19 => {
                let (c, a, b) = (self.expr(&Type::scalar(Kind::Bool), depth.min(2)), self.expr(ty, depth), self.expr(ty, depth));
                format!("(if {c} {{ {a} }} else {{ {b} }})")
            }
            20 => self.called(ty, depth)?,
            21 => self.derived(ty, depth)?,
            22 => self.routine(ty, depth)?,
            23 => {
                let from = match ty.kind {
                    Kind::Real => *self.random.pick(&[Kind::Int, Kind::F32]),
                    Kind::F32 => *self.random.pick(&[Kind::Int, Kind::Real]),
                    Kind::Int => *self.random.pick(&[Kind::Real, Kind::F32]),
                    _ => return None,
                };
                format!("({} as {})", self.expr(&Type { kind: from, ..ty.clone() }, depth), ty.kind.name())
            }
            _ => return None,
        })
    }

    fn sliced(&mut self, ty: &Type) -> Option<String> {
        let sets = ty.sets.clone();
        // Even or odd sites of a field.
        if let Set::Part(k, odd) = sets[0] {
            let found = self.values(|t| t.kind == ty.kind && t.sets.len() == sets.len() && t.sets[0] == Set::Lattice(k) && t.sets[1..] == sets[1..]);
            let (text, _) = self.one_of(found)?;
            return Some(format!("{text}[{}]", self.set_text(&Set::Part(k, odd))));
        }
        let at = self.random.below(sets.len());
        let Set::Range(n) = sets[at] else { return None };
        let fits = |t: &Type| {
            t.kind == ty.kind
                && t.sets.len() == sets.len()
                && matches!(t.sets[at], Set::Range(m) if m >= n)
                && (0..sets.len()).all(|k| k == at || t.sets[k] == sets[k])
        };
        let found = self.values(fits);
        let (text, whole) = self.one_of(found)?;
        let Set::Range(m) = whole.sets[at] else { return None };
        let from = self.random.below(m - n + 1);
        Some(format!("{text}[{}{from}..{}]", ".., ".repeat(at), from + n))
    }

    fn contraction(&mut self, ty: &Type, depth: u32) -> Option<String> {
        if self.random.chance(50)
            && let Some(text) = self.convolution(ty, depth)
        {
            return Some(text);
        }
        let sets = &ty.sets;
        let inner = self.set();
        if self.size_of(&inner) * self.len(sets) * self.members > self.most {
            return None;
        }
        let [one, two] = match &sets[..] {
            [row] => [vec![row.clone(), inner.clone()], vec![inner.clone()]],
            [row, column] => [vec![row.clone(), inner.clone()], vec![inner.clone(), column.clone()]],
            _ => return None,
        };
        let (left, right) = (self.expr(&Type::new(ty.kind, one), depth.min(2)), self.expr(&Type::new(ty.kind, two), depth.min(2)));
        if self.random.chance(50) {
            return Some(format!("({left} @ {right})"));
        }
        let (inner_text, name) = self.generator(&inner);
        let (generators, names): (Vec<String>, Vec<Name>) = sets.iter().map(|s| self.generator(s)).unzip();
        let (k, i) = (&name.text, &names[0].text);
        let body = match names.get(1) {
            Some(j) => format!("({left})[{i}, {k}] * ({right})[{k}, {}]", j.text),
            None => format!("({left})[{i}, {k}] * ({right})[{k}]"),
        };
        Some(format!("[sum({body} for {inner_text}) for {}]", generators.join(", ")))
    }

    /// A sum over neighbours that are known one by one and channels that are counted.
    fn convolution(&mut self, ty: &Type, depth: u32) -> Option<String> {
        let (site, channel) = match &ty.sets[..] {
            [site @ Set::Lattice(_)] => (site.clone(), None),
            [site @ Set::Lattice(_), channel] => (site.clone(), Some(channel.clone())),
            _ => return None,
        };
        let Set::Lattice(k) = site else { return None };
        let inner = Set::Range(1 + self.random.below(9));
        if 3 * self.size_of(&inner) * self.len(&ty.sets) * self.members > self.most {
            return None;
        }
        let (field, weights) = (vec![site.clone(), inner.clone()], [vec![Set::Range(3), inner.clone()], channel.iter().cloned().collect()].concat());
        let (field, weights) = (self.expr(&Type::new(ty.kind, field), depth.min(2)), self.expr(&Type::new(ty.kind, weights), depth.min(2)));
        let direction = format!("{}.directions[{}]", self.lattices[k].name, self.random.below(self.lattices[k].sizes.len()));
        let ((inner_text, c), (sites, s)) = (self.generator(&inner), self.generator(&site));
        let (offset, c, s) = (self.fresh(), &c.text, &s.text);
        let (channels, o) = match channel {
            Some(set) => {
                let (text, name) = self.generator(&set);
                (format!(", {text}"), format!(", {}", name.text))
            }
            None => (String::new(), String::new()),
        };
        let sum = format!("sum(({field})[{s} + {offset}*{direction}, {c}] * ({weights})[{offset} + 1, {c}{o}] for {offset} in (-1, 0, 1), {inner_text})");
        Some(format!("[{sum} for {sites}{channels}]"))
    }

    /// What an array routine gives.
    fn routine(&mut self, ty: &Type, depth: u32) -> Option<String> {
        let small = |set: &Set| matches!(set, Set::Range(n) if (1..=6).contains(n));
        match (&ty.sets[..], ty.kind) {
            ([Set::Range(_)], Kind::Real | Kind::F32 | Kind::Int) if self.random.chance(40) => Some(format!("sort({})", self.expr(ty, depth))),
            ([Set::Range(_)], Kind::Int) => {
                let kind = *self.random.pick(&[Kind::Real, Kind::F32, Kind::Int]);
                Some(format!("order({})", self.expr(&Type { kind, ..ty.clone() }, depth)))
            }
            ([first], Kind::Complex) => {
                let kind = if self.random.chance(60) { Kind::Complex } else { Kind::Real };
                match first {
                    Set::Range(n) if *n > 0 => {
                        let x = self.expr(&Type { kind, ..ty.clone() }, depth);
                        Some(format!("{}({x})", self.random.pick(&["fourier", "inverse_fourier"])))
                    }
                    Set::Momenta(k) if self.lattices[*k].periodic => {
                        Some(format!("fourier({})", self.expr(&Type::new(kind, vec![Set::Lattice(*k)]), depth)))
                    }
                    Set::Lattice(k) if self.lattices[*k].periodic => {
                        Some(format!("inverse_fourier({})", self.expr(&Type::new(Kind::Complex, vec![Set::Momenta(*k)]), depth)))
                    }
                    _ => None,
                }
            }
            ([set @ Set::Range(n)], Kind::Real | Kind::F32) if small(set) => {
                let matrix = self.square(ty.kind, *n, depth)?;
                Some(match self.random.below(4) {
                    0 => format!("solve({matrix}, {})", self.expr(ty, depth)),
                    1 => format!("eigenvalues({matrix} + ({matrix})')"),
                    2 => format!("eigensystem({matrix} + ({matrix})')[0]"),
                    _ => format!("singular_values({matrix})"),
                })
            }
            ([a @ Set::Range(n), b], Kind::Real | Kind::F32) if a == b && small(a) => {
                let matrix = self.square(ty.kind, *n, depth)?;
                Some(match self.random.below(5) {
                    0 => format!("inverse({matrix})"),
                    1 => format!("solve({matrix}, {})", self.expr(ty, depth)),
                    2 => format!("cholesky({matrix} @ ({matrix})' + {})", self.identity(ty.kind, *n)),
                    3 => format!("semidefinite_factor({matrix} @ ({matrix})' + {})", self.identity(ty.kind, *n)),
                    _ => {
                        let (i, j) = (self.fresh(), self.fresh());
                        // Eigenvalues well apart, so that eigenvectors have a slope.
                        let one = if ty.kind == Kind::F32 { "as f32" } else { "as real" };
                        format!("eigensystem({matrix} + ({matrix})' + [if {i} == {j} {{ ({i} {one}) * 9.0 }} else {{ (0.0 {one}) }} for {i} in {n}, {j} in {n}])[1]")
                    }
                })
            }
            _ => None,
        }
    }
}
