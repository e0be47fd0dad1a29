//! Random programs: declarations, functions with blocks, loops and draws, and derivatives of some functions in both modes.

use crate::expressions::Maker;
use crate::random::Random;
use crate::types::*;

/// A program, and the derivatives in it that are to be compared.
pub struct RandomProgram {
    pub text: String,
    /// For each number k here `x{k}`, `v{k}x`, `w{k}`, `y{k}`, `forward{k}` and `reverse{k}` are a point, a tangent, a
    /// cotangent, the value there, and the derivative along the tangent and its transpose applied to the cotangent.
    pub derivatives: Vec<Derivative>,
}

pub struct Derivative {
    pub number: usize,
    /// Whether finite differences are worth trying: 64 bits, nothing held fixed.
    pub smooth: bool,
    /// The statements that make the comparison mean something.
    pub statements: Vec<String>,
}

const EDGES: &[usize] = &[7, 8, 9, 15, 16, 17, 31, 33];

pub fn program(seed: u64, number: u64) -> RandomProgram {
    let mut random = Random::new(seed, number);
    // One in sixty has arrays that threads share.
    let large = random.below(60) == 0;
    let mut sizes: Vec<usize> = (0..3).map(|_| *random.pick(&[1, 2, 2, 3, 3, 4, 5, 6])).collect();
    if random.chance(40) {
        sizes.push(*random.pick(EDGES));
    }
    if random.chance(10) {
        sizes.push(0);
    }
    if large {
        sizes.push(*random.pick(&[1_000, 4_099, 9_001, 33_000]));
        sizes.push(*random.pick(EDGES));
    }
    let wild = random.chance(20);
    let detached = random.chance(20);
    // Most programs are small: more of them, and what they find is found at once.
    let small = random.chance(80) && !large;
    let fuel = if small { random.between(3, 14) } else { random.between(15, 60) } as i32;
    let maker = Maker {
        random,
        lattices: vec![],
        names: vec![],
        functions: vec![],
        sizes,
        fuel,
        level: 0,
        members: 1,
        most: if large { 100_000 } else { 500 },
        wild,
        detached,
        may_draw: true,
        made: 0,
    };
    maker.program(large, small)
}

impl Maker {
    fn program(mut self, large: bool, small: bool) -> RandomProgram {
        let mut lines = vec![];
        for name in ["Λ", "M"] {
            if self.random.chance(35) {
                let most = if large { 5_000 } else { 300 };
                let lattice = Lattice::random(&mut self.random, name, most);
                lines.push(format!("lattice {name} = {}", lattice.text));
                self.lattices.push(lattice);
            }
        }
        let functions = if !small { 3 } else if self.random.chance(25) { 2 } else { 1 };
        for k in 0..self.random.below(functions) {
            let name = format!("f{k}");
            let text = self.function(&name, None);
            lines.push(text);
        }
        let statements = if !small { 5 } else if self.random.chance(30) { 2 } else { 1 };
        for _ in 0..self.random.below(statements) + 1 {
            lines.extend(self.statement(3, true));
        }
        let mut derivatives = vec![];
        for number in 0..2 {
            if self.random.chance(if small { 4 } else { 40 }) {
                self.fuel = self.fuel.max(0) + 20;
                derivatives.push(self.derivative(number, &mut lines));
            }
        }
        if self.random.chance(if small { 2 } else { 8 }) {
            self.estimates(&mut lines);
        }
        if self.random.chance(5) && !large && !small {
            self.sampler(&mut lines);
        }
        if self.random.chance(15) {
            let ty = self.some_type();
            self.fuel += 10;
            let value = self.expr(&ty, 3);
            lines.push(format!("print(\"{{{value}}}\")"));
        }
        RandomProgram { text: lines.join("\n") + "\n", derivatives }
    }

