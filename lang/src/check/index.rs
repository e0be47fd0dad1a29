//! Reading at indices: `φ[x + mu]`, `x[i]`, `x[.., -1]`, `x[2..5]`, `φ[Λ.even]`; and the fields of values.

use super::value::*;
use super::*;
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, Index, Name};
use moyal_runtime::array::{Array, Data, Scalar};
use moyal_runtime::lattice;

/// What one index does to its dimension.
enum At {
    All,
    /// A known entry: the dimension goes.
    Known(usize),
    /// Known entries from..to: a plain range.
    Part(usize, usize),
    /// A computed position; with the factors of the boundaries that it crosses.
    Computed { position: Var, checked: bool, factors: Vec<Factor> },
    /// Positions in a table: the dimension becomes this set.
    Table { positions: Var, set: IndexSet },
}

/// What reading across a boundary does to the value.
pub enum Factor {
    /// times this number (±1)
    Sign(Var),
    /// zero unless this bool holds
    Inside(Var),
}

impl Checker<'_> {
    pub fn indexed(&mut self, array: Value, array_span: &Span, indices: &[Index], span: &Span) -> Checked<Value> {
        match array {
            Value::Number(n) => self.indexed_number(n, array_span, indices, span).map(Value::Number),
            Value::Record(fields) => {
                if let [Index::Expr(e)] = indices
                    && let ExprKind::Str(_) = &*e.kind
                {
                    return self.fail(errors::field_in_brackets(&e.span, array_span, e.span.text().trim_matches('"')));
                }
                let mut parts = vec![];
                for (name, value) in fields.iter() {
                    parts.push((name.clone(), self.indexed(value.clone(), array_span, indices, span)?));
                }
                Ok(Value::Record(Rc::new(parts)))
            }
            Value::Tuple(items) => {
                if let [Index::Expr(e)] = indices {
                    let position = self.expr(e)?;
                    if let Some(k) = self.literal_int(&position)
                        && let Some(item) = items.get(if k < 0 { items.len() as i64 + k } else { k } as usize)
                    {
                        return Ok(item.clone());
                    }
                }
                self.fail(errors::tuple_index(span, items.len()))
            }
            Value::Set(IndexSet::Directions(lattice)) => {
                let count = lattice.sizes.len();
                let [Index::Expr(e)] = indices else { return self.fail(errors::direction_number(span, count)) };
                let position = self.expr(e)?;
                match self.literal_int(&position).map(|k| if k < 0 { k + count as i64 } else { k }) {
                    Some(k) if (0..count as i64).contains(&k) => {
                        Ok(Value::Displacement(super::comprehension::direction(&lattice, k as usize)))
                    }
                    _ => self.fail(errors::direction_number(span, count)),
                }
            }
            Value::Unknown => Err(Reported),
            other => self.no_index(array_span, &other),
        }
    }

    fn indexed_number(&mut self, n: Number, array_span: &Span, indices: &[Index], span: &Span) -> Checked<Number> {
        if indices.len() > n.sets.len() {
            if n.is_scalar() {
                return self.no_index(array_span, &Value::Number(n));
            }
            return self.fail(errors::too_many_indices(span, array_span, &n, indices.len()));
        }
        let ats: Vec<_> = indices.iter().zip(n.sets.clone()).map(|(index, set)| self.at(index, &set, array_span)).collect();
        let ats = ats.into_iter().collect::<Checked<Vec<At>>>()?;
        self.b.at(span);
        let mut sets = vec![];
        let mut factors = vec![];
        for (k, at) in ats.iter().enumerate() {
            match at {
                At::All => sets.push(n.sets[k].clone()),
                At::Part(from, to) => sets.push(IndexSet::Range(to - from)),
                At::Table { set, .. } => sets.push(set.clone()),
                At::Known(_) => {}
                At::Computed { factors: crossed, .. } => factors.extend(crossed.iter()),
            }
        }
        sets.extend_from_slice(&n.sets[ats.len()..]);
        let read = n.clone().map_leaves(&mut |v| {
            let mut value = self.read(v, &ats);
            for factor in &factors {
                value = self.across(value, factor);
            }
            value
        });
        Ok(Number { sets, loose: false, below: None, ..read })
    }

    fn across(&mut self, value: Var, factor: &Factor) -> Var {
        match factor {
            Factor::Sign(sign) => {
                let scalar = self.b.scalar_of(value);
                if scalar == Scalar::Bool {
                    // What holds or not has no sign.
                    return value;
                }
                let sign = self.b.convert(*sign, scalar);
                self.b.mul(sign, value)
            }
            Factor::Inside(inside) => {
                let zero = self.b.zeros_like(value);
                self.b.select(*inside, value, zero)
            }
        }
    }

    /// One Core array read.
    fn read(&mut self, array: Var, ats: &[At]) -> Var {
        let mut value = array;
        // Known parts first, from the last dimension, so that the numbers of the others stay.
        let mut kept = vec![];
        for (k, at) in ats.iter().enumerate().rev() {
            match at {
                At::Known(entry) => value = self.b.pick(value, k, *entry),
                At::Part(from, to) => {
                    value = self.b.part(value, k, *from, *to);
                    kept.push(at);
                }
                _ => kept.push(at),
            }
        }
        kept.reverse();
        // Tables, each by bringing its dimension to the front and back.
        for (k, at) in kept.iter().enumerate() {
            if let At::Table { positions, .. } = at {
                let rank = self.b.shape_of(value).len();
                let order: Vec<usize> = std::iter::once(k).chain((0..rank).filter(|d| *d != k)).collect();
                let front = self.b.transpose(value, &order);
                let rows = self.b.gather(front, vec![*positions], false);
                let back: Vec<usize> = (1..=k).chain([0]).chain(k + 1..rank).collect();
                value = self.b.transpose(rows, &back);
            }
        }
        // Computed positions in one step, their dimensions in front.
        let computed: Vec<usize> = (0..kept.len()).filter(|k| matches!(kept[*k], At::Computed { .. })).collect();
        if computed.is_empty() {
            return value;
        }
        let rank = self.b.shape_of(value).len();
        let order: Vec<usize> = computed.iter().copied().chain((0..rank).filter(|d| !computed.contains(d))).collect();
        let front = self.b.transpose(value, &order);
        let mut test = false;
        let index = computed
            .iter()
            .map(|k| {
                let At::Computed { position, checked, .. } = kept[*k] else { unreachable!() };
                test |= checked;
                *position
            })
            .collect();
        self.b.gather(front, index, test)
    }

    /// What one index means for its set.
    fn at(&mut self, index: &Index, set: &IndexSet, array_span: &Span) -> Checked<At> {
        let e = match index {
            Index::All(_) => return Ok(At::All),
            Index::Expr(e) => e,
        };
        if let ExprKind::Binary { op: BinaryOp::Range, left, right, .. } = &*e.kind {
            return self.slice_at(e, left, right, set, array_span);
        }
        let moved = match &*e.kind {
            ExprKind::Binary { op: BinaryOp::Add | BinaryOp::Sub, right, .. } if matches!(set, IndexSet::Lattice(_)) => Some(right.span.start),
            _ => None,
        };
        self.indexing.push((set.clone(), moved));
        let value = self.expr(e);
        self.indexing.pop();
        match (value?, set) {
            (Value::Unknown, _) => Err(Reported),
            (Value::Site(site), IndexSet::Lattice(lattice)) => {
                if site.lattice.identity != lattice.identity {
                    return self.fail(errors::site_of_other_lattice(&e.span, &site.lattice, array_span, lattice));
                }
                let (position, factors) = self.site_position(&site);
                Ok(At::Computed { position, checked: false, factors })
            }
            (Value::Displacement(d), IndexSet::Directions(lattice)) => {
                if d.lattice.identity != lattice.identity {
                    return self.fail(errors::direction_of_other_lattice(&e.span, &d.lattice, array_span, lattice));
                }
                match d.vector.iter().position(|v| *v == 1) {
                    Some(k) if d.vector.iter().map(|v| v.abs()).sum::<i64>() == 1 => Ok(At::Known(k)),
                    _ => self.fail(errors::not_one_direction(&e.span)),
                }
            }
            (Value::Set(IndexSet::Part(part, parity)), IndexSet::Lattice(lattice)) if part.identity == lattice.identity => {
                let sites = lattice.sites_of(parity);
                let positions = self.b.table(Array::new(vec![sites.len()], Data::Int(sites)));
                Ok(At::Table { positions, set: IndexSet::Part(part, parity) })
            }
            (Value::Number(n), set) if n.kind == Kind::Int && !matches!(set, IndexSet::Lattice(_) | IndexSet::Part(..)) => {
                self.int_at(n, set, &e.span, array_span)
            }
            (other, set) => self.fail(errors::wrong_index(&e.span, &other, array_span, set)),
        }
    }

    fn int_at(&mut self, n: Number, set: &IndexSet, span: &Span, array_span: &Span) -> Checked<At> {
        let size = set.size();
        if let Some(k) = self.literal_int(&Value::Number(n.clone())) {
            let entry = if k < 0 { k + size as i64 } else { k };
            if entry < 0 || entry >= size as i64 {
                return self.fail(errors::index_outside(span, k, array_span, size));
            }
            return Ok(At::Known(entry as usize));
        }
        self.plain(&n, "an index", span)?;
        if n.is_scalar() {
            let checked = n.below.is_none_or(|below| below > size);
            return Ok(At::Computed { position: n.re, checked, factors: vec![] });
        }
        if n.sets.len() == 1 {
            // An array of positions: checked here, for the table form does not.
            let (low, high) = (self.b.reduce(crate::core::Monoid::Min, n.re, vec![0]), self.b.reduce(crate::core::Monoid::Max, n.re, vec![0]));
            let (zero, end) = (self.b.int(0), self.b.int(size as i64));
            let (above, below) = (self.b.call("ge", &[low, zero]), self.b.call("lt", &[high, end]));
            let inside = self.b.call("and", &[above, below]);
            self.b.at(span);
            self.b.require(inside, format!("an index lies outside 0 … {}", size as i64 - 1));
            return Ok(At::Table { positions: n.re, set: n.sets[0].clone() });
        }
        self.fail(errors::wrong_index(span, &Value::Number(n), array_span, set))
    }

    fn slice_at(&mut self, e: &Expr, left: &Expr, right: &Expr, set: &IndexSet, array_span: &Span) -> Checked<At> {
        let size = set.size() as i64;
        let mut ends = [0; 2];
        for (k, side) in [left, right].into_iter().enumerate() {
            let value = self.expr(side)?;
            match self.literal_int(&value) {
                Some(n) => ends[k] = if n < 0 { n + size } else { n },
                None => return self.fail(errors::unknown_range(&side.span)),
            }
        }
        let [from, to] = ends;
        if from < 0 || to > size || from > to {
            return self.fail(errors::slice_outside(&e.span, from, to, array_span, size));
        }
        Ok(At::Part(from as usize, to as usize))
    }

    // ---- sites ----

    /// The number of a site among its lattice's, boundary or not.
    pub fn site_number(&mut self, site: &Site) -> Var {
        if site.offset.iter().all(|o| *o == 0) {
            return site.base;
        }
        let table = self.b.shift_table(site.lattice.sizes.clone(), site.offset.clone());
        self.b.gather(table, vec![site.base], false)
    }

    /// Where to read for a site, and what the boundaries on the way do to the value.
    pub fn site_position(&mut self, site: &Site) -> (Var, Vec<Factor>) {
        let position = self.site_number(site);
        let lattice = &site.lattice;
        let crosses = |boundary| (0..lattice.sizes.len()).any(|k| lattice.boundary[k] == boundary && site.offset[k] != 0);
        let (signed, open) = (crosses(Boundary::Antiperiodic), crosses(Boundary::Open));
        if !signed && !open {
            return (position, vec![]);
        }
        let wraps: Vec<Vec<i64>> =
            (0..lattice.volume()).map(|x| lattice::neighbour(&lattice.sizes, x, &site.offset).1).collect();
        // For each site how often the way crosses boundaries of one kind.
        let crossings = |boundary| wraps.iter().map(move |wraps| -> i64 {
            wraps.iter().zip(&lattice.boundary).filter(|(_, b)| **b == boundary).map(|(w, _)| w.abs()).sum()
        });
        let mut factors = vec![];
        if signed {
            let signs = crossings(Boundary::Antiperiodic).map(|n| if n % 2 == 0 { 1.0 } else { -1.0 }).collect();
            factors.push(Factor::Sign(self.of_site(site, Data::Real(signs))));
        }
        if open {
            let inside = crossings(Boundary::Open).map(|n| n == 0).collect();
            factors.push(Factor::Inside(self.of_site(site, Data::Bool(inside))));
        }
        (position, factors)
    }

    /// What a table over all sites holds for the one that a site's offset begins at.
    fn of_site(&mut self, site: &Site, numbers: Data) -> Var {
        let table = self.b.table(Array::new(vec![site.lattice.volume()], numbers));
        self.b.gather(table, vec![site.base], false)
    }

    /// The site with number `member` among those of one parity.
    pub fn part_site(&mut self, lattice: &Rc<Lattice>, parity: Parity, member: Var) -> Var {
        let sites = lattice.sites_of(parity);
        let table = self.b.table(Array::new(vec![sites.len()], Data::Int(sites)));
        self.b.gather(table, vec![member], false)
    }

    /// The momentum with number `member`: 2πn/L for each direction, in (-π, π].
    pub fn momentum(&mut self, lattice: &Rc<Lattice>, member: Var) -> Number {
        let momentum = |n: usize, size: usize| {
            let wrapped = if 2 * n > size { n as f64 - size as f64 } else { n as f64 };
            2.0 * std::f64::consts::PI * wrapped / size as f64
        };
        let rows = (0..lattice.volume()).flat_map(|p| {
            let at = lattice::coordinates(&lattice.sizes, p);
            at.into_iter().zip(lattice.sizes.clone()).map(|(n, size)| momentum(n, size)).collect::<Vec<f64>>()
        });
        let table = Array::new(vec![lattice.volume(), lattice.sizes.len()], Data::Real(rows.collect()));
        let table = self.b.table(table);
        let re = self.b.gather(table, vec![member], false);
        Number::new(Kind::Real, vec![IndexSet::Directions(lattice.clone())], re)
    }

    /// A site's coordinate along direction `k`.
    pub fn coordinate(&mut self, site: &Site, k: usize) -> Var {
        let sizes = &site.lattice.sizes;
        let below: usize = sizes[k + 1..].iter().product();
        let number = self.site_number(site);
        let (below, size) = (self.b.int(below as i64), self.b.int(sizes[k] as i64));
        let row = self.b.call("floor_div", &[number, below]);
        self.b.call("rem", &[row, size])
    }

    // ---- fields ----

    pub fn field(&mut self, value: &Expr, name: &Name) -> Checked<Value> {
        // A module's name is no value.
        if let ExprKind::Name(module) = &*value.kind
            && self.lookup(&module.text).is_none()
            && let Some(names) = self.globals.modules.get(&module.text).cloned()
        {
            return match names.get(&name.text) {
                Some(binding) => Ok(self.import(binding)),
                None => {
                    let near = scope::nearest(&name.text, names.keys().map(|k| &**k)).map(str::to_string);
                    self.fail(errors::unknown_in_module(name, &module.text, near.as_deref()))
                }
            };
        }
        let owner = self.expr(value)?;
        self.b.at(&value.span.to(&name.span));
        self.affordable(&owner, name)?;
        if let Some(found) = self.field_of(&owner, &name.text)? {
            return Ok(found);
        }
        if let Value::Unknown = owner {
            return Err(Reported);
        }
        let known = self.field_names(&owner);
        if let Some(Binding { value: Value::Function(_), .. }) = self.lookup(&name.text) {
            return self.fail(errors::function_as_field(name, &value.span, &owner, &known));
        }
        if builtin::function(&name.text).is_some() && !matches!(owner, Value::Record(_)) {
            return self.fail(errors::function_as_field(name, &value.span, &owner, &known));
        }
        let near = scope::nearest(&name.text, known.iter().map(|n| &**n)).map(str::to_string);
        self.fail(errors::unknown_field(name, &value.span, &owner, near.as_deref(), &known))
    }

    /// The field of that name, if the value has one.
    pub fn field_of(&mut self, owner: &Value, name: &str) -> Checked<Option<Value>> {
        let number = |n| Ok(Some(Value::Number(n)));
        Ok(match owner {
            Value::Record(fields) => match fields.iter().find(|(n, _)| &**n == name) {
                Some((_, value)) => Some(value.clone()),
                None => first_number(owner).and_then(|n| self.carried(&n.sets, name)),
            },
            Value::Tuple(_) => first_number(owner).and_then(|n| self.carried(&n.sets, name)),
            Value::Set(IndexSet::Lattice(lattice)) => match name {
                "volume" => return number(self.known_int(lattice.volume() as i64)),
                "dimension" => return number(self.known_int(lattice.sizes.len() as i64)),
                "directions" => Some(Value::Set(IndexSet::Directions(lattice.clone()))),
                "momenta" => Some(Value::Set(IndexSet::Momenta(lattice.clone()))),
                "even" => Some(self.part(lattice, Parity::Even)?),
                "odd" => Some(self.part(lattice, Parity::Odd)?),
                "boundary" => Some(Value::Tuple(Rc::new(lattice.boundary.iter().map(|b| Value::Text(b.name().into())).collect()))),
                "sizes" => {
                    let sizes = lattice.sizes.iter().map(|n| Value::Number(self.known_int(*n as i64))).collect();
                    Some(Value::Tuple(Rc::new(sizes)))
                }
                _ => None,
            },
            Value::Layer(layer) => self.histogram_field(layer, name),
            Value::Process(process) => self.process_field(process, name),
            Value::Distribution(d) => self.distribution_field(&d.clone(), name)?,
            Value::Set(set) if name == "size" => return number(self.known_int(set.size() as i64)),
            Value::Site(site) if name == "coordinates" => {
                let site = site.clone();
                let parts: Vec<Var> = (0..site.lattice.sizes.len()).map(|k| self.coordinate(&site, k)).collect();
                let re = self.b.stack(&parts);
                let set = IndexSet::Directions(site.lattice.clone());
                return number(Number::new(Kind::Int, vec![set], re));
            }
            Value::Site(site) if name == "number" => {
                let re = self.site_number(&site.clone());
                let below = Some(site.lattice.volume());
                return number(Number { below, ..Number::scalar(Kind::Int, re) });
            }
            Value::Site(site) if name == "parity" => {
                let site = site.clone();
                let parities = (0..site.lattice.volume()).map(|x| lattice::parity(&site.lattice.sizes, x) as i64).collect();
                let table = self.b.table(Array::new(vec![site.lattice.volume()], Data::Int(parities)));
                let position = self.site_number(&site);
                let re = self.b.gather(table, vec![position], false);
                return number(Number::scalar(Kind::Int, re));
            }
            Value::Number(n) if name == "value" => {
                let mut detached = n.clone().map_leaves(&mut |v| {
                    if self.b.scalar_of(v).is_float() { self.b.call("detach", &[v]) } else { v }
                });
                detached.loose = n.loose;
                return number(detached);
            }
            // An integer is an index set.
            Value::Number(n) if name == "size" && n.kind == Kind::Int && n.is_scalar() => Some(owner.clone()),
            Value::Number(n) if name == "entries" => {
                let count: usize = n.sets.iter().map(IndexSet::size).product();
                return number(self.known_int(count as i64));
            }
            Value::Number(n) if name == "lattice" => match n.sets.first() {
                Some(IndexSet::Lattice(lattice)) => Some(Value::Set(IndexSet::Lattice(lattice.clone()))),
                _ => None,
            },
            Value::Number(n) => self.carried(&n.sets, name),
            _ => None,
        })
    }

    /// A field of the record that one of the index sets carries: an ensemble, the times of a simulation.
    fn carried(&mut self, sets: &[IndexSet], name: &str) -> Option<Value> {
        let field = |record: &Value| match record {
            Value::Record(fields) => fields.iter().find(|(f, _)| &**f == name).map(|(_, v)| v.clone()),
            _ => None,
        };
        sets.iter().find_map(|set| {
            let carrier = set.carrier()?;
            if let Some((_, made_here)) = self.new_records.iter().rev().find(|(identity, _)| *identity == carrier) {
                return field(made_here);
            }
            let stored = self.globals.records.get(&carrier).and_then(field)?;
            Some(stored.map_leaves(&mut |slot| self.input(slot.0 as usize)))
        })
    }

    fn field_names(&self, owner: &Value) -> Vec<Rc<str>> {
        let fixed: &[&str] = match owner {
            Value::Record(fields) => return fields.iter().map(|(n, _)| n.clone()).collect(),
            Value::Set(IndexSet::Lattice(_)) => &["volume", "dimension", "directions", "momenta", "even", "odd", "sizes", "boundary"],
            Value::Set(_) => &["size"],
            Value::Layer(layer) if matches!(layer.kind, figure::LayerKind::Histogram { .. }) => &["edges", "density"],
            Value::Layer(layer) if matches!(layer.kind, figure::LayerKind::Density { .. }) => &["x_edges", "y_edges", "density"],
            Value::Process(_) => process::FIELDS,
            Value::Distribution(d) => match &**d {
                Distribution::Made(Value::Record(fields)) => return fields.iter().map(|(n, _)| n.clone()).collect(),
                _ => &["name", "mean", "variance", "log_density", "score", "cumulant", "cumulant_generating", "moment_generating"],
            },
            Value::Site(_) => &["coordinates", "number", "parity"],
            Value::Number(n) => {
                let mut names: Vec<Rc<str>> = vec!["value".into(), "entries".into()];
                for set in &n.sets {
                    if let Some(carrier) = set.carrier()
                        && let Some(Value::Record(fields)) = self.globals.records.get(&carrier)
                    {
                        names.extend(fields.iter().map(|(n, _)| n.clone()));
                    }
                }
                return names;
            }
            _ => &[],
        };
        fixed.iter().map(|n| Rc::from(*n)).collect()
    }

    fn part(&mut self, lattice: &Rc<Lattice>, parity: Parity) -> Checked<Value> {
        Ok(Value::Set(IndexSet::Part(lattice.clone(), parity)))
    }
}

