//! The standard library: Moyal texts, embedded. Nothing else is here.

/// The text of a module by its path.
pub fn module(path: &str) -> Option<&'static str> {
    match path {
        "prelude" => Some(include_str!("../prelude.moy")),
        _ => None,
    }
}
