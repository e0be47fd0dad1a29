//! What `plot` draws: layers made of numbers that the program computes.

use super::builtin::{Call, as_number};
use super::value::*;
use super::*;
use crate::core::{Monoid, Tile};
use moyal_runtime::array::Scalar;

/// One layer of a figure, before its numbers are known.
pub struct Layer {
    pub label: Option<Rc<str>>,
    pub kind: LayerKind,
}

pub enum LayerKind {
    Line { x: Var, y: Var },
    Points { x: Var, y: Var },
    Histogram { edges: Var, density: Var },
    HeatMap { rows: usize, columns: usize, values: Var },
    /// `density` over the bins of x, then of y; what it is made of stays for its errors, which a picture does not show.
    Density { edges: [Var; 2], density: Var, binned: Binned },
}

/// Numbers in their bins.
#[derive(Clone)]
pub struct Binned {
    /// For each number its bin, and by how much it raises the density there if it were the only draw.
    bin: Var,
    weight: Var,
    bins: usize,
    draws: usize,
    per_draw: usize,
    ensemble: Option<Rc<Ensemble>>,
}

/// Equal bins along one axis.
struct Bins {
    /// For each number its bin, and whether it lies within the range.
    bin: Var,
    inside: Var,
    width: Var,
    edges: Var,
}

type Range = Option<(Var, Var)>;

/// Half a gigabyte: what the errors of a joint density may take.
const MOST_FLUCTUATIONS: usize = 1 << 26;

impl Layer {
    pub fn map_leaves(&self, f: &mut dyn FnMut(Var) -> Var) -> Layer {
        let kind = match &self.kind {
            LayerKind::Density { edges: [x, y], density, binned } => {
                let edges = [f(*x), f(*y)];
                let density = f(*density);
                LayerKind::Density { edges, density, binned: Binned { bin: f(binned.bin), weight: f(binned.weight), ..binned.clone() } }
            }
            &LayerKind::Line { x, y } => LayerKind::Line { x: f(x), y: f(y) },
            &LayerKind::Points { x, y } => LayerKind::Points { x: f(x), y: f(y) },
            &LayerKind::Histogram { edges, density } => LayerKind::Histogram { edges: f(edges), density: f(density) },
            &LayerKind::HeatMap { rows, columns, values } => LayerKind::HeatMap { rows, columns, values: f(values) },
        };
        Layer { label: self.label.clone(), kind }
    }
}

fn layer(label: Option<(Value, Span)>, kind: LayerKind) -> Value {
    let label = label.and_then(|(v, _)| if let Value::Text(t) = v { Some(t) } else { None });
    Value::Layer(Rc::new(Layer { label, kind }))
}

fn real_vector(c: &mut Checker, value: Value, span: &Span) -> Checked<Number> {
    let n = as_number(c, value, span)?;
    if n.sets.len() != 1 || matches!(n.kind, Kind::Complex | Kind::Bool) {
        return c.needs(span, "a real array with one index", &Value::Number(n));
    }
    Ok(c.as_kind(&n, Kind::Real))
}

fn xy(c: &mut Checker, call: &mut Call) -> Checked<(Var, Var)> {
    let [(x, x_span), (y, y_span)] = call.exactly::<2>(c)?;
    let (x, y) = (real_vector(c, x, &x_span)?, real_vector(c, y, &y_span)?);
    if x.shape() != y.shape() {
        return c.fail(errors::zip_of_different(call.span, call.span.text().split('(').next().unwrap_or("points"), (&x_span, &Value::Number(x)), (&y_span, &Value::Number(y))));
    }
    Ok((x.re, y.re))
}

pub fn line(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let label = call.named("label");
    let (x, y) = xy(c, &mut call)?;
    Ok(layer(label, LayerKind::Line { x, y }))
}

pub fn points(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let label = call.named("label");
    let (x, y) = xy(c, &mut call)?;
    Ok(layer(label, LayerKind::Points { x, y }))
}

pub fn heatmap(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let label = call.named("label");
    let (n, span) = call.one_number(c)?;
    match heatmap_of(c, &n) {
        Some(kind) => Ok(layer(label, kind)),
        None => c.needs(&span, "a field on a two-dimensional lattice or a matrix", &Value::Number(n)),
    }
}

fn heatmap_of(c: &mut Checker, n: &Number) -> Option<LayerKind> {
    if matches!(n.kind, Kind::Complex) {
        return None;
    }
    let (rows, columns) = match &n.sets[..] {
        [IndexSet::Lattice(l)] if l.sizes.len() == 2 => (l.sizes[0], l.sizes[1]),
        [a, b] => (a.size(), b.size()),
        _ => return None,
    };
    let values = c.b.convert(n.re, Scalar::Real);
    Some(LayerKind::HeatMap { rows, columns, values })
}