    /// A declaration of a function, which is in scope from then on; of this first parameter and result, if they are given.
    fn function(&mut self, name: &str, wanted: Option<(Type, Type)>) -> String {
        // A function sees what the top level has bound, lattices and functions; here it reads its parameters alone.
        let outer = std::mem::take(&mut self.names);
        let draws = self.random.chance(15);
        let may_draw = std::mem::replace(&mut self.may_draw, draws);
        let (first, result) = wanted.clone().unwrap_or_else(|| {
            let first = if self.random.chance(60) { self.float_type() } else { self.some_type() };
            let result = if self.random.chance(60) { Type::scalar(if first.kind.is_float() { first.kind } else { Kind::Real }) } else { self.some_type() };
            (first, result)
        });
        let mut parameters = vec![first];
        if wanted.is_none() {
            for _ in 0..*self.random.pick(&[0, 0, 1, 2]) {
                let ty = self.some_type();
                parameters.push(ty);
            }
        }
        let mut written = vec![];
        for ty in &parameters {
            let text = self.fresh();
            // Generic parameters take the type of what is given.
            let typed = wanted.is_some() || self.random.chance(70);
            written.push(if typed { format!("{text}: {}", self.type_text(ty)) } else { text.clone() });
            self.names.push(Name { text, bound: Bound::Value(ty.clone()), mutable: None });
        }
        let fuel = self.fuel;
        self.fuel = self.random.between(6, 30) as i32;
        self.level += 1;
        let text = if self.random.chance(45) {
            let block = self.block(&result, 3);
            format!("fn {name}({}) {block}", written.join(", "))
        } else {
            let body = self.expr(&result, 4);
            format!("fn {name}({}) = {body}", written.join(", "))
        };
        self.level -= 1;
        self.fuel = fuel;
        self.names = outer;
        self.may_draw = may_draw;
        self.functions.push(Function { name: name.into(), parameters, result, draws });
        text
    }

    fn float_type(&mut self) -> Type {
        let kind = if self.random.chance(80) { Kind::Real } else { Kind::F32 };
        loop {
            let sets = self.sets();
            if self.len(&sets) <= 600 {
                return Type::new(kind, sets);
            }
        }
    }

    /// A block whose value has this type.
    fn block(&mut self, ty: &Type, depth: u32) -> String {
        let mark = self.names.len();
        let mut lines = vec![];
        for _ in 0..self.random.below(4) {
            lines.extend(self.statement(depth, false));
        }
        lines.push(self.expr(ty, depth));
        self.names.truncate(mark);
        let lines: Vec<String> = lines.iter().map(|l| format!("    {}", l.replace('\n', "\n    "))).collect();
        format!("{{\n{}\n}}", lines.join("\n"))
    }

    fn bind(&mut self, text: &str, ty: Type, mutable: bool) {
        let mutable = mutable.then_some(self.level);
        self.names.push(Name { text: text.into(), bound: Bound::Value(ty), mutable });
    }

