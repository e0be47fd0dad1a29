//! For programs in Rust: compile a text, call its functions with arrays, get arrays or a diagnostic back. No I/O happens
//! here; what a text prints is collected. A function is compiled at its first call with arguments of some types and stays
//! ready for more. It takes three dependencies, the third in the version that this workspace has:
//!
//! ```toml
//! moyal-lang = { path = "moyal/lang" }
//! moyal-stdlib = { path = "moyal/stdlib" }
//! ndarray = "0.17"
//! ```
//!
//! ```
//! use moyal_lang::embed::Module;
//! use ndarray::array;
//!
//! let text = "fn action(x: real[3], mass) = sum(mass * x[i]^2 / 2 for i in 3)
//!             fn force(x: real[3], mass) = -grad(action)(x, mass)";
//! let mut module = Module::new(moyal_stdlib::module, text).unwrap();
//! let x = array![1.0, 2.0, 3.0].into_dyn();
//! let force = module.call("force", &[(&x).into(), 2.0.into()]).unwrap();
//! assert_eq!(force[0].reals().unwrap(), array![-2.0, -4.0, -6.0].into_dyn());
//!
//! let mistake = module.call("force", &[(&x).into()]).unwrap_err();
//! assert_eq!(mistake[0].message, "`force` needs the argument `mass`");
//! ```

use crate::diagnostic::Diagnostic;
use crate::host::{Figure, Header, Host, Options, Progress, Stored};
use crate::session::{Library, Session};
use moyal_runtime::array::{Array, Data};
use ndarray::{ArrayD, ArrayViewD, IxDyn};
use std::sync::Arc;

/// A compiled text, with the values that its top level has made.
pub struct Module {
    session: Session,
    host: Quiet,
}

/// An argument or a result: a number or an array of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Value(pub Stored);

impl Module {
    /// Checks a text and runs its top level. Several mistakes may come back.
    pub fn new(library: Library, text: &str) -> Result<Module, Vec<Diagnostic>> {
        Module::with_options(library, text, Options::default())
    }

    /// The same with seed, threads and params.
    pub fn with_options(library: Library, text: &str, options: Options) -> Result<Module, Vec<Diagnostic>> {
        let mut module = Module { session: Session::new(library, options), host: Quiet::default() };
        module.session.run("<text>", text, &mut module.host)?;
        Ok(module)
    }

    /// Calls a function of the text. An array takes the index sets that the parameter declares, if their sizes agree.
    /// A tuple or record comes back as its parts in order, a complex number as one value with an imaginary part.
    pub fn call(&mut self, function: &str, arguments: &[Value]) -> Result<Vec<Value>, Vec<Diagnostic>> {
        let arguments: Vec<Stored> = arguments.iter().map(|v| v.0.clone()).collect();
        let results = self.session.call(function, &arguments, &mut self.host)?;
        Ok(results.into_iter().map(Value).collect())
    }

    /// How many programs have been compiled so far: a call with arguments of types that have been met adds none.
    pub fn compilations(&self) -> usize {
        self.session.compilations()
    }

    #[cfg(test)]
    fn session_calls(&self) -> usize {
        self.session.ready_calls()
    }

    /// What the text has printed since the last call of this.
    pub fn output(&mut self) -> Vec<String> {
        std::mem::take(&mut self.host.lines)
    }
}

impl Value {
    /// The real numbers; None for another kind.
    pub fn reals(&self) -> Option<ArrayD<f64>> {
        match &self.0.real.data {
            Data::Real(v) => ArrayD::from_shape_vec(IxDyn(&self.0.real.shape), v.clone()).ok(),
            _ => None,
        }
    }

    /// The imaginary parts of a complex value.
    pub fn imaginary(&self) -> Option<ArrayD<f64>> {
        self.0.imaginary.as_ref().and_then(|im| Value(Stored { real: im.clone(), imaginary: None }).reals())
    }

    /// A single real number.
    pub fn real(&self) -> Option<f64> {
        match &self.0.real.data {
            Data::Real(v) if v.len() == 1 => Some(v[0]),
            _ => None,
        }
    }

    /// The integers; None for another kind.
    pub fn ints(&self) -> Option<ArrayD<i64>> {
        match &self.0.real.data {
            Data::Int(v) => ArrayD::from_shape_vec(IxDyn(&self.0.real.shape), v.clone()).ok(),
            _ => None,
        }
    }
}

