//! A figure as SVG. Written by hand rather than through plotters: ticks inside a frame, powers of ten, legends that keep
//! clear of the data, steps as one outline and fields as one picture are what a paper wants, and little more than this.

use crate::axis::{Axis, Label, Tick, Ticks};
use crate::colour::{self, Colour, Scale, hex};
use crate::png;
use moyal_lang::host::{Figure, Layer, LayerKind};
use std::borrow::Cow;
use std::fmt::Write;

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 400.0;
const FONT: f64 = 13.0;
const INK: &str = "#222222";
/// Extents of a field that are drawn cell by cell; larger ones are one picture.
const CELLS: usize = 64;
/// Longer sides than this are averaged down.
const PIXELS: usize = 1024;

pub fn svg(figure: &Figure) -> String {
    let heat = figure.layers.iter().find_map(field);
    let axes = match &heat {
        Some(f) => f.axes(),
        None => Axes { x: x_axis(figure), y: y_axis(figure) },
    };
    let mut page = Page::new(figure, axes, heat);
    page.layers();
    page.frame();
    page.titles();
    page.legend();
    page.finish()
}

/// The axis along which the layers' first coordinates lie.
pub fn x_axis(figure: &Figure) -> Axis {
    let numbers = figure.layers.iter().flat_map(|layer| match &layer.kind {
        LayerKind::Line { x, .. } | LayerKind::Points { x, .. } => x.as_slice(),
        LayerKind::Histogram { edges, .. } => edges,
        LayerKind::HeatMap { .. } | LayerKind::Density { .. } => &[],
    });
    Axis::over(numbers.copied(), figure.log_x, 0.03)
}

/// The axis of values; bars stand on zero.
pub fn y_axis(figure: &Figure) -> Axis {
    let mut numbers = vec![];
    let mut bars = false;
    for layer in &figure.layers {
        match &layer.kind {
            LayerKind::Line { y, .. } => numbers.extend(y),
            LayerKind::Points { y, error, .. } => with_errors(&mut numbers, y, error.as_deref()),
            LayerKind::Histogram { density, error, .. } => {
                bars = true;
                with_errors(&mut numbers, density, error.as_deref());
                numbers.push(0.0);
            }
            LayerKind::HeatMap { .. } | LayerKind::Density { .. } => {}
        }
    }
    // An error bar that dips below the zero of a count asks for no room there.
    let values = figure.layers.iter().flat_map(|layer| match &layer.kind {
        LayerKind::Line { y, .. } | LayerKind::Points { y, .. } => y.as_slice(),
        LayerKind::Histogram { density, .. } => density,
        LayerKind::HeatMap { .. } | LayerKind::Density { .. } => &[],
    });
    let stands_on_zero = bars && !figure.log_y && values.filter(|y| y.is_finite()).all(|y| *y >= 0.0);
    let axis = Axis::over(numbers.into_iter().filter(|y| !stands_on_zero || *y >= 0.0), figure.log_y, 0.06);
    if stands_on_zero { Axis { low: 0.0, ..axis } } else { axis }
}

fn with_errors(numbers: &mut Vec<f64>, y: &[f64], error: Option<&[f64]>) {
    numbers.extend(y);
    let pairs = y.iter().zip(error.unwrap_or_default());
    numbers.extend(pairs.flat_map(|(y, e)| [y - e, y + e]));
}

struct Axes {
    x: Axis,
    y: Axis,
}

/// Cells of a field, or of a density over the plane: row by row from the top.
#[derive(Clone)]
pub struct Field<'a> {
    pub rows: usize,
    pub columns: usize,
    pub values: Cow<'a, [f64]>,
    /// What a density lies over.
    pub over: Option<(Axis, Axis)>,
}

impl Field<'_> {
    fn axes(&self) -> Axes {
        match self.over.clone() {
            Some((x, y)) => Axes { x, y },
            // A site's number stands at the middle of its cell.
            None => Axes {
                x: Axis { low: -0.5, high: self.columns as f64 - 0.5, log: false },
                y: Axis { low: self.rows as f64 - 0.5, high: -0.5, log: false },
            },
        }
    }
}

pub fn field(layer: &Layer) -> Option<Field<'_>> {
    match &layer.kind {
        LayerKind::HeatMap { rows, columns, values } if *rows > 0 && *columns > 0 => {
            Some(Field { rows: *rows, columns: *columns, values: Cow::Borrowed(values), over: None })
        }
        LayerKind::Density { x, y, density } => {
            let (columns, rows) = (x.len().checked_sub(1)?, y.len().checked_sub(1)?);
            if columns * rows == 0 || density.len() != columns * rows {
                return None;
            }
            let at = |k: usize| density[k % columns * rows + (rows - 1 - k / columns)];
            let axis = |edges: &[f64]| Axis { low: edges[0], high: edges[edges.len() - 1], log: false };
            Some(Field { rows, columns, values: (0..rows * columns).map(at).collect(), over: Some((axis(x), axis(y))) })
        }
        _ => None,
    }
}

/// The frame's place on the page.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

struct Page<'a> {
    figure: &'a Figure,
    axes: Axes,
    scale: Option<Scale>,
    frame: Frame,
    x_ticks: Ticks,
    y_ticks: Ticks,
    width: f64,
    body: String,
    /// Where there is ink, for the legend to keep clear of.
    ink: Vec<(f64, f64)>,
}

