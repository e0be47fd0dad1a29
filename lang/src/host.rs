//! The door between the language and the world: a program's output, files and clock are its host's. The language itself
//! does no I/O.

use moyal_runtime::array::{Array, Scalar};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What a program may ask of the one who runs it.
pub trait Host {
    /// One line (or several) of output.
    fn print(&mut self, text: &str);

    /// Draws a figure.
    fn plot(&mut self, figure: &Figure) -> Result<(), String>;

    /// Writes an array under the name that the program gives.
    fn save(&mut self, name: &str, value: &Stored) -> Result<(), String>;

    /// Whether arrays can be written under that name: asked before the run.
    fn can_save(&mut self, name: &str) -> Result<(), String> {
        let _ = name;
        Ok(())
    }

    /// Kind and shape of a stored array, without its numbers.
    fn header(&mut self, name: &str) -> Result<Header, String>;

    /// Reads a stored array.
    fn load(&mut self, name: &str) -> Result<Stored, String>;

    /// The text of a file that a program uses; `name` is relative to the text called `from`. Returns the name by which
    /// reports call the file, and its text.
    fn read_source(&mut self, from: &str, name: &str) -> Result<(String, String), String>;

    /// This statement begins to compute.
    fn begins(&mut self, statement: &crate::source::Span) {
        let _ = statement;
    }

    /// A statement that takes long has come this far. Called a few times a second at most.
    fn progress(&mut self, progress: &Progress);

    /// The statement of the last [`Host::progress`] has ended.
    fn progress_done(&mut self) {}

    /// A warning that belongs to a printed result.
    fn warn(&mut self, diagnostic: &crate::diagnostic::Diagnostic);
}

/// A stored array: real parts, and imaginary ones of a complex array (of the same kind and shape).
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    pub real: Arc<Array>,
    pub imaginary: Option<Arc<Array>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    pub scalar: Scalar,
    pub complex: bool,
    pub shape: Vec<usize>,
}

#[derive(Clone, Debug)]
pub struct Progress {
    /// The statement's text, shortened to one line.
    pub what: String,
    pub line: usize,
    pub done: u64,
    pub total: Option<u64>,
}

/// How a run is to be done; none of it but `seed` and `params` can change a result.
#[derive(Clone)]
pub struct Options {
    pub seed: u64,
    pub threads: usize,
    /// Use the reference interpreter.
    pub interpret: bool,
    /// Let results pass that are not finite.
    pub allow_nonfinite: bool,
    /// Bytes that one array may have.
    pub memory: u64,
    /// Values of params, as the command line gives them: name and text.
    pub params: Vec<(String, String)>,
    /// Set (from a signal handler, say) to stop within a second.
    pub stop: Arc<AtomicBool>,
}

impl Default for Options {
    fn default() -> Options {
        Options { seed: 1, threads: 1, interpret: false, allow_nonfinite: false, memory: 1 << 40, params: vec![], stop: Default::default() }
    }
}

/// A param of a program, for `--help`.
#[derive(Clone, Debug)]
pub struct ParamInfo {
    pub name: String,
    /// The default as it stands in the text.
    pub default: String,
    pub help: Option<String>,
}

/// A figure: data only. Names and titles come from the program's text.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    pub title: Option<String>,
    pub x_label: Option<String>,
    pub y_label: Option<String>,
    pub log_x: bool,
    pub log_y: bool,
    /// A file name that the program asked for; else the host chooses.
    pub file: Option<String>,
    pub layers: Vec<Layer>,
}

#[derive(Clone, Debug)]
pub struct Layer {
    pub label: Option<String>,
    pub kind: LayerKind,
}

#[derive(Clone, Debug)]
pub enum LayerKind {
    /// Connected points.
    Line { x: Vec<f64>, y: Vec<f64> },
    /// Points with (one standard) errors where known.
    Points { x: Vec<f64>, y: Vec<f64>, error: Option<Vec<f64>> },
    /// Bins between `edges` (one more than heights), normalised to a density, with errors where known.
    Histogram { edges: Vec<f64>, density: Vec<f64>, error: Option<Vec<f64>> },
    /// A field on a two-dimensional lattice or a matrix, row by row; the first index runs downward.
    HeatMap { rows: usize, columns: usize, values: Vec<f64> },
    /// A density of two variables in bins between `x` and between `y` (one more each than bins), for each bin of x those of y.
    Density { x: Vec<f64>, y: Vec<f64>, density: Vec<f64> },
}