    /// One statement: lines of text. What it binds is in scope afterwards.
    fn statement(&mut self, depth: u32, top: bool) -> Vec<String> {
        match self.random.below(13) {
            0 | 1 if self.may_draw => {
                let kind = if self.random.chance(75) { Kind::Real } else { Kind::F32 };
                let ty = Type::new(kind, self.sets());
                let name = self.fresh();
                let law = match self.random.below(5) {
                    0 | 1 => "normal(0, 1)".into(),
                    2 => "uniform(-1, 2)".into(),
                    3 => "exponential(1.5)".into(),
                    _ => {
                        let scalar = Type::scalar(kind);
                        format!("normal({}, {})", self.expr(&scalar, 1), self.expr(&scalar, 1))
                    }
                };
                let line = format!("let {name}: {} ~ {law}", self.type_text(&ty));
                self.bind(&name, ty, false);
                vec![line]
            }
            2 => {
                let (a, b) = (self.fresh(), self.fresh());
                let (s, t) = (self.some_type(), self.some_type());
                let line = format!("let ({a}, {b}) = ({}, {})", self.expr(&s, depth), self.expr(&t, depth));
                self.bind(&a, s, false);
                self.bind(&b, t, false);
                vec![line]
            }
            3 => {
                let name = self.fresh();
                let (s, t) = (self.some_type(), self.some_type());
                let word = *self.random.pick(&["let", "var"]);
                let line = format!("{word} {name} = {{a: {}, b: {}}}", self.expr(&s, depth), self.expr(&t, depth));
                self.bind(&format!("{name}.a"), s, word == "var");
                self.bind(&format!("{name}.b"), t, word == "var");
                vec![line]
            }
            4 | 5 => {
                let name = self.fresh();
                let ty = self.some_type();
                let line = format!("var {name}: {} = {}", self.type_text(&ty), self.expr(&ty, depth));
                self.bind(&name, ty, true);
                let mut lines = vec![line];
                lines.extend(self.control(depth, top));
                lines
            }
            6 if self.names.iter().any(|n| n.mutable == Some(self.level)) => self.control(depth, top),
            7 if !top => {
                // A function within: it sees the names around.
                let (name, x) = (self.fresh(), self.fresh());
                let (parameter, result) = (self.some_type(), self.some_type());
                let mark = self.names.len();
                self.level += 1;
                self.bind(&x, parameter.clone(), false);
                let body = self.expr(&result, depth);
                self.level -= 1;
                self.names.truncate(mark);
                let (given, bound) = (self.expr(&parameter, 1), self.fresh());
                self.bind(&bound, result, false);
                vec![format!("fn {name}({x}) = {body}"), format!("let {bound} = {name}({given})")]
            }
            _ => {
                let name = self.fresh();
                let ty = self.some_type();
                let value = self.expr(&ty, depth + 1);
                let line = if self.random.chance(30) { format!("let {name}: {} = {value}", self.type_text(&ty)) } else { format!("let {name} = {value}") };
                self.bind(&name, ty, false);
                vec![line]
            }
        }
    }

    /// A loop, a branch or an assignment.
    fn control(&mut self, depth: u32, top: bool) -> Vec<String> {
        let indented = |lines: Vec<String>| lines.iter().map(|l| format!("    {}", l.replace('\n', "\n    "))).collect::<Vec<_>>().join("\n");
        match self.random.below(6) {
            0 | 1 => {
                let counter = self.fresh();
                let turns = self.random.below(6);
                let mark = self.names.len();
                let (set, bound) = match self.lattices.len() {
                    n if n > 0 && self.random.chance(15) && self.lattices[0].volume() < 40 => (self.lattices[0].name.clone(), Bound::Site(0)),
                    _ => (turns.to_string(), Bound::Index(turns)),
                };
                let count = if let Bound::Site(k) = bound { self.lattices[k].volume() } else { turns };
                self.names.push(Name { text: counter.clone(), bound, mutable: None });
                let outer = self.members;
                self.members = self.members.saturating_mul(count.max(1));
                let body = self.body(depth);
                self.members = outer;
                self.names.truncate(mark);
                vec![format!("for {counter} in {set} {{"), indented(body), "}".into()]
            }
            2 => {
                let counter = self.fresh();
                let turns = self.random.below(7);
                let first = format!("var {counter} = 0");
                self.names.push(Name { text: counter.clone(), bound: Bound::Value(Type::scalar(Kind::Int)), mutable: None });
                let mark = self.names.len();
                let condition = self.expr(&Type::scalar(Kind::Bool), depth.min(2));
                let mut body = vec![format!("{counter} = {counter} + 1")];
                body.extend(self.body(depth));
                self.names.truncate(mark);
                vec![first, format!("while {counter} < {turns} and {condition} {{"), indented(body), "}".into()]
            }
            3 => {
                let condition = self.expr(&Type::scalar(Kind::Bool), depth.min(2));
                let mark = self.names.len();
                let then = self.body(depth);
                self.names.truncate(mark);
                let otherwise = self.random.chance(60).then(|| self.body(depth));
                self.names.truncate(mark);
                let mut lines = vec![format!("if {condition} {{"), indented(then)];
                match otherwise {
                    Some(body) => lines.extend(["} else {".into(), indented(body), "}".into()]),
                    None => lines.push("}".into()),
                }
                lines
            }
            4 if !top => {
                let condition = self.expr(&Type::scalar(Kind::Bool), depth.min(2));
                vec![if self.wild { format!("assert {condition}, \"it does not hold\"") } else { format!("assert {condition} or true") }]
            }
            _ => self.assignment(depth).into_iter().collect(),
        }
    }