impl<'a> Page<'a> {
    fn new(figure: &'a Figure, axes: Axes, heat: Option<Field<'a>>) -> Page<'a> {
        let sites = heat.as_ref().is_some_and(|f| f.over.is_none());
        let x_ticks = if sites { whole(axes.x.ticks(6)) } else { axes.x.ticks(6) };
        let upward = Axis { low: axes.y.low.min(axes.y.high), high: axes.y.low.max(axes.y.high), log: axes.y.log };
        let y_ticks = if sites { whole(upward.ticks(5)) } else { upward.ticks(5) };
        let widest = y_ticks.ticks.iter().filter_map(|t| t.label.as_ref()).map(label_width).fold(0.0, f64::max);
        let left = 14.0 + widest + 8.0 + if figure.y_label.is_some() { FONT + 8.0 } else { 0.0 };
        let scale = heat.as_ref().map(|f| Scale::over(&f.values));
        let raised = common(&y_ticks).is_some() || scale.as_ref().is_some_and(|s| common(&s.axis().ticks(5)).is_some());
        let top = if figure.title.is_some() { 38.0 } else if raised { 28.0 } else { 16.0 };
        let lowered = common(&x_ticks).is_some();
        let bottom = HEIGHT - 16.0 - FONT - 6.0 - if figure.x_label.is_some() || lowered { FONT + 8.0 } else { 0.0 };
        let mut frame = Frame { left, right: WIDTH - 22.0, top, bottom };
        let mut width = WIDTH;
        if let Some(f) = heat {
            frame.right = WIDTH - 90.0;
            let ratio = f.columns as f64 / f.rows as f64;
            let square = (frame.bottom - frame.top) * ratio;
            // The cells of a lattice are square where that leaves room for both directions.
            if sites && (0.4..=3.0).contains(&ratio) {
                if square <= frame.right - frame.left {
                    frame.right = frame.left + square;
                } else {
                    frame.bottom = frame.top + (frame.right - frame.left) / ratio;
                }
            }
            width = frame.right + 90.0;
        }
        Page { figure, axes, scale, frame, x_ticks, y_ticks, width, body: String::new(), ink: vec![] }
    }

    fn x(&self, x: f64) -> Option<f64> {
        let Frame { left, right, .. } = self.frame;
        self.axes.x.part(x).map(|part| near(left + part * (right - left)))
    }

    fn y(&self, y: f64) -> Option<f64> {
        let Frame { top, bottom, .. } = self.frame;
        self.axes.y.part(y).map(|part| near(bottom - part * (bottom - top)))
    }

    fn at(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        Some((self.x(x)?, self.y(y)?))
    }

    // ---- layers ----

    fn layers(&mut self) {
        self.body.push_str("<g clip-path=\"url(#frame)\" fill=\"none\" stroke-linejoin=\"round\">\n");
        for (layer, style) in styled(self.figure) {
            match &layer.kind {
                LayerKind::Line { x, y } => self.line(x, y, style),
                LayerKind::Points { x, y, error } => self.points(x, y, error.as_deref(), style),
                LayerKind::Histogram { edges, density, error } => self.histogram(edges, density, error.as_deref(), style),
                LayerKind::HeatMap { .. } | LayerKind::Density { .. } => {
                    if let Some(f) = field(layer) {
                        self.heat_map(f);
                    }
                }
            }
        }
        self.body.push_str("</g>\n");
    }

    fn line(&mut self, x: &[f64], y: &[f64], style: Style) {
        let mut path = String::new();
        let mut dots = String::new();
        for run in runs(x.iter().zip(y).map(|(x, y)| self.at(*x, *y))) {
            let run = thinned(&run);
            if let [(x, y)] = run[..] {
                let _ = write!(dots, "M{} {}h0", short(x), short(y));
                self.ink.push((x, y));
                continue;
            }
            self.remember(&run);
            polyline(&mut path, &run);
        }
        if !path.is_empty() {
            self.push(format_args!("{}", style.stroke(&path, 1.6, &style.dashes())));
        }
        if !dots.is_empty() {
            self.push(format_args!("{}", style.stroke(&dots, 4.0, " stroke-linecap=\"round\"")));
        }
    }

    fn points(&mut self, x: &[f64], y: &[f64], error: Option<&[f64]>, style: Style) {
        let places: Vec<Option<(f64, f64)>> = x.iter().zip(y).map(|(x, y)| self.at(*x, *y)).collect();
        let many = places.len() > 250;
        if let Some(error) = error {
            let cap = if many { 0.0 } else { 3.0 };
            let bars = self.error_bars(places.iter().map(|p| p.map(|(x, _)| x)), y, error, cap);
            self.push(format_args!("{}", style.stroke(&bars, 1.1, "")));
        }
        let mut shown: Vec<(f64, f64)> = places.into_iter().flatten().collect();
        self.remember(&shown);
        if many {
            // No more of them than can be seen.
            shown.sort_by(|a, b| a.partial_cmp(b).expect("finite"));
            shown.dedup_by_key(|p| ((p.0 * 2.0).round() as i64, (p.1 * 2.0).round() as i64));
            let path: String = shown.iter().map(|(x, y)| format!("M{} {}h0", short(*x), short(*y))).collect();
            let (size, opacity) = if shown.len() > 2000 { (2.0, 0.6) } else { (3.2, 0.8) };
            let more = format!(" stroke-opacity=\"{opacity}\" stroke-linecap=\"round\"");
            self.push(format_args!("{}", style.stroke(&path, size, &more)));
        } else {
            let path: String = shown.iter().map(|(x, y)| style.marker.path(*x, *y)).collect();
            self.push(format_args!("{}", style.fill(&path)));
        }
    }

    fn error_bars(&self, x: impl Iterator<Item = Option<f64>>, y: &[f64], error: &[f64], cap: f64) -> String {
        let mut path = String::new();
        for ((x, y), e) in x.zip(y).zip(error) {
            let (Some(x), true) = (x, *e > 0.0) else { continue };
            // On a logarithmic axis a bar may reach down to nothing.
            let (Some(high), Some(low)) = (self.y(y + e), self.y(y - e).or(self.y(*y).map(|_| self.frame.bottom + 9.0))) else { continue };
            let _ = write!(path, "M{x} {}V{}", short(low), short(high), x = short(x));
            if cap > 0.0 {
                for end in [low, high] {
                    let _ = write!(path, "M{} {}h{}", short(x - cap), short(end), 2.0 * cap);
                }
            }
        }
        path
    }

    fn histogram(&mut self, edges: &[f64], density: &[f64], error: Option<&[f64]>, style: Style) {
        let bottom = self.y(0.0).unwrap_or(self.frame.bottom + 9.0);
        let bins = edges.windows(2).zip(density);
        let steps: Vec<Option<(f64, f64, f64)>> =
            bins.map(|(e, d)| Some((self.x(e[0])?, self.x(e[1])?, self.y(*d).unwrap_or(bottom)))).collect();
        let mut outline = String::new();
        for run in runs(steps.iter().copied()) {
            let mut corners = vec![(run[0].0, bottom)];
            for (left, right, height) in run {
                corners.extend([(left, height), (right, height)]);
                self.ink.extend((0..5).flat_map(|k| [0.0, 0.5].map(|f| (left + f * (right - left), height + (bottom - height) * k as f64 / 4.0))));
            }
            corners.push((corners[corners.len() - 1].0, bottom));
            corners.dedup();
            polyline(&mut outline, &corners);
        }
        let colour = hex(style.colour);
        self.push(format_args!(
            "<path d=\"{outline}\" fill=\"{colour}\" fill-opacity=\"0.14\" stroke=\"{colour}\" stroke-width=\"1.4\" stroke-linejoin=\"miter\"/>"
        ));
        if let Some(error) = error {
            let middles = steps.iter().map(|s| s.map(|(left, right, _)| (left + right) / 2.0));
            let bars = self.error_bars(middles, density, error, 0.0);
            self.push(format_args!("<path d=\"{bars}\" stroke=\"{colour}\" stroke-width=\"1.1\"/>"));
        }
    }

    fn heat_map(&mut self, f: Field) {
        let Some(scale) = self.scale.clone() else { return };
        if f.rows <= CELLS && f.columns <= CELLS {
            self.cells(&f, &scale);
        } else {
            self.picture(&f, &scale);
        }
    }

    /// One path for each colour, so that neighbours of equal colour are one shape.
    fn cells(&mut self, f: &Field, scale: &Scale) {
        let mut paths: std::collections::BTreeMap<Option<u8>, String> = Default::default();
        let edge_x = |k: usize| self.frame.left + (self.frame.right - self.frame.left) * k as f64 / f.columns as f64;
        let edge_y = |k: usize| self.frame.top + (self.frame.bottom - self.frame.top) * k as f64 / f.rows as f64;
        for (k, value) in f.values.iter().enumerate() {
            let (row, column) = (k / f.columns, k % f.columns);
            let (x, y) = (edge_x(column), edge_y(row));
            let path = paths.entry(scale.level(*value)).or_default();
            let _ = write!(path, "M{} {}H{}V{}H{}z", short(x), short(y), short(edge_x(column + 1)), short(edge_y(row + 1)), short(x));
        }
        self.body.push_str("<g shape-rendering=\"crispEdges\">\n");
        for (level, path) in paths {
            let colour = hex(level.map_or(colour::NOTHING, |l| scale.colour(l)));
            self.push(format_args!("<path d=\"{path}\" fill=\"{colour}\"/>"));
        }
        self.body.push_str("</g>\n");
    }

    fn picture(&mut self, f: &Field, scale: &Scale) {
        let (rows, columns, values) = averaged(f);
        // The last colour of the palette stands for no number.
        let levels: Vec<u8> = values.iter().map(|v| scale.level(*v).map_or(255, |l| l.min(254))).collect();
        let palette: Vec<Colour> = (0..=254).map(|l| scale.colour(l)).chain([colour::NOTHING]).collect();
        // Each cell is several pixels, for viewers that would smooth it.
        let times = (PIXELS / rows.max(columns)).clamp(1, 8);
        let large: Vec<u8> = (0..rows * times)
            .flat_map(|y| (0..columns * times).map(move |x| (y / times) * columns + x / times))
            .map(|k| levels[k])
            .collect();
        let data = png::base64(&png::png(columns * times, &palette, &large));
        let Frame { left, right, top, bottom } = self.frame;
        self.push(format_args!(
            "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" image-rendering=\"optimizeSpeed\" \
             href=\"data:image/png;base64,{data}\"/>",
            short(left),
            short(top),
            short(right - left),
            short(bottom - top)
        ));
    }

    // ---- around them ----

    fn frame(&mut self) {
        let Frame { left, right, top, bottom } = self.frame;
        let inside = self.scale.is_none();
        let mut marks = String::new();
        let mut labels = String::new();
        for Tick { at, label } in self.x_ticks.ticks.clone() {
            let Some(x) = self.x(at) else { continue };
            let length = if label.is_some() { 6.0 } else { 3.0 };
            if inside {
                let _ = write!(marks, "M{x} {}v-{length}M{x} {}v{length}", short(bottom), short(top), x = short(x));
            } else if label.is_some() {
                let _ = write!(marks, "M{} {}v4", short(x), short(bottom));
            }
            if let Some(label) = label {
                text(&mut labels, x, bottom + 7.0 + FONT, "middle", &written(&label));
            }
        }
        for Tick { at, label } in self.y_ticks.ticks.clone() {
            let Some(y) = self.y(at) else { continue };
            let length = if label.is_some() { 6.0 } else { 3.0 };
            if inside {
                let _ = write!(marks, "M{} {y}h{length}M{} {y}h-{length}", short(left), short(right), y = short(y));
            } else if label.is_some() {
                let _ = write!(marks, "M{} {}h-4", short(left), short(y));
            }
            if let Some(label) = label {
                text(&mut labels, left - 8.0, y + FONT * 0.35, "end", &written(&label));
            }
        }
        self.push(format_args!(
            "<path d=\"M{l} {t}H{r}V{b}H{l}z{marks}\" fill=\"none\" stroke=\"{INK}\" stroke-width=\"1\"/>",
            l = short(left),
            r = short(right),
            t = short(top),
            b = short(bottom)
        ));
        self.body.push_str(&labels);
        if let Some(scale) = self.scale.clone() {
            self.colour_bar(&scale);
        }
    }

    fn colour_bar(&mut self, scale: &Scale) {
        let Frame { right, top, bottom, .. } = self.frame;
        let (left, width) = (right + 16.0, 14.0);
        const STOPS: usize = 32;
        let stops: String = (0..=STOPS)
            .map(|k| format!("<stop offset=\"{}\" stop-color=\"{}\"/>", short(k as f64 / STOPS as f64), hex(scale.colour((k * 255 / STOPS) as u8))))
            .collect();
        let axis = scale.axis();
        let ticks = axis.ticks(5);
        let mut marks = String::new();
        let mut labels = String::new();
        for tick in &ticks.ticks {
            let (Some(label), Some(part)) = (&tick.label, axis.part(tick.at)) else { continue };
            let y = bottom - part * (bottom - top);
            let _ = write!(marks, "M{} {}h4", short(left + width), short(y));
            text(&mut labels, left + width + 7.0, y + FONT * 0.35, "start", &written(label));
        }
        if let Some(common) = common(&ticks) {
            text(&mut labels, left, top - 7.0, "start", &common);
        }
        self.push(format_args!("<linearGradient id=\"scale\" x1=\"0\" y1=\"1\" x2=\"0\" y2=\"0\">{stops}</linearGradient>"));
        self.push(format_args!(
            "<rect x=\"{}\" y=\"{}\" width=\"{width}\" height=\"{}\" fill=\"url(#scale)\"/>",
            short(left),
            short(top),
            short(bottom - top)
        ));
        self.push(format_args!(
            "<path d=\"M{l} {t}h{width}V{b}h-{width}z{marks}\" fill=\"none\" stroke=\"{INK}\" stroke-width=\"1\"/>",
            l = short(left),
            t = short(top),
            b = short(bottom)
        ));
        self.body.push_str(&labels);
    }

    fn titles(&mut self) {
        let Frame { left, right, top, bottom } = self.frame;
        let (middle, centre) = ((left + right) / 2.0, (top + bottom) / 2.0);
        let mut words = String::new();
        if let Some(title) = &self.figure.title {
            let _ = writeln!(words, "<text x=\"{}\" y=\"22\" text-anchor=\"middle\" font-size=\"15\">{}</text>", short(middle), escaped(title));
        }
        if let Some(label) = &self.figure.x_label {
            text(&mut words, middle, bottom + 2.0 * FONT + 17.0, "middle", &escaped(label));
        }
        if let Some(label) = &self.figure.y_label {
            let x = 8.0 + FONT;
            let _ = writeln!(
                words,
                "<text transform=\"translate({},{}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
                short(x),
                short(centre),
                escaped(label)
            );
        }
        if let Some(common) = common(&self.y_ticks) {
            text(&mut words, left, top - 7.0, "start", &common);
        }
        if let Some(common) = common(&self.x_ticks) {
            text(&mut words, right, bottom + 2.0 * FONT + 17.0, "end", &common);
        }
        if self.figure.layers.iter().all(empty) {
            text(&mut words, middle, centre, "middle", "nothing to show: no finite numbers");
        }
        self.body.push_str(&words);
    }

    /// In the corner that has the least ink.
    fn legend(&mut self) {
        let labelled = styled(self.figure).filter_map(|(l, s)| Some((l, s, l.label.as_deref()?))).filter(|(l, ..)| field(l).is_none());
        // A curve and its points are one entry.
        let mut entries: Vec<(&str, Colour, Vec<(&Layer, Style)>)> = vec![];
        for (layer, style, label) in labelled {
            match entries.iter_mut().find(|(other, colour, _)| *other == label && *colour == style.colour) {
                Some((.., keys)) => keys.push((layer, style)),
                None => entries.push((label, style.colour, vec![(layer, style)])),
            }
        }
        if entries.is_empty() || self.figure.layers.len() < 2 {
            return;
        }
        let line = FONT + 6.0;
        let width = 46.0 + entries.iter().map(|(label, ..)| text_width(label)).fold(0.0, f64::max);
        let height = line * entries.len() as f64 + 8.0;
        let Frame { left, right, top, bottom } = self.frame;
        let gap = 10.0;
        let corners = [
            (right - width - gap, top + gap),
            (left + gap, top + gap),
            (right - width - gap, bottom - height - gap),
            (left + gap, bottom - height - gap),
            ((left + right - width) / 2.0, top + gap),
            ((left + right - width) / 2.0, bottom - height - gap),
        ];
        let covered = |(x, y): (f64, f64)| {
            self.ink.iter().filter(|p| p.0 > x - 6.0 && p.0 < x + width + 6.0 && p.1 > y - 6.0 && p.1 < y + height + 6.0).count()
        };
        let (x, y) = corners.into_iter().min_by_key(|c| covered(*c)).unwrap_or(corners[0]);
        let mut legend = String::new();
        if covered((x, y)) > 0 || self.scale.is_some() {
            let _ = writeln!(
                legend,
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"white\" fill-opacity=\"0.8\"/>",
                short(x),
                short(y),
                short(width),
                short(height)
            );
        }
        for (k, (label, _, keys)) in entries.iter().enumerate() {
            let middle = y + 4.0 + line * (k as f64 + 0.5);
            keys.iter().for_each(|(layer, style)| legend.push_str(&key(layer, *style, x + 6.0, middle)));
            text(&mut legend, x + 40.0, middle + FONT * 0.35, "start", &escaped(label));
        }
        self.body.push_str(&legend);
    }

    fn finish(self) -> String {
        let Frame { left, right, top, bottom } = self.frame;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{HEIGHT}\" viewBox=\"0 0 {w} {HEIGHT}\" \
             font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" font-size=\"{FONT}\" fill=\"{INK}\">\n\
             <clipPath id=\"frame\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/></clipPath>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{}</svg>\n",
            short(left),
            short(top),
            short(right - left),
            short(bottom - top),
            self.body,
            w = short(self.width),
        )
    }

    fn push(&mut self, element: std::fmt::Arguments) {
        let _ = writeln!(self.body, "{element}");
    }

    /// Points along a line, close enough that none of it can hide under the legend.
    fn remember(&mut self, points: &[(f64, f64)]) {
        self.ink.extend(points.iter().take(1));
        for pair in points.windows(2) {
            let ((a, b), (c, d)) = (pair[0], pair[1]);
            let pieces = (((c - a).abs().max((d - b).abs()) / 8.0).ceil().clamp(1.0, 200.0)) as usize;
            self.ink.extend((1..=pieces).map(|k| {
                let f = k as f64 / pieces as f64;
                (a + f * (c - a), b + f * (d - b))
            }));
        }
    }
}

