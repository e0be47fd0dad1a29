//! What `plot` draws: layers made of numbers that the program computes.

use super::builtin::{Call, as_number};
use super::value::*;
use super::*;
use crate::core::Monoid;
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
}

impl Layer {
    pub fn map_leaves(&self, f: &mut dyn FnMut(Var) -> Var) -> Layer {
        let kind = match self.kind {
            LayerKind::Line { x, y } => LayerKind::Line { x: f(x), y: f(y) },
            LayerKind::Points { x, y } => LayerKind::Points { x: f(x), y: f(y) },
            LayerKind::Histogram { edges, density } => LayerKind::Histogram { edges: f(edges), density: f(density) },
            LayerKind::HeatMap { rows, columns, values } => LayerKind::HeatMap { rows, columns, values: f(values) },
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
        return c.fail(errors::expected(span, "a real array with one index", &Value::Number(n)));
    }
    Ok(c.as_kind(&n, Kind::Real))
}

fn xy(c: &mut Checker, call: &mut Call) -> Checked<(Var, Var)> {
    let [(x, x_span), (y, y_span)] = call.exactly::<2>(c)?;
    let (x, y) = (real_vector(c, x, &x_span)?, real_vector(c, y, &y_span)?);
    if x.shape() != y.shape() {
        return c.fail(errors::zip_of_different(call.span, (&x_span, &Value::Number(x)), (&y_span, &Value::Number(y))));
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
        None => c.fail(errors::expected(&span, "a field on a two-dimensional lattice or a matrix", &Value::Number(n))),
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

pub fn histogram(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let label = call.named("label");
    let bins = match call.named("bins") {
        Some((value, span)) => match c.index_set(&value, &span)? {
            IndexSet::Range(n) if n > 0 => n,
            _ => return c.fail(errors::expected(&span, "a positive number of bins", &value)),
        },
        None => 50,
    };
    let range = match call.named("range") {
        Some((Value::Tuple(ends), span)) if ends.len() == 2 => {
            let low = as_number(c, ends[0].clone(), &span)?;
            let high = as_number(c, ends[1].clone(), &span)?;
            Some((c.as_kind(&low, Kind::Real).re, c.as_kind(&high, Kind::Real).re))
        }
        Some((other, span)) => return c.fail(errors::expected(&span, "a pair (from, to)", &other)),
        None => None,
    };
    let (n, span) = call.one_number(c)?;
    if n.is_scalar() || matches!(n.kind, Kind::Complex | Kind::Bool) {
        return c.fail(errors::expected(&span, "a real array", &Value::Number(n)));
    }
    let n = c.as_kind(&n, Kind::Real);
    let ensemble = match n.sets.first() {
        Some(IndexSet::Ensemble(e)) => Some(e.clone()),
        _ => None,
    };
    Ok(layer(label, c.binned(n, bins, range, ensemble)))
}

impl Checker<'_> {
    /// The numbers of a histogram: its edges, and the density in each bin.
    pub fn histogram_field(&mut self, layer: &Layer, name: &str) -> Option<Value> {
        let LayerKind::Histogram { edges, density } = layer.kind else { return None };
        let re = match name {
            "edges" => edges,
            "density" => density,
            _ => return None,
        };
        let size = self.b.shape_of(re)[0];
        Some(Value::Number(Number::new(Kind::Real, vec![IndexSet::Range(size)], re)))
    }

    /// The density of all numbers of an array in equal bins; over an ensemble each bin's height is an estimate.
    fn binned(&mut self, n: Number, bins: usize, range: Option<(Var, Var)>, ensemble: Option<Rc<Ensemble>>) -> LayerKind {
        let shape = n.shape();
        let total: usize = shape.iter().product();
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
        let per_draw = total / shape[0].max(1);
        let draws_per_bin = self.b.real(per_draw as f64);
        let norm = self.b.mul(draws_per_bin, width);
        let weight = self.b.div(inside, norm);
        let density = match ensemble {
            Some(e) => {
                // Each draw's own histogram, averaged: written as sums over blocks of draws.
                let counts = self.b.scatter(vec![bins], vec![clamped], weight);
                let draws = self.b.real(shape[0] as f64);
                let mean = self.b.div(counts, draws);
                let (blocks, length) = super::estimates::blocks(&e);
                let group = self.block_numbers(&e, per_draw, blocks, length);
                let used = blocks * length * e.chains * per_draw;
                let (bins_used, weights_used) = (self.b.part(clamped, 0, 0, used), self.b.part(weight, 0, 0, used));
                let table = self.b.scatter(vec![blocks * e.chains, bins], vec![group, bins_used], weights_used);
                let length = self.b.real(length as f64);
                let heights = self.b.div(table, length);
                let center = self.b.spread(mean, vec![blocks * e.chains, bins], vec![1]);
                let deviation = self.b.sub(heights, center);
                self.perturbed(mean, &e, deviation)
            }
            None => {
                let counts = self.b.scatter(vec![bins], vec![clamped], weight);
                let rows = self.b.real(shape[0] as f64);
                self.b.div(counts, rows)
            }
        };
        let steps = self.b.iota(bins + 1);
        let steps = self.b.convert(steps, Scalar::Real);
        let offsets = self.b.mul(width, steps);
        let edges = self.b.add(low, offsets);
        LayerKind::Histogram { edges, density }
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
                None => self.fail(errors::expected(span, "something to plot: an array, a field, histogram(…), points(…)", &Value::Number(n))),
            },
            Value::Function(f) => self.function_layer(&f, span, over),
            Value::Unknown => Err(Reported),
            other => self.fail(errors::expected(span, "something to plot: an array, a field, histogram(…), points(…)", &other)),
        }
    }

    fn function_layer(&mut self, f: &Rc<Function>, span: &Span, over: Option<(f64, f64)>) -> Checked<Rc<Layer>> {
        const POINTS: usize = 201;
        let (from, to) = over.unwrap_or((-1.0, 1.0));
        let x: Vec<f64> = (0..POINTS).map(|k| from + (to - from) * k as f64 / (POINTS - 1) as f64).collect();
        let x = self.b.table(moyal_runtime::array::Array::new(vec![POINTS], moyal_runtime::array::Data::Real(x)));
        let member = self.b.fresh(Type::scalar(Scalar::Int));
        self.b.open();
        let at = self.b.gather(x, vec![member], false);
        let argument = Value::Number(Number::scalar(Kind::Real, at));
        let result = self.apply_function(f, vec![(None, argument, span.clone())], span);
        let y = match result {
            Ok(Value::Number(n)) if n.is_scalar() && matches!(n.kind, Kind::Real | Kind::Int | Kind::F32) => self.as_kind(&n, Kind::Real).re,
            Ok(other) => {
                self.b.abandon();
                return self.fail(errors::expected(span, "a function from a number to a number", &other));
            }
            Err(reported) => {
                self.b.abandon();
                return Err(reported);
            }
        };
        let block = self.b.close(vec![member], vec![y]);
        let y = self.b.map_with(POINTS, 1, block)[0];
        Ok(Rc::new(Layer { label: None, kind: LayerKind::Line { x, y } }))
    }
}
