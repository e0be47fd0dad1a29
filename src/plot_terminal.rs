//! A figure in characters, for the prompt: lines and points in dots of Braille, bars in blocks, fields in shades.

use crate::axis::{Axis, Label, number};
use crate::colour::{LINES, Scale};
use crate::plot::{Field, colours as colours_of, field, x_axis, y_axis};
use moyal_lang::host::{Figure, LayerKind};

/// Characters across and down, without the labels.
const WIDTH: usize = 60;
const HEIGHT: usize = 15;

pub fn text(figure: &Figure, colours: bool) -> String {
    let body = match figure.layers.iter().find_map(field) {
        Some(f) => match &f.over {
            Some((x, y)) => density(&f, x, y, colours),
            None => heat_map(f.rows, f.columns, &f.values, colours),
        },
        None => curves(figure, colours),
    };
    let title = figure.title.as_ref().map(|t| format!("{t}\n")).unwrap_or_default();
    format!("{title}{body}")
}

// ---- lines, points, bars ----

fn curves(figure: &Figure, colours: bool) -> String {
    let (x, y) = (x_axis(figure), y_axis(figure));
    let mut canvas = Canvas::new();
    let numbers = colours_of(figure);
    for (layer, colour) in figure.layers.iter().zip(&numbers) {
        canvas.layer = *colour;
        let at = |a: &f64, b: &f64| Some((x.part(*a)?, y.part(*b)?));
        match &layer.kind {
            LayerKind::Line { x, y } => canvas.line(x.iter().zip(y).map(|(a, b)| at(a, b))),
            LayerKind::Points { x, y, .. } if x.len() <= WIDTH => x.iter().zip(y).filter_map(|(a, b)| at(a, b)).for_each(|p| canvas.mark(p)),
            LayerKind::Points { x, y, .. } => x.iter().zip(y).filter_map(|(a, b)| at(a, b)).for_each(|p| canvas.dot(p)),
            LayerKind::Histogram { edges, density, .. } => {
                let bins = edges.windows(2).zip(density);
                bins.filter_map(|(e, d)| Some((x.part(e[0])?, x.part(e[1])?, y.part(*d)?))).for_each(|b| canvas.bar(b));
            }
            LayerKind::HeatMap { .. } | LayerKind::Density { .. } => {}
        }
    }
    let mut text = framed(&canvas.rows(colours), &y, &x);
    // A curve and its points are one entry.
    let mut entries: Vec<(&String, usize)> = vec![];
    for entry in figure.layers.iter().zip(numbers).filter_map(|(l, k)| Some((l.label.as_ref()?, k))) {
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    let named: Vec<String> = entries.into_iter().map(|(label, k)| painted(&format!("── {label}"), k, colours)).collect();
    if figure.layers.len() > 1 && !named.is_empty() {
        text.push_str(&format!("  {}\n", named.join("   ")));
    }
    text
}

/// Labels at the left and below.
fn framed(rows: &[String], y: &Axis, x: &Axis) -> String {
    let labels = labelled(y, rows.len(), 4, true);
    let margin = labels.iter().map(|l| l.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (label, row) in labels.iter().zip(rows) {
        let mark = if label.is_empty() { '│' } else { '┤' };
        text.push_str(&format!("{}{label} {mark}{row}\n", " ".repeat(margin - label.chars().count())));
    }
    let mut line: Vec<char> = vec!['─'; WIDTH];
    let mut below: Vec<char> = vec![' '; margin + WIDTH + 20];
    let mut free = 0;
    for (place, label) in labelled(x, WIDTH, 6, false).iter().enumerate().filter(|(_, l)| !l.is_empty()) {
        let width = label.chars().count();
        let start = (margin + 2 + place).saturating_sub(width / 2);
        if start >= free {
            line[place] = '┬';
            below.splice(start..start + width, label.chars());
            free = start + width + 1;
        }
    }
    let (line, below): (String, String) = (line.into_iter().collect(), below.into_iter().collect());
    text.push_str(&format!("{} └{line}\n{}\n", " ".repeat(margin), below.trim_end()));
    text
}

/// For each place along an axis its label or nothing; upward axes begin at their high end.
fn labelled(axis: &Axis, places: usize, wanted: usize, upward: bool) -> Vec<String> {
    let mut labels = vec![String::new(); places];
    for tick in axis.ticks(wanted).ticks {
        let (Some(label), Some(part)) = (tick.label, axis.part(tick.at)) else { continue };
        if !(0.0..=1.0).contains(&part) {
            continue;
        }
        let place = ((part * places as f64) as usize).min(places - 1);
        let place = if upward { places - 1 - place } else { place };
        labels[place] = match label {
            Label::Plain(_) => number(tick.at),
            Label::Power(k) => format!("1e{k}").replace('-', "−"),
        };
    }
    labels
}

/// Two dots across and four down in each character.
struct Canvas {
    dots: Vec<u8>,
    /// Eighths, or `MARK`.
    bars: Vec<u8>,
    /// Who wrote last in each character.
    owner: Vec<usize>,
    layer: usize,
}

const ACROSS: usize = WIDTH * 2;
const DOWN: usize = HEIGHT * 4;
const MARK: u8 = 9;

impl Canvas {
    fn new() -> Canvas {
        Canvas { dots: vec![0; WIDTH * HEIGHT], bars: vec![0; WIDTH * HEIGHT], owner: vec![0; WIDTH * HEIGHT], layer: 0 }
    }

    /// A place in parts of the axes.
    fn dot(&mut self, (x, y): (f64, f64)) {
        if !(0.0..=1.0).contains(&x) || !(0.0..=1.0).contains(&y) {
            return;
        }
        let (i, j) = (((x * ACROSS as f64) as usize).min(ACROSS - 1), DOWN - 1 - ((y * DOWN as f64) as usize).min(DOWN - 1));
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        let character = j / 4 * WIDTH + i / 2;
        self.dots[character] |= BITS[j % 4][i % 2];
        self.owner[character] = self.layer;
    }

    /// A point that stands alone.
    fn mark(&mut self, (x, y): (f64, f64)) {
        let place = |part: f64, n: usize| ((part.clamp(0.0, 1.0) * n as f64) as usize).min(n - 1);
        let character = (HEIGHT - 1 - place(y, HEIGHT)) * WIDTH + place(x, WIDTH);
        self.bars[character] = MARK;
        self.owner[character] = self.layer;
    }

    fn line(&mut self, places: impl Iterator<Item = Option<(f64, f64)>>) {
        let mut last: Option<(f64, f64)> = None;
        for place in places {
            match (last, place) {
                (Some((a, b)), Some((c, d))) => {
                    let length = ((c - a).abs() * ACROSS as f64).max((d - b).abs() * DOWN as f64);
                    let pieces = length.ceil().clamp(1.0, 2000.0) as usize;
                    for k in 1..=pieces {
                        let f = k as f64 / pieces as f64;
                        self.dot((a + f * (c - a), b + f * (d - b)));
                    }
                }
                (None, Some(place)) => self.dot(place),
                _ => {}
            }
            last = place;
        }
    }

    fn bar(&mut self, (left, right, height): (f64, f64, f64)) {
        let eighths = (height.clamp(0.0, 1.0) * (HEIGHT * 8) as f64).round() as usize;
        let (first, last) = ((left * WIDTH as f64).round() as usize, (right * WIDTH as f64).round() as usize);
        for column in first..last.clamp(first + 1, WIDTH.max(first + 1)) {
            for row in 0..HEIGHT {
                let level = eighths.saturating_sub((HEIGHT - 1 - row) * 8).min(8) as u8;
                if level > 0 && column < WIDTH {
                    self.bars[row * WIDTH + column] = level;
                    self.owner[row * WIDTH + column] = self.layer;
                }
            }
        }
    }

    fn rows(&self, colours: bool) -> Vec<String> {
        const BLOCKS: [char; 10] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█', '•'];
        let character = |k: usize| match (self.dots[k], self.bars[k]) {
            (0, level) => BLOCKS[level as usize],
            (dots, _) => char::from_u32(0x2800 + dots as u32).unwrap_or('.'),
        };
        let row = |r: usize| -> String {
            let cells: Vec<usize> = (r * WIDTH..(r + 1) * WIDTH).collect();
            let runs = cells.chunk_by(|a, b| self.owner[*a] == self.owner[*b]);
            let text: String = runs.map(|run| painted(&run.iter().map(|k| character(*k)).collect::<String>(), self.owner[run[0]], colours)).collect();
            if colours { text } else { text.trim_end().to_string() }
        };
        (0..HEIGHT).map(row).collect()
    }
}

fn painted(text: &str, layer: usize, colours: bool) -> String {
    if !colours || text.trim().is_empty() {
        return text.to_string();
    }
    let (r, g, b) = LINES[layer % LINES.len()];
    format!("\x1b[38;2;{r};{g};{b}m{text}\x1b[0m")
}

// ---- fields ----

const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];

/// A density over the plane, with its axes; each character shows the mean of what lies under it, or the bin that it lies in.
fn density(f: &Field, x: &Axis, y: &Axis, colours: bool) -> String {
    let scale = Scale::over(&f.values);
    let lines = if colours { 2 * HEIGHT } else { HEIGHT };
    let under = |k: usize, of: usize, cells: usize| k * cells / of..((k + 1) * cells).div_ceil(of).min(cells).max(k * cells / of + 1);
    let at = |r: usize, c: usize| {
        let cells = under(r, lines, f.rows).flat_map(|r| under(c, WIDTH, f.columns).map(move |c| f.values[r * f.columns + c]));
        let (sum, count) = cells.filter(|v| v.is_finite()).fold((0.0, 0), |(s, n), v| (s + v, n + 1));
        sum / count as f64
    };
    let row = |r: usize| -> String {
        let shown = |c: usize| {
            if colours {
                let (a, b) = (scale.of(at(2 * r, c)), scale.of(at(2 * r + 1, c)));
                format!("\x1b[38;2;{};{};{}m\x1b[48;2;{};{};{}m▀\x1b[0m", a.0, a.1, a.2, b.0, b.1, b.2)
            } else {
                scale.level(at(r, c)).map_or('·', |l| SHADES[l as usize * 5 / 256]).to_string()
            }
        };
        (0..WIDTH).map(shown).collect::<String>().trim_end().to_string()
    };
    let rows: Vec<String> = (0..HEIGHT).map(row).collect();
    format!("{}{} … {}\n", framed(&rows, y, x), number(scale.low), number(scale.high))
}

/// With colours, two rows of the field in each line of characters; else one.
fn heat_map(rows: usize, columns: usize, values: &[f64], colours: bool) -> String {
    let scale = Scale::over(values);
    let times = if columns <= WIDTH / 4 && !colours { 2 } else { 1 };
    let shown_columns = columns.min(WIDTH);
    let shown_rows = rows.min(if colours { 2 * HEIGHT * 2 } else { HEIGHT * 2 });
    // Of a field too large to show, the mean over each block.
    let at = |r: usize, c: usize| {
        let rows = r * rows / shown_rows..((r + 1) * rows / shown_rows).max(r * rows / shown_rows + 1);
        let block = |c: usize| c * columns / shown_columns;
        let cells = rows.flat_map(|r| (block(c)..block(c + 1).max(block(c) + 1)).map(move |c| (r, c)));
        let (sum, count) = cells.map(|(r, c)| values[r * columns + c]).filter(|v| v.is_finite()).fold((0.0, 0), |(s, n), v| (s + v, n + 1));
        sum / count as f64
    };
    let mut text = String::new();
    if colours {
        for r in (0..shown_rows).step_by(2) {
            for c in 0..shown_columns {
                let (a, b) = (scale.of(at(r, c)), scale.of(at((r + 1).min(shown_rows - 1), c)));
                let lower = if r + 1 < shown_rows { format!("\x1b[48;2;{};{};{}m", b.0, b.1, b.2) } else { String::new() };
                text.push_str(&format!("\x1b[38;2;{};{};{}m{lower}▀\x1b[0m", a.0, a.1, a.2));
            }
            text.push('\n');
        }
    } else {
        for r in 0..shown_rows {
            let row: String = (0..shown_columns)
                .flat_map(|c| std::iter::repeat_n(scale.level(at(r, c)).map_or('·', |l| SHADES[l as usize * 5 / 256]), times))
                .collect();
            text.push_str(row.trim_end());
            text.push('\n');
        }
    }
    text.push_str(&format!("{} … {}\n", number(scale.low), number(scale.high)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use moyal_lang::host::Layer;

    fn show(kinds: Vec<LayerKind>) -> String {
        let layers = kinds.into_iter().enumerate().map(|(k, kind)| Layer { label: Some(format!("layer {k}")), kind }).collect();
        text(&Figure { title: Some("title".into()), layers, ..Figure::default() }, false)
    }

    fn range(a: f64, b: f64, n: usize) -> Vec<f64> {
        (0..n).map(|k| a + (b - a) * k as f64 / (n - 1) as f64).collect()
    }

    #[test]
    fn curves_and_bars() {
        let x = range(-3.0, 3.0, 100);
        let edges = range(-3.0, 3.0, 31);
        let density: Vec<f64> = edges.windows(2).map(|e| (-(e[0] + 0.1) * (e[0] + 0.1)).exp()).collect();
        let picture = show(vec![
            LayerKind::Histogram { edges, density, error: None },
            LayerKind::Line { y: x.iter().map(|x| (-x * x).exp()).collect(), x },
        ]);
        println!("{picture}");
        let lines: Vec<&str> = picture.lines().collect();
        assert_eq!(lines.len(), 1 + HEIGHT + 3);
        assert!(picture.contains('█') && picture.contains("── layer 1"));
        assert!(lines.iter().all(|l| l.chars().count() < 80));
    }

    #[test]
    fn fields_are_shaded() {
        let picture = show(vec![LayerKind::HeatMap { rows: 3, columns: 4, values: range(0.0, 1.0, 12) }]);
        println!("{picture}");
        assert_eq!(picture.lines().count(), 5);
        let field = LayerKind::HeatMap { rows: 100, columns: 200, values: range(-1.0, 1.0, 20_000) };
        let figure = Figure { layers: vec![Layer { label: None, kind: field }], ..Figure::default() };
        assert_eq!(text(&figure, false).lines().count(), 31);
        assert_eq!(text(&figure, true).lines().count(), 31);
    }

    #[test]
    fn densities_have_axes() {
        let density = |n: usize, m: usize| (0..n * m).map(|k| if k / m < n / 2 && k % m >= m / 2 { 1.0 } else { 0.0 }).collect();
        for (n, m) in [(2, 2), (50, 40), (200, 7)] {
            let kind = LayerKind::Density { x: range(-2.0, 2.0, n + 1), y: range(0.0, 1.0, m + 1), density: density(n, m) };
            let figure = Figure { layers: vec![Layer { label: None, kind }], ..Figure::default() };
            let picture = text(&figure, false);
            println!("{picture}");
            let lines: Vec<&str> = picture.lines().collect();
            assert_eq!(lines.len(), HEIGHT + 3);
            // All of it lies at small x and large y: at the top left.
            assert!(lines[1].contains('█') && !lines[HEIGHT - 1].contains('█'));
            assert!(lines[1].chars().count() < 10 + WIDTH / 2);
            assert!(lines[HEIGHT + 1].contains("−2") && lines[HEIGHT + 1].contains('1'), "{}", lines[HEIGHT + 1]);
            assert_eq!(lines[HEIGHT + 2], "0 … 1");
            assert_eq!(text(&figure, true).lines().count(), HEIGHT + 3);
        }
    }

    #[test]
    fn odd_figures() {
        show(vec![]);
        show(vec![LayerKind::Line { x: vec![f64::NAN, 1.0], y: vec![1.0] }]);
        show(vec![LayerKind::Histogram { edges: vec![0.0, 0.0, 1e308], density: vec![f64::INFINITY, -1.0], error: None }]);
        show(vec![LayerKind::HeatMap { rows: 0, columns: 0, values: vec![] }]);
        println!("{}", show(vec![LayerKind::Points { x: vec![1e-9], y: vec![1e12], error: None }]));
    }
}
