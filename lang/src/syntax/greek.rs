//! Greek letters and their LaTeX names: two spellings of the same name.

use std::borrow::Cow;

/// The capitals that LaTeX writes as Latin letters have names all the same.
#[rustfmt::skip]
const LETTERS: &[(char, &str)] = &[
    ('α', "alpha"), ('β', "beta"), ('γ', "gamma"), ('δ', "delta"), ('ε', "epsilon"), ('ζ', "zeta"),
    ('η', "eta"), ('θ', "theta"), ('ι', "iota"), ('κ', "kappa"), ('λ', "lambda"), ('μ', "mu"),
    ('ν', "nu"), ('ξ', "xi"), ('ο', "omicron"), ('π', "pi"), ('ρ', "rho"), ('σ', "sigma"),
    ('τ', "tau"), ('υ', "upsilon"), ('φ', "phi"), ('χ', "chi"), ('ψ', "psi"), ('ω', "omega"),
    ('Α', "Alpha"), ('Β', "Beta"), ('Γ', "Gamma"), ('Δ', "Delta"), ('Ε', "Epsilon"), ('Ζ', "Zeta"),
    ('Η', "Eta"), ('Θ', "Theta"), ('Ι', "Iota"), ('Κ', "Kappa"), ('Λ', "Lambda"), ('Μ', "Mu"),
    ('Ν', "Nu"), ('Ξ', "Xi"), ('Ο', "Omicron"), ('Π', "Pi"), ('Ρ', "Rho"), ('Σ', "Sigma"),
    ('Τ', "Tau"), ('Υ', "Upsilon"), ('Φ', "Phi"), ('Χ', "Chi"), ('Ψ', "Psi"), ('Ω', "Omega"),
    // Other shapes of the same letters, and signs that look like them.
    ('ϵ', "epsilon"), ('ϑ', "theta"), ('ϰ', "kappa"), ('ϖ', "pi"), ('ϱ', "rho"), ('ς', "sigma"),
    ('ϕ', "phi"), ('ϐ', "beta"), ('µ', "mu"), ('∆', "Delta"), ('Ω', "Omega"),
    // Signs that are names.
    ('∑', "sum"), ('∏', "prod"), ('∞', "inf"),
];

/// A name in Latin letters: `φ_0` is `phi_0`.
pub fn latin(name: &str) -> Cow<'_, str> {
    if name.is_ascii() {
        return name.into();
    }
    let mut out = String::new();
    for c in name.chars() {
        match LETTERS.iter().find(|(letter, _)| *letter == c) {
            Some((_, word)) => out.push_str(word),
            None => out.push(c),
        }
    }
    out.into()
}