    /// What stands in a loop or a branch: assignments and what they need.
    fn body(&mut self, depth: u32) -> Vec<String> {
        let mut lines = vec![];
        for _ in 0..self.random.below(2) {
            lines.extend(self.statement(depth.min(2), false));
        }
        for _ in 0..self.random.below(2) + 1 {
            lines.extend(self.assignment(depth));
        }
        if lines.is_empty() {
            let name = self.fresh();
            lines.push(format!("let {name} = {}", self.expr(&Type::scalar(Kind::Real), 1)));
        }
        lines
    }

    fn assignment(&mut self, depth: u32) -> Option<String> {
        let level = self.level;
        let own = |n: &Name| match &n.bound {
            Bound::Value(ty) if n.mutable == Some(level) => Some((n.text.clone(), ty.clone())),
            _ => None,
        };
        let mutable: Vec<(String, Type)> = self.names.iter().filter_map(own).collect();
        if mutable.is_empty() {
            return None;
        }
        let (text, ty) = self.random.pick(&mutable).clone();
        if ty.kind.is_float() && self.may_draw && self.random.chance(12) {
            return Some(format!("{text} ~ {}", self.random.pick(&["normal(0, 1)", "uniform(0, 1)"])));
        }
        if !ty.is_scalar() && self.random.chance(60) {
            let count = self.random.below(ty.sets.len()) + 1;
            let indices: Option<Vec<String>> = ty.sets[..count].iter().map(|set| self.position(set)).collect();
            let part = Type::new(ty.kind, &ty.sets[count..]);
            return Some(format!("{text}[{}] = {}", indices?.join(", "), self.expr(&part, depth)));
        }
        Some(format!("{text} = {}", self.expr(&ty, depth)))
    }

    /// Where an assignment writes.
    fn position(&mut self, set: &Set) -> Option<String> {
        let n = self.size_of(set);
        match set {
            _ if n == 0 => None,
            Set::Lattice(k) => {
                let sites: Vec<String> = self.names.iter().filter(|x| matches!(x.bound, Bound::Site(l) if l == *k)).map(|x| x.text.clone()).collect();
                Some(if sites.is_empty() { format!("site({}, {})", self.lattices[*k].name, self.random.below(n)) } else { self.random.pick(&sites).clone() })
            }
            Set::Range(_) => Some(match self.random.below(4) {
                0 => "-1".into(),
                1 => format!("{} % {n}", self.expr(&Type::scalar(Kind::Int), 1)),
                _ => self.random.below(n).to_string(),
            }),
            Set::Directions(k) => Some(format!("{}.directions[{}]", self.lattices[*k].name, self.random.below(n))),
            _ => None,
        }
    }

    // ---- derivatives ----

    fn derivative(&mut self, number: usize, lines: &mut Vec<String>) -> Derivative {
        let at = self.float_type();
        let second = self.random.chance(25);
        let value = if second || self.random.chance(60) { Type::scalar(at.kind) } else { Type::new(at.kind, self.float_type().sets) };
        let f = format!("g{number}");
        let (wild, detached) = (self.wild, self.detached);
        self.wild = false;
        lines.push(self.function(&f, Some((at.clone(), value.clone()))));
        (self.wild, self.detached) = (wild, detached);
        let held = format!("h{number}");
        // The same noise at every call.
        lines.push(format!("let {held} = fixed({f})"));
        let (of, value) = if second { (format!("grad({held})"), at.clone()) } else { (held, value) };
        let (at_text, value_text) = (self.type_text(&at), self.type_text(&value));
        let statements = vec![
            format!("let x{number}: {at_text} ~ normal(0.1, 0.7)"),
            format!("let v{number}x: {at_text} ~ normal(0, 1)"),
            format!("let w{number}: {value_text} ~ normal(0, 1)"),
            format!("let y{number} = {of}(x{number})"),
            format!("let forward{number} = jvp({of})(x{number}, v{number}x)"),
            format!("let reverse{number} = vjp({of})(x{number}, w{number})"),
        ];
        lines.extend(statements.iter().cloned());
        Derivative { number, smooth: at.kind == Kind::Real && !self.detached, statements }
    }

