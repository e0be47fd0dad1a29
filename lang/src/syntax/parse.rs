//! stub
use crate::diagnostic::Diagnostic;
use crate::source::Source;
use std::sync::Arc;
pub fn parse(_source: &Arc<Source>) -> (super::ast::Program, Vec<Diagnostic>) {
    todo!()
}