/// A number of bins.
fn bins_of(c: &mut Checker, value: Value, span: &Span) -> Checked<usize> {
    let set = if let Value::Number(_) = value { c.index_set(&value, span)? } else { return c.fail(errors::bins(span)) };
    match set {
        IndexSet::Range(n) if n > 0 => Ok(n),
        _ => c.fail(errors::bins(span)),
    }
}

fn range_of(c: &mut Checker, value: Value, span: &Span) -> Checked<Range> {
    let Value::Tuple(ends) = &value else { return c.fail(errors::range_of_bins(span, &value)) };
    let mut found = vec![];
    for end in ends.iter() {
        match end {
            Value::Number(n) if n.is_scalar() && !matches!(n.kind, Kind::Complex | Kind::Bool) => found.push(c.as_kind(n, Kind::Real).re),
            Value::Unknown => return Err(Reported),
            _ => return c.fail(errors::range_of_bins(span, &value)),
        }
    }
    match found[..] {
        [low, high] => Ok(Some((low, high))),
        _ => c.fail(errors::range_of_bins(span, &value)),
    }
}

/// Real numbers for a histogram, flat, without their errors' ways.
fn sample(c: &mut Checker, n: Number, span: &Span) -> Checked<Number> {
    if n.is_scalar() || matches!(n.kind, Kind::Complex | Kind::Bool) {
        return c.needs(span, "a real array", &Value::Number(n));
    }
    Ok(c.as_kind(&n, Kind::Real))
}

pub fn histogram(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let label = call.named("label");
    let bins = match call.named("bins") {
        Some((value, span)) => bins_of(c, value, &span)?,
        None => 50,
    };
    let range = match call.named("range") {
        Some((value, span)) => range_of(c, value, &span)?,
        None => None,
    };
    let (n, span) = call.one_number(c)?;
    let n = sample(c, n, &span)?;
    let along = c.bins(&n, bins, range);
    let binned = c.binned(&n, along.bin, along.inside, along.width, bins);
    let density = c.heights(&binned);
    Ok(layer(label, LayerKind::Histogram { edges: along.edges, density }))
}

/// A pair of what is given once for both axes, or for each.
fn for_both<T: Clone>(c: &mut Checker, given: Option<(Value, Span)>, other: T, each_is_pair: bool, one: impl Fn(&mut Checker, Value, &Span) -> Checked<T>) -> Checked<[T; 2]> {
    let Some((value, span)) = given else { return Ok([other.clone(), other]) };
    let nested = |v: &Value| matches!(v, Value::Tuple(parts) if parts.len() == 2 && (!each_is_pair || parts.iter().all(|p| matches!(p, Value::Tuple(_)))));
    match &value {
        Value::Tuple(parts) if nested(&value) => Ok([one(c, parts[0].clone(), &span)?, one(c, parts[1].clone(), &span)?]),
        _ => one(c, value, &span).map(|t| [t.clone(), t]),
    }
}

pub fn histogram_of_two(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let label = call.named("label");
    let bins = call.named("bins");
    let [across, up] = for_both(c, bins, 50, false, bins_of)?;
    let range = call.named("range");
    let [range_x, range_y] = for_both(c, range, None, true, range_of)?;
    let (x, y) = if call.given.len() == 1 {
        let (z, span) = call.one_number(c)?;
        if z.is_scalar() {
            return c.needs(&span, "an array", &Value::Number(z));
        }
        let (Kind::Complex, Some(im)) = (z.kind, z.im) else {
            return c.fail(errors::joint_of_one(call.span, &span, &Value::Number(z)));
        };
        (Number::new(Kind::Real, z.sets.clone(), z.re), Number::new(Kind::Real, z.sets, im))
    } else {
        let [(x, x_span), (y, y_span)] = call.exactly::<2>(c)?;
        let (x, y) = (as_number(c, x, &x_span)?, as_number(c, y, &y_span)?);
        let (x, y) = (sample(c, x, &x_span)?, sample(c, y, &y_span)?);
        if x.sets != y.sets {
            return c.fail(errors::joint_of_different(call.span, (&x_span, &Value::Number(x)), (&y_span, &Value::Number(y))));
        }
        (x, y)
    };
    let (along_x, along_y) = (c.bins(&x, across, range_x), c.bins(&y, up, range_y));
    let rows = c.b.int(up as i64);
    let first = c.b.mul(along_x.bin, rows);
    let bin = c.b.add(first, along_y.bin);
    let inside = c.b.mul(along_x.inside, along_y.inside);
    let area = c.b.mul(along_x.width, along_y.width);
    let binned = c.binned(&x, bin, inside, area, across * up);
    let mean = c.mean_heights(&binned);
    let density = c.b.reshape(mean, vec![across, up]);
    Ok(layer(label, LayerKind::Density { edges: [along_x.edges, along_y.edges], density, binned }))
}