// ---- styles ----

#[derive(Clone, Copy)]
struct Style {
    colour: Colour,
    marker: Marker,
    dash: Option<&'static str>,
    /// Whether it has an edge of ink, to be seen on white too.
    cased: bool,
}

impl Style {
    /// A stroke, and the edge beneath it.
    fn stroke(&self, path: &str, width: f64, more: &str) -> String {
        let stroke = |colour: &str, width: f64| format!("<path d=\"{path}\" stroke=\"{colour}\" stroke-width=\"{}\"{more}/>", short(width));
        let own = stroke(&hex(self.colour), width);
        if self.cased { format!("{}{own}", stroke(INK, width + 2.0)) } else { own }
    }

    /// Markers.
    fn fill(&self, path: &str) -> String {
        let edge = if self.cased { format!(" stroke=\"{INK}\" stroke-width=\"0.7\"") } else { String::new() };
        format!("<path d=\"{path}\" fill=\"{}\"{edge}/>", hex(self.colour))
    }

    fn dashes(&self) -> String {
        self.dash.map(|d| format!(" stroke-dasharray=\"{d}\"")).unwrap_or_default()
    }
}

#[derive(Clone, Copy)]
enum Marker {
    Disc,
    Square,
    Triangle,
    Diamond,
}

/// Each layer with its colour; when all are used up, lines are broken in another way each time. The first on a field is white.
fn styled(figure: &Figure) -> impl Iterator<Item = (&Layer, Style)> {
    let on_field = figure.layers.iter().any(|l| field(l).is_some());
    figure.layers.iter().zip(colours(figure)).map(move |(layer, k)| {
        let cased = on_field && k == 0;
        let colour = if cased { (255, 255, 255) } else { colour::LINES[k % colour::LINES.len()] };
        let marker = [Marker::Disc, Marker::Square, Marker::Triangle, Marker::Diamond][k % 4];
        let dash = [None, Some("6 3"), Some("2 2"), Some("8 3 2 3")][k / colour::LINES.len() % 4];
        (layer, Style { colour, marker, dash, cased })
    })
}

