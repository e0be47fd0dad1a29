//! Symbols by their LaTeX names, as one types them at the prompt: `\phi` and the tab key give φ.

const SYMBOLS: &[(&str, &str)] = &[
    ("alpha", "α"),
    ("beta", "β"),
    ("gamma", "γ"),
    ("delta", "δ"),
    ("epsilon", "ε"),
    ("varepsilon", "ε"),
    ("zeta", "ζ"),
    ("eta", "η"),
    ("theta", "θ"),
    ("iota", "ι"),
    ("kappa", "κ"),
    ("lambda", "λ"),
    ("mu", "μ"),
    ("nu", "ν"),
    ("xi", "ξ"),
    ("omicron", "ο"),
    ("pi", "π"),
    ("rho", "ρ"),
    ("sigma", "σ"),
    ("tau", "τ"),
    ("upsilon", "υ"),
    ("phi", "φ"),
    ("varphi", "φ"),
    ("chi", "χ"),
    ("psi", "ψ"),
    ("omega", "ω"),
    ("Gamma", "Γ"),
    ("Delta", "Δ"),
    ("Theta", "Θ"),
    ("Lambda", "Λ"),
    ("Xi", "Ξ"),
    ("Pi", "Π"),
    ("Sigma", "Σ"),
    ("Upsilon", "Υ"),
    ("Phi", "Φ"),
    ("Psi", "Ψ"),
    ("Omega", "Ω"),
    ("sqrt", "√"),
    ("grad", "∇"),
    ("nabla", "∇"),
    ("sum", "∑"),
    ("prod", "∏"),
    ("o", "∘"),
    ("circ", "∘"),
    ("in", "∈"),
    ("to", "→"),
    ("rightarrow", "→"),
    ("inf", "∞"),
    ("infty", "∞"),
    ("le", "≤"),
    ("leq", "≤"),
    ("ge", "≥"),
    ("geq", "≥"),
    ("ne", "≠"),
    ("neq", "≠"),
    ("^2", "²"),
    ("^3", "³"),
];

/// Where the `\name` that ends at the end of `line` begins, and what it may stand for: name and symbol.
pub fn completions(line: &str) -> Option<(usize, Vec<(&'static str, &'static str)>)> {
    let start = line.rfind('\\')?;
    let typed = &line[start + 1..];
    if !typed.chars().all(|c| c.is_ascii_alphanumeric() || c == '^') {
        return None;
    }
    let whole: Vec<_> = SYMBOLS.iter().copied().filter(|(name, _)| *name == typed).collect();
    let begun = || SYMBOLS.iter().copied().filter(|(name, _)| name.starts_with(typed)).collect();
    Some((start, if whole.is_empty() { begun() } else { whole }))
}

/// A name with its Greek letters written out.
pub fn spelled(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        let letter = SYMBOLS.iter().find(|(n, s)| c.is_alphabetic() && s.starts_with(c) && !n.starts_with("var"));
        match letter {
            Some((name, _)) => out.push_str(name),
            None => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_out() {
        assert_eq!(["φ_1", "Λ", "ε", "x²", "kappa"].map(spelled), ["phi_1", "Lambda", "epsilon", "x²", "kappa"]);
    }

    #[test]
    fn whole_names_and_beginnings() {
        assert_eq!(completions("let \\phi"), Some((4, vec![("phi", "φ")])));
        assert_eq!(completions("\\in"), Some((0, vec![("in", "∈")])));
        assert_eq!(completions("φ + \\Lam"), Some((5, vec![("Lambda", "Λ")])));
        assert_eq!(completions("x\\^2"), Some((1, vec![("^2", "²")])));
        assert!(completions("\\s").unwrap().1.len() > 2);
        assert_eq!(completions("\\phi +"), None);
        assert_eq!(completions("phi"), None);
    }
}
