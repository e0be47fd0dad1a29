//! A session: statements compiled one after the other, and the values that they have made. The REPL continues one, `run`
//! makes one for a file, the embedding API holds one.

use crate::diagnostic::Diagnostic;
use crate::host::{Host, Options, ParamInfo};

/// Gives the text of a library module by its path, e.g. `prelude` or `mcmc/hmc`.
pub type Library = fn(&str) -> Option<&'static str>;

pub struct Session {
    pub options: Options,
    #[allow(dead_code)]
    library: Library,
}

impl Session {
    pub fn new(library: Library, options: Options) -> Session {
        Session { options, library }
    }

    /// The params that a text declares, without running anything.
    pub fn params(&mut self, _name: &str, _text: &str) -> Result<Vec<ParamInfo>, Vec<Diagnostic>> {
        todo!()
    }

    /// Checks a text whole and runs nothing. Warnings come with success.
    pub fn check(&mut self, _name: &str, _text: &str, _host: &mut dyn Host) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        todo!()
    }

    /// Checks a text whole, then runs it statement by statement. What statements before a failure have made is kept.
    pub fn run(&mut self, _name: &str, _text: &str, _host: &mut dyn Host) -> Result<(), Vec<Diagnostic>> {
        todo!()
    }

    /// Runs the `test` blocks of a text; one outcome for each.
    pub fn test(&mut self, _name: &str, _text: &str, _host: &mut dyn Host) -> Result<Vec<TestOutcome>, Vec<Diagnostic>> {
        todo!()
    }

    /// One entry of the REPL: like `run`, but a lone expression's value is printed, names may be redefined, and a failed
    /// entry leaves the session as it was.
    pub fn enter(&mut self, _text: &str, _host: &mut dyn Host) -> Result<(), Vec<Diagnostic>> {
        todo!()
    }

    /// The documentation and type of a name, for `?name`.
    pub fn describe(&self, _name: &str) -> Option<String> {
        todo!()
    }

    /// Names that begin like this, for completion.
    pub fn complete(&self, _start: &str) -> Vec<String> {
        todo!()
    }
}

pub struct TestOutcome {
    pub title: String,
    /// Why it failed.
    pub failure: Option<Diagnostic>,
}