/// The number of each layer's colour. A curve has that of the points or bars to which it belongs, all others have their own.
pub fn colours(figure: &Figure) -> Vec<usize> {
    let layers = &figure.layers;
    let mut owners: Vec<usize> = vec![];
    let colour = |k: usize| {
        if field(&layers[k]).is_some() {
            return 0;
        }
        let owner = data_of(layers, k).unwrap_or(k);
        owners.iter().position(|o| *o == owner).unwrap_or_else(|| {
            owners.push(owner);
            owners.len() - 1
        })
    };
    (0..layers.len()).map(colour).collect()
}

/// The points or bars to which a curve belongs: those with its label; or, of as many curves without a label as stand right behind as
/// many points or bars, the first to the first and so on.
fn data_of(layers: &[Layer], k: usize) -> Option<usize> {
    let is_data = |layer: &Layer| matches!(layer.kind, LayerKind::Points { .. } | LayerKind::Histogram { .. });
    let is_curve = |layer: &Layer| matches!(layer.kind, LayerKind::Line { .. });
    let bare = |layer: &&Layer| is_curve(layer) && layer.label.is_none();
    if !is_curve(&layers[k]) {
        return None;
    }
    if layers[k].label.is_some() {
        return layers.iter().position(|l| is_data(l) && l.label == layers[k].label);
    }
    let first = k - layers[..k].iter().rev().take_while(bare).count();
    let curves = layers[first..].iter().take_while(bare).count();
    let data = layers[..first].iter().rev().take_while(|l| is_data(l)).count();
    // One curve over one outline of bars would be lost in it.
    let lost = data == 1 && matches!(layers[k - 1].kind, LayerKind::Histogram { .. });
    (data == curves && !lost).then(|| k - data)
}