impl Checker<'_> {
    /// The numbers of a histogram: its edges, and the density in each bin.
    pub fn histogram_field(&mut self, layer: &Layer, name: &str) -> Option<Value> {
        let (re, sets) = match (&layer.kind, name) {
            (LayerKind::Histogram { edges, .. }, "edges") => (*edges, 1),
            (LayerKind::Histogram { density, .. }, "density") => (*density, 1),
            (LayerKind::Density { edges, .. }, "x_edges") => (edges[0], 1),
            (LayerKind::Density { edges, .. }, "y_edges") => (edges[1], 1),
            (LayerKind::Density { density, binned, .. }, "density") => {
                let shape = self.b.shape_of(*density).to_vec();
                let heights = self.heights(binned);
                (self.b.reshape(heights, shape), 2)
            }
            _ => return None,
        };
        let sets = (0..sets).map(|k| IndexSet::Range(self.b.shape_of(re)[k])).collect();
        Some(Value::Number(Number::new(Kind::Real, sets, re)))
    }

    /// Refuses the errors of a joint density whose bins would keep too many fluctuations, block by block.
    pub fn affordable(&mut self, owner: &Value, name: &crate::syntax::ast::Name) -> Checked<()> {
        let Value::Layer(layer) = owner else { return Ok(()) };
        let LayerKind::Density { binned: Binned { ensemble: Some(e), bins, .. }, .. } = &layer.kind else { return Ok(()) };
        if &*name.text == "density" && super::estimates::blocks(e).0 * e.chains * bins > MOST_FLUCTUATIONS {
            return self.fail(errors::joint_too_fine(&name.span, *bins));
        }
        Ok(())
    }

    /// Equal bins for all numbers of an array, from the smallest to the largest unless a range is given.
    fn bins(&mut self, n: &Number, bins: usize, range: Range) -> Bins {
        let total: usize = n.shape().iter().product();
        let flat = self.b.reshape(n.re, vec![total]);
        let flat = self.b.call("detach", &[flat]);
        let (low, high) = range.unwrap_or_else(|| {
            (self.b.reduce(Monoid::Min, flat, vec![0]), self.b.reduce(Monoid::Max, flat, vec![0]))
        });
        // A single value gets a bin of its own.
        let spread = self.b.sub(high, low);
        let zero = self.b.real(0.0);
        let narrow = self.b.call("eq", &[spread, zero]);
        let one = self.b.real(1.0);
        let spread = self.b.select(narrow, one, spread);
        let count = self.b.real(bins as f64);
        let width = self.b.div(spread, count);
        let from_low = self.b.sub(flat, low);
        let position = self.b.div(from_low, width);
        let position = self.b.call("floor", &[position]);
        let bin = self.b.convert(position, Scalar::Int);
        let last = self.b.int(bins as i64 - 1);
        let zero_bin = self.b.int(0);
        let clamped = self.b.prim(&crate::prim::arithmetic::MIN, &[bin, last]);
        let clamped = self.b.prim(&crate::prim::arithmetic::MAX, &[clamped, zero_bin]);
        // What lies outside a given range counts in the normalisation, not in the bins.
        let (above, below) = (self.b.call("ge", &[flat, low]), self.b.call("le", &[flat, high]));
        let inside = self.b.call("and", &[above, below]);
        let inside = self.b.convert(inside, Scalar::Real);
        let steps = self.b.iota(bins + 1);
        let steps = self.b.convert(steps, Scalar::Real);
        let offsets = self.b.mul(width, steps);
        let edges = self.b.add(low, offsets);
        Bins { bin: clamped, inside, width, edges }
    }

    /// Numbers of an array in bins of this size.
    fn binned(&mut self, n: &Number, bin: Var, inside: Var, size: Var, bins: usize) -> Binned {
        let shape = n.shape();
        let per_draw = shape.iter().product::<usize>() / shape[0].max(1);
        let draws_per_bin = self.b.real(per_draw as f64);
        let norm = self.b.mul(draws_per_bin, size);
        let weight = self.b.div(inside, norm);
        let ensemble = match n.sets.first() {
            Some(IndexSet::Ensemble(e)) => Some(e.clone()),
            _ => None,
        };
        Binned { bin, weight, bins, draws: shape[0], per_draw, ensemble }
    }

    /// The density in each bin, a plain number.
    fn mean_heights(&mut self, n: &Binned) -> Var {
        let counts = self.b.scatter(vec![n.bins], vec![n.bin], n.weight);
        let draws = self.b.real(n.draws as f64);
        self.b.div(counts, draws)
    }

    /// The density in each bin: over an ensemble an estimate, each draw's own histogram averaged, written as sums over blocks of draws.
    fn heights(&mut self, n: &Binned) -> Var {
        let mean = self.mean_heights(n);
        let Some(e) = n.ensemble.clone() else { return mean };
        let (blocks, length) = super::estimates::blocks(&e);
        let group = self.block_numbers(&e, n.per_draw, blocks, length);
        let used = blocks * length * e.chains * n.per_draw;
        let (bins_used, weights_used) = (self.b.part(n.bin, 0, 0, used), self.b.part(n.weight, 0, 0, used));
        let table = self.b.scatter(vec![blocks * e.chains, n.bins], vec![group, bins_used], weights_used);
        let length = self.b.real(length as f64);
        let heights = self.b.div(table, length);
        let center = self.b.spread(mean, vec![blocks * e.chains, n.bins], vec![1]);
        let deviation = self.b.sub(heights, center);
        self.perturbed(mean, &e, deviation)
    }

    /// For each number of the draws used, the block (chain by chain) that its draw belongs to.
    fn block_numbers(&mut self, e: &Ensemble, per_draw: usize, blocks: usize, length: usize) -> Var {
        let used = blocks * length * e.chains * per_draw;
        let number = self.b.iota(used);
        let constant = |c: &mut Self, n: usize| c.b.int(n as i64);
        let per_draw = constant(self, per_draw);
        let draw = self.b.call("floor_div", &[number, per_draw]);
        let chains = constant(self, e.chains);
        let chain = self.b.call("rem", &[draw, chains]);
        let turn = self.b.call("floor_div", &[draw, chains]);
        let length = constant(self, length);
        let block = self.b.call("floor_div", &[turn, length]);
        let blocks = constant(self, blocks);
        let first = self.b.mul(chain, blocks);
        self.b.add(first, block)
    }

    /// A layer from whatever `plot` was given: a layer, an array, a field, or a function over a range.
    pub fn layer_of(&mut self, value: Value, span: &Span, over: Option<(f64, f64)>) -> Checked<Rc<Layer>> {
        match value {
            Value::Layer(layer) => Ok(layer),
            Value::Number(n) if n.sets.len() == 1 && !matches!(n.sets[0], IndexSet::Lattice(_)) && n.kind != Kind::Complex => {
                let y = self.as_kind(&n, Kind::Real).re;
                let x = self.b.iota(n.sets[0].size());
                let x = self.b.convert(x, Scalar::Real);
                Ok(Rc::new(Layer { label: None, kind: LayerKind::Points { x, y } }))
            }
            Value::Number(n) => match heatmap_of(self, &n) {
                Some(kind) => Ok(Rc::new(Layer { label: None, kind })),
                None => self.needs(span, "something to plot: an array, a field, histogram(…), points(…)", &Value::Number(n)),
            },
            Value::Function(f) => self.function_layer(&f, span, over),
            Value::Unknown => Err(Reported),
            other => self.needs(span, "something to plot: an array, a field, histogram(…), points(…)", &other),
        }
    }

    fn function_layer(&mut self, f: &Rc<Function>, span: &Span, over: Option<(f64, f64)>) -> Checked<Rc<Layer>> {
        const POINTS: usize = 201;
        let (from, to) = over.unwrap_or((-1.0, 1.0));
        let x: Vec<f64> = (0..POINTS).map(|k| from + (to - from) * k as f64 / (POINTS - 1) as f64).collect();
        let x = self.b.table(moyal_runtime::array::Array::new(vec![POINTS], moyal_runtime::array::Data::Real(x)));
        let member = self.b.fresh(Type::scalar(Scalar::Int));
        let y = self.opened(|c| {
            let at = c.b.gather(x, vec![member], false);
            let argument = Value::Number(Number::scalar(Kind::Real, at));
            match c.apply_function(f, vec![(None, argument, span.clone())], span)? {
                Value::Number(n) if n.is_scalar() && matches!(n.kind, Kind::Real | Kind::Int | Kind::F32) => Ok(c.as_kind(&n, Kind::Real).re),
                other => c.needs(span, "a function from a number to a number", &other),
            }
        })?;
        let block = self.b.close(vec![member], vec![y]);
        let y = self.b.map_with(POINTS, Tile::ONE, block)[0];
        Ok(Rc::new(Layer { label: None, kind: LayerKind::Line { x, y } }))
    }
}