fn stored(array: Array) -> Value {
    Value(Stored { real: Arc::new(array), imaginary: None })
}

impl From<f64> for Value {
    fn from(x: f64) -> Value {
        stored(Array::real(x))
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Value {
        stored(Array::int(n))
    }
}

impl From<ArrayViewD<'_, f64>> for Value {
    fn from(view: ArrayViewD<f64>) -> Value {
        stored(Array::new(view.shape().to_vec(), Data::Real(view.iter().copied().collect())))
    }
}

impl From<ArrayViewD<'_, f32>> for Value {
    fn from(view: ArrayViewD<f32>) -> Value {
        stored(Array::new(view.shape().to_vec(), Data::F32(view.iter().copied().collect())))
    }
}

impl From<&ArrayD<f64>> for Value {
    fn from(array: &ArrayD<f64>) -> Value {
        array.view().into()
    }
}

/// A host that keeps what is printed and refuses files.
#[derive(Default)]
pub struct Quiet {
    pub lines: Vec<String>,
}

const NO_FILES: &str = "an embedded program has no files";

impl Host for Quiet {
    fn print(&mut self, text: &str) {
        self.lines.push(text.to_string());
    }

    fn plot(&mut self, _: &Figure) -> Result<(), String> {
        Ok(())
    }

    fn save(&mut self, _: &str, _: &Stored) -> Result<(), String> {
        Err(NO_FILES.into())
    }

    fn can_save(&mut self, _: &str) -> Result<(), String> {
        Err(NO_FILES.into())
    }

    fn header(&mut self, _: &str) -> Result<Header, String> {
        Err(NO_FILES.into())
    }

    fn load(&mut self, _: &str) -> Result<Stored, String> {
        Err(NO_FILES.into())
    }

    fn read_source(&mut self, _: &str, _: &str) -> Result<(String, String), String> {
        Err(NO_FILES.into())
    }

    fn progress(&mut self, _: &Progress) {}

    fn warn(&mut self, _: &Diagnostic) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(text: &str) -> Module {
        Module::new(moyal_stdlib::module, text).unwrap()
    }

    fn array(numbers: &[f64]) -> ArrayD<f64> {
        ArrayD::from_shape_vec(IxDyn(&[numbers.len()]), numbers.to_vec()).unwrap()
    }

    #[test]
    fn a_function_that_stays_ready_takes_other_arguments() {
        let mut module = module("fn f(x, s) = s * x\nfn total(x) = sum(x)\nlet unused = 3");
        for round in 1..4 {
            let s = round as f64;
            for numbers in [&[1.0, 2.0][..], &[4.0, 5.0, 6.0]] {
                let wanted: Vec<f64> = numbers.iter().map(|x| s * x).collect();
                let x = array(numbers);
                assert_eq!(module.call("f", &[(&x).into(), s.into()]).unwrap()[0].reals().unwrap(), array(&wanted));
                assert_eq!(module.call("total", &[(&x).into()]).unwrap()[0].real(), Some(numbers.iter().sum()));
            }
        }
        assert_eq!(module.session_calls(), 4);
    }

    #[test]
    fn a_call_that_failed_can_be_made_again() {
        let mut module = module("fn inverse_of(x) = 1 / x");
        assert_eq!(module.call("inverse_of", &[0.0.into()]).unwrap_err()[0].message, "a number that is not finite came up");
        assert_eq!(module.call("inverse_of", &[4.0.into()]).unwrap()[0].real(), Some(0.25));
    }

    #[test]
    fn noise_is_that_of_the_call() {
        let mut module = module("fn noise(m) {\n let x: real[3] ~ normal(m, 1)\n x\n}");
        let first = module.call("noise", &[0.0.into()]).unwrap();
        assert_eq!(first, module.call("noise", &[0.0.into()]).unwrap());
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let mistake = module("fn name(x) = \"text\"").call("name", &[1.0.into()]).unwrap_err();
        assert_eq!(mistake[0].message, "`name` gives a string: numbers, arrays of them, tuples and records can be returned");
        let mistake = Module::new(moyal_stdlib::module, "save(\"x.npy\", [1.0])").err().unwrap();
        assert_eq!(mistake[0].message, NO_FILES);
    }
}