impl Marker {
    fn path(self, x: f64, y: f64) -> String {
        let (x, y) = (near(x), near(y));
        match self {
            Marker::Disc => format!("M{} {}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z", short(x - 3.0), short(y)),
            Marker::Square => format!("M{} {}h5.4v5.4h-5.4z", short(x - 2.7), short(y - 2.7)),
            Marker::Triangle => format!("M{} {}l3.6 6.2h-7.2z", short(x), short(y - 3.9)),
            Marker::Diamond => format!("M{} {}l3.7 3.7l-3.7 3.7l-3.7 -3.7z", short(x), short(y - 3.7)),
        }
    }
}

/// A legend's sample of a layer.
fn key(layer: &Layer, style: Style, x: f64, y: f64) -> String {
    let colour = hex(style.colour);
    let (left, middle) = (short(x), short(y));
    match &layer.kind {
        LayerKind::Line { .. } => style.stroke(&format!("M{left} {middle}h26"), 1.6, &style.dashes()) + "\n",
        LayerKind::Points { error, .. } => {
            let bar = error.as_ref().map(|_| style.stroke(&format!("M{} {}v14", short(x + 13.0), short(y - 7.0)), 1.1, ""));
            bar.unwrap_or_default() + &style.fill(&style.marker.path(x + 13.0, y)) + "\n"
        }
        LayerKind::Histogram { .. } => format!(
            "<rect x=\"{left}\" y=\"{}\" width=\"26\" height=\"10\" fill=\"{colour}\" fill-opacity=\"0.14\" stroke=\"{colour}\" stroke-width=\"1.4\"/>\n",
            short(y - 5.0)
        ),
        LayerKind::HeatMap { .. } | LayerKind::Density { .. } => String::new(),
    }
}