    // ---- ensembles and samplers ----

    /// Means over an ensemble of independent draws or of chains, and what is asked of them.
    fn estimates(&mut self, lines: &mut Vec<String>) {
        self.fuel = self.fuel.max(0) + 15;
        let name = self.fresh();
        let (draws, chains) = (self.random.between(6, 40), self.random.between(1, 4));
        lines.push(format!("let {name}d: real[{draws}, {chains}] ~ normal(0.3, 1)"));
        lines.push(format!("let {name} = markov_chains({name}d)"));
        let f = *self.random.pick(&["x", "x^2", "sin(x)", "abs(x)"]);
        lines.push(format!("let {name}m = mean({})", f.replace('x', &name)));
        let questions = ["error({m})", "tau_int({e})", "r_hat({e})", "covariance([{m}, mean({e}^3)])", "effective_draws({m})", "variance({e})", "{m}^2 / (1 + {m}^2)"];
        for question in questions {
            if self.random.chance(40) {
                let question = question.replace("{m}", &format!("{name}m")).replace("{e}", &name);
                let bound = self.fresh();
                lines.push(format!("let {bound} = {question}"));
            }
        }
        if self.random.chance(50) {
            let value = self.expr(&Type::scalar(Kind::Real), 2);
            lines.push(format!("print(\"{{{name}m}} {{exp({name}m) * {value}}}\")"));
        }
    }

    /// A few updates of a sampler, or a short simulation.
    fn sampler(&mut self, lines: &mut Vec<String>) {
        let set = if self.lattices.is_empty() { Set::Range(self.random.below(4) + 1) } else { Set::Lattice(0) };
        if self.size_of(&set) > 60 {
            return;
        }
        let kind = if self.random.chance(70) { Kind::Real } else { Kind::F32 };
        let name = self.set_text(&set);
        let neighbours = if let Set::Lattice(_) = set { format!(" - 0.3 * sum(φ[x] * φ[x + mu] for mu in {name}.directions)") } else { String::new() };
        let kind_name = kind.name();
        lines.push(format!("action S(φ: {kind_name}[{name}]) = sum(0.7 * φ[x]^2 + 0.1 * φ[x]^4{neighbours} for x in {name})"));
        let chains = self.random.between(1, 5);
        lines.push(match self.random.below(5) {
            0 => format!("let run = hmc(S, chains: {chains}, warmup: 2, draws: 5, length: 0.8, steps: 3)"),
            1 => format!("let run = langevin(S, 0.02, chains: {chains}, warmup: 2, draws: 5)"),
            2 => format!("let run = mala(S, 0.05, chains: {chains}, warmup: 1, draws: 4)"),
            3 if kind == Kind::Real => format!("let run = metropolis(S, 0.8, chains: {chains}, warmup: 1, draws: 4)"),
            _ => format!("process p(φ: {kind_name}[{name}]) {{ d φ = -grad(S)(φ) * dt + 1.2 * dW }}\nlet run = simulate(p, [{} for x in {name}], paths: {chains}, dt: 0.05, until: 0.3)", if kind == Kind::F32 { "(0.1 as f32)" } else { "0.1" }),
        });
        lines.push("let run_mean = mean([mean(φ^2) for φ in run])".into());
    }
}