fn empty(layer: &Layer) -> bool {
    let none = |x: &[f64]| !x.iter().any(|x| x.is_finite());
    match &layer.kind {
        LayerKind::Line { x, y } | LayerKind::Points { x, y, .. } => none(x) || none(y),
        LayerKind::Histogram { edges, density, .. } => none(edges) || none(density),
        LayerKind::HeatMap { values, .. } => none(values),
        LayerKind::Density { density, .. } => none(density),
    }
}

// ---- places ----

/// Stretches without a gap.
fn runs<T>(places: impl Iterator<Item = Option<T>>) -> Vec<Vec<T>> {
    let mut runs = vec![];
    let mut run = vec![];
    for place in places {
        match place {
            Some(place) => run.push(place),
            None => runs.push(std::mem::take(&mut run)),
        }
    }
    runs.push(run);
    runs.retain(|r| !r.is_empty());
    runs
}

/// Of the many points of a line that fall on one column of the page, the first, lowest, highest and last.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let forward = points.windows(2).all(|p| p[0].0 <= p[1].0);
    if points.len() < 2000 || !forward {
        let mut points = points.to_vec();
        points.dedup_by_key(|p| ((p.0 * 20.0).round() as i64, (p.1 * 20.0).round() as i64));
        return points;
    }
    let column = |p: &(f64, f64)| (p.0 * 2.0).floor() as i64;
    let mut kept = vec![];
    for group in points.chunk_by(|a, b| column(a) == column(b)) {
        let lowest = (0..group.len()).min_by(|a, b| group[*a].1.total_cmp(&group[*b].1)).unwrap_or(0);
        let highest = (0..group.len()).max_by(|a, b| group[*a].1.total_cmp(&group[*b].1)).unwrap_or(0);
        let mut few = [0, lowest, highest, group.len() - 1].to_vec();
        few.sort();
        few.dedup();
        kept.extend(few.into_iter().map(|k| group[k]));
    }
    kept
}

/// Means over blocks, until no side is too long.
fn averaged(f: &Field) -> (usize, usize, Vec<f64>) {
    let block = f.rows.max(f.columns).div_ceil(PIXELS);
    if block == 1 {
        return (f.rows, f.columns, f.values.to_vec());
    }
    let (rows, columns) = (f.rows.div_ceil(block), f.columns.div_ceil(block));
    let mean = |k: usize| {
        let (r, c) = (k / columns * block, k % columns * block);
        let inside = (r..(r + block).min(f.rows)).flat_map(|r| (c..(c + block).min(f.columns)).map(move |c| (r, c)));
        let (sum, count) = inside.map(|(r, c)| f.values[r * f.columns + c]).filter(|v| v.is_finite()).fold((0.0, 0), |(s, n), v| (s + v, n + 1));
        sum / count as f64
    };
    (rows, columns, (0..rows * columns).map(mean).collect())
}

/// Sites have whole numbers only.
fn whole(mut ticks: Ticks) -> Ticks {
    ticks.ticks.retain(|t| t.at.fract() == 0.0);
    for tick in &mut ticks.ticks {
        tick.label = tick.label.take().map(|_| Label::Plain(format!("{}", tick.at)));
    }
    Ticks { factor: None, offset: None, ..ticks }
}

/// Keeps what lies far outside the frame within what viewers can draw.
fn near(place: f64) -> f64 {
    place.clamp(-1e4, 1e4)
}

fn polyline(path: &mut String, points: &[(f64, f64)]) {
    for (k, (x, y)) in points.iter().enumerate() {
        let _ = write!(path, "{}{} {}", if k == 0 { 'M' } else { 'L' }, short(*x), short(*y));
    }
}

/// A length on the page: hundredths are enough.
fn short(x: f64) -> String {
    let text = format!("{x:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_string() } else { text.to_string() }
}

// ---- words ----

fn text(out: &mut String, x: f64, y: f64, anchor: &str, content: &str) {
    let _ = writeln!(out, "<text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{content}</text>", short(x), short(y));
}

fn written(label: &Label) -> String {
    match label {
        Label::Plain(text) => text.clone(),
        Label::Power(k) => power(*k),
    }
}

fn power(k: i32) -> String {
    let exponent = k.to_string().replace('-', "−");
    format!("10<tspan dy=\"-5\" font-size=\"{}\">{exponent}</tspan>", FONT * 0.75)
}

/// What all labels of an axis leave out.
fn common(ticks: &Ticks) -> Option<String> {
    match (ticks.factor, &ticks.offset) {
        (None, None) => None,
        (Some(k), None) => Some(format!("×{}", power(k))),
        (None, Some(offset)) => Some(offset.clone()),
        (Some(k), Some(offset)) => Some(format!("×{}<tspan dy=\"5\"> {offset}</tspan>", power(k))),
    }
}

fn label_width(label: &Label) -> f64 {
    match label {
        Label::Plain(text) => text_width(text),
        Label::Power(k) => text_width("10") + 0.75 * text_width(&k.to_string()),
    }
}

/// About as wide as the usual typefaces set it.
fn text_width(text: &str) -> f64 {
    text.chars().map(|c| if "il.,:;|'()[] ".contains(c) { 0.33 } else if c.is_uppercase() || c == 'm' || c == 'w' { 0.74 } else { 0.58 }).sum::<f64>() * FONT
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(layers: Vec<Layer>) -> Figure {
        Figure { layers, ..Figure::default() }
    }

    fn layer(label: &str, kind: LayerKind) -> Layer {
        Layer { label: Some(label.to_string()).filter(|l| !l.is_empty()), kind }
    }

    /// Numbers without a pattern.
    fn noise(n: usize) -> Vec<f64> {
        let mut state = 1u64;
        let mut uniform = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        (0..n).map(|_| (0..12).map(|_| uniform()).sum::<f64>() - 6.0).collect()
    }

    fn range(a: f64, b: f64, n: usize) -> Vec<f64> {
        (0..n).map(|k| a + (b - a) * k as f64 / (n - 1) as f64).collect()
    }

    fn gauss(x: f64) -> f64 {
        (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
    }

    /// Pictures to look at: `MOYAL_PICTURES=dir cargo test pictures`.
    fn pictures() -> Vec<(&'static str, Figure)> {
        let edges = range(-4.0, 4.0, 41);
        let draws = noise(20_000);
        let count = |a: f64, b: f64| draws.iter().filter(|x| **x >= a && **x < b).count() as f64;
        let density: Vec<f64> = edges.windows(2).map(|e| count(e[0], e[1]) / 20_000.0 / 0.2).collect();
        let error: Vec<f64> = density.iter().map(|d| (d / 20_000.0 / 0.2).sqrt()).collect();
        let x = range(-4.0, 4.0, 300);
        let n = noise(64);
        let field: Vec<f64> = (0..32 * 32).map(|k| ((k / 32) as f64 / 5.0).sin() * ((k % 32) as f64 / 4.0).cos() + 0.1 * draws[k]).collect();
        let big: Vec<f64> = (0..200 * 300).map(|k| if k % 977 == 0 { f64::NAN } else { (-(((k / 300) as f64 - 90.0) / 40.0).powi(2) - (((k % 300) as f64 - 160.0) / 60.0).powi(2)).exp() }).collect();
        let walk: Vec<f64> = draws.iter().scan(0.0, |s, x| { *s += x; Some(*s) }).collect();
        vec![
            ("histogram", Figure { x_label: Some("φ".into()), y_label: Some("density".into()), ..figure(vec![
                layer("samples", LayerKind::Histogram { edges: edges.clone(), density: density.clone(), error: Some(error) }),
                layer("exp(−S) / Z", LayerKind::Line { x: x.clone(), y: x.iter().map(|x| gauss(*x)).collect() }),
            ]) }),
            ("lines", Figure { title: Some("Scores of the double well".into()), x_label: Some("φ".into()), y_label: Some("s(φ)".into()), ..figure(vec![
                layer("exact", LayerKind::Line { x: x.clone(), y: x.iter().map(|x| x - x.powi(3)).collect() }),
                layer("learnt", LayerKind::Line { x: x.clone(), y: x.iter().map(|x| x * 0.9 - x.powi(3) * 0.96 + (3.0 * x).sin()).collect() }),
                layer("third", LayerKind::Line { x: x.clone(), y: x.iter().map(|x| if x.abs() < 0.3 { f64::NAN } else { 1.0 / x }).collect() }),
            ]) }),
            ("points", Figure { x_label: Some("κ".into()), y_label: Some("χ".into()), ..figure(vec![
                layer("L = 32", LayerKind::Points { x: range(0.2, 0.3, 11), y: range(0.2, 0.3, 11).iter().map(|k| 9.0 / (1.0 + 900.0 * (k - 0.265f64).powi(2))).collect(), error: Some((0..11).map(|k| 0.2 + 0.4 * n[k].abs()).collect()) }),
                layer("L = 64", LayerKind::Points { x: range(0.2, 0.3, 11), y: range(0.2, 0.3, 11).iter().map(|k| 22.0 / (1.0 + 2500.0 * (k - 0.267f64).powi(2))).collect(), error: Some(vec![0.7; 11]) }),
                layer("L = 128", LayerKind::Points { x: range(0.2, 0.3, 11), y: range(0.2, 0.3, 11).iter().map(|k| 30.0 / (1.0 + 9000.0 * (k - 0.268f64).powi(2))).collect(), error: None }),
            ]) }),
            ("loglog", Figure { log_x: true, log_y: true, x_label: Some("dt".into()), y_label: Some("strong error".into()), ..figure(vec![
                layer("Euler", LayerKind::Points { x: (0..8).map(|k| 0.5f64.powi(k)).collect(), y: (0..8).map(|k| 0.7 * 0.5f64.powi(k).sqrt()).collect(), error: Some((0..8).map(|k| 0.1 * 0.5f64.powi(k)).collect()) }),
                layer("Milstein", LayerKind::Points { x: (0..8).map(|k| 0.5f64.powi(k)).collect(), y: (0..8).map(|k| 0.2 * 0.5f64.powi(2 * k)).collect(), error: None }),
            ]) }),
            ("field", Figure { title: Some("φ after 500 trajectories".into()), x_label: Some("x".into()), y_label: Some("y".into()), ..figure(vec![layer("", LayerKind::HeatMap { rows: 32, columns: 32, values: field })]) }),
            ("large", figure(vec![layer("", LayerKind::HeatMap { rows: 200, columns: 300, values: big })])),
            ("walk", Figure { x_label: Some("trajectory".into()), y_label: Some("Q".into()), ..figure(vec![layer("", LayerKind::Line { x: (0..20_000).map(|k| k as f64 * 100.0).collect(), y: walk })]) }),
            ("scatter", figure(vec![layer("", LayerKind::Points { x: draws[..10_000].to_vec(), y: draws[10_000..].to_vec(), error: None })])),
            ("constant", Figure { y_label: Some("S/V".into()), ..figure(vec![layer("", LayerKind::Line { x: range(0.0, 1.0, 5), y: vec![1e9 + 0.5; 5] })]) }),
            ("offset", Figure { y_label: Some("E".into()), ..figure(vec![layer("", LayerKind::Line { x: range(0.0, 1e-6, 50), y: range(-1e6 - 0.003, -1e6, 50) })]) }),
            ("one", figure(vec![layer("", LayerKind::Points { x: vec![3.0], y: vec![-2e-7], error: Some(vec![1e-8]) })])),
            ("empty", figure(vec![layer("none", LayerKind::Line { x: vec![f64::NAN], y: vec![1.0] })])),
            ("logy", Figure { log_y: true, ..figure(vec![layer("", LayerKind::Histogram { edges: edges.clone(), density: density.clone(), error: None })]) }),
            ("density", Figure { title: Some("P(x, y)".into()), x_label: Some("x".into()), y_label: Some("y".into()), ..figure(vec![
                layer("", LayerKind::Density { x: range(-2.5, 2.5, 51), y: range(-0.4, 0.4, 41), density: (0..2000).map(|k| {
                    let (x, y) = ((k / 40) as f64 / 10.0 - 2.45, (k % 40) as f64 / 50.0 - 0.39);
                    (-x * x - 40.0 * (y + x * 0.1).powi(2)).exp()
                }).collect() }),
                layer("strip", LayerKind::Line { x: vec![-9.0, 9.0, 9.0, -9.0, -9.0], y: vec![0.3, 0.3, -0.3, -0.3, 0.3] }),
            ]) }),
            ("wide", figure(vec![layer("", LayerKind::HeatMap { rows: 2, columns: 40, values: (0..80).map(|k| k as f64 * 1e-5).collect() })])),
        ]
    }

    #[test]
    fn all_pictures_are_drawn() {
        for (name, figure) in pictures() {
            let text = svg(&figure);
            assert!(!text.contains("NaN") && !text.contains("inf"), "{name}");
            assert!(text.len() < 2_000_000, "{name}: {} bytes", text.len());
            if let Some(folder) = std::env::var_os("MOYAL_PICTURES") {
                std::fs::write(std::path::Path::new(&folder).join(format!("{name}.svg")), text).unwrap();
            }
        }
    }

    #[test]
    fn curves_have_the_colour_of_their_points() {
        let points = |label| layer(label, LayerKind::Points { x: vec![0.0], y: vec![0.0], error: None });
        let bars = |label| layer(label, LayerKind::Histogram { edges: vec![0.0, 1.0], density: vec![1.0], error: None });
        let curve = |label| layer(label, LayerKind::Line { x: vec![0.0], y: vec![0.0] });
        let colours = |layers| colours(&figure(layers));
        assert_eq!(colours(vec![points("a"), points("b"), curve(""), curve("")]), [0, 1, 0, 1]);
        assert_eq!(colours(vec![points("a"), curve(""), points("b"), curve("")]), [0, 0, 1, 1]);
        assert_eq!(colours(vec![curve("b"), points("a"), points("b"), curve("c")]), [0, 1, 0, 2]);
        assert_eq!(colours(vec![bars("a"), bars("b"), curve(""), curve("")]), [0, 1, 0, 1]);
        // Whose they are can't be told, or they would not be seen.
        assert_eq!(colours(vec![points("a"), points("b"), curve("")]), [0, 1, 2]);
        assert_eq!(colours(vec![points("a"), curve(""), curve("")]), [0, 1, 2]);
        assert_eq!(colours(vec![bars("a"), curve("")]), [0, 1]);
    }

    #[test]
    fn a_curve_and_its_points_are_one_entry_of_the_legend() {
        let (x, y) = (vec![0.0, 1.0], vec![0.0, 1.0]);
        let layers = vec![layer("C(t)", LayerKind::Points { x: x.clone(), y: y.clone(), error: None }), layer("C(t)", LayerKind::Line { x, y })];
        assert_eq!(svg(&figure(layers)).matches("C(t)").count(), 1);
    }

    #[test]
    fn words_are_escaped() {
        let figure = Figure { title: Some("<φ²> & \u{1}more".into()), ..figure(vec![]) };
        assert!(svg(&figure).contains("&lt;φ²&gt; &amp;  more"));
    }

    #[test]
    fn lists_of_unequal_length_are_cut() {
        let odd = figure(vec![
            layer("", LayerKind::Line { x: vec![1.0, 2.0], y: vec![1.0] }),
            layer("", LayerKind::Histogram { edges: vec![], density: vec![1.0], error: Some(vec![]) }),
            layer("", LayerKind::HeatMap { rows: 0, columns: 3, values: vec![] }),
            layer("", LayerKind::Density { x: vec![], y: vec![0.0, 1.0], density: vec![] }),
            layer("", LayerKind::Density { x: vec![0.0, 1.0], y: vec![0.0, 1.0], density: vec![1.0, 2.0] }),
        ]);
        assert!(svg(&odd).ends_with("</svg>\n"));
    }
}
