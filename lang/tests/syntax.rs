//! What is read, how it is printed, and what is said about what cannot be read.

use moyal_lang::diagnostic::Diagnostic;
use moyal_lang::source::Source;
use moyal_lang::syntax::ast::*;
use moyal_lang::syntax::{parse, print};
use std::sync::Arc;

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source { name: "§".to_string(), text: text.to_string() })
}

fn read(text: &str) -> (Program, Vec<Diagnostic>) {
    parse(&source(text))
}

fn said(diagnostics: &[Diagnostic]) -> String {
    let lines = diagnostics.iter().map(|d| {
        let labels: Vec<String> =
            d.labels.iter().map(|(s, t)| format!("line {} `{}`: {t}", s.line(), s.text())).collect();
        format!("{}\n    {}\n    help: {}", d.message, labels.join("\n    "), d.help.as_deref().unwrap_or(""))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn programs() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/syntax");
    let mut found: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "moy"))
        .map(|p| (p.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(&p).unwrap()))
        .collect();
    found.sort();
    found
}

#[test]
fn the_programs_are_read() {
    for (name, text) in programs() {
        let (program, diagnostics) = read(&text);
        assert!(diagnostics.is_empty(), "{name}\n{}", said(&diagnostics));
        assert!(program.statements.len() > 5, "{name}");
    }
}

/// The tree as text, without places.
fn tree(program: &Program) -> String {
    let text = format!("{program:?}");
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(n) = rest.find("§:") {
        out.push_str(&rest[..n]);
        rest = rest[n + "§:".len()..].trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    }
    out + rest
}

fn round_trip(text: &str) {
    let (program, diagnostics) = read(text);
    assert!(diagnostics.is_empty(), "{text}\n{}", said(&diagnostics));
    let printed = print::program(&program);
    let (again, diagnostics) = read(&printed);
    assert!(diagnostics.is_empty(), "{text}\nis printed as\n{printed}\n{}", said(&diagnostics));
    assert_eq!(tree(&program), tree(&again), "{text}\nis printed as\n{printed}");
    assert_eq!(printed, print::program(&again));
}

#[test]
fn printing_the_programs_keeps_them() {
    for (_, text) in programs() {
        round_trip(&text);
    }
}

/// What stands in the description of the language, and what is like it.
#[rustfmt::skip]
const SNIPPETS: &[&str] = &[
    "use rmt", "use \"file.moy\"", "use \"file.moy\" as f", "use rmt as r",
    "param L      = 32      \"sites per side\"", "param n: int = 3", "lattice Λ = torus(L, L)",
    "## Its documentation.\n## Two lines.\nfn f(x) = x",
    "fn f[m, T](x: T[m]) = x", "fn f(x: real[n, m], n: int = 3, g): real = x", "fn f() { 1 }", "fn f(x,) = x",
    "action S(φ: real[Λ], m = 1) = sum(φ[x]^2 for x in Λ)",
    "process p(φ: real, t) { d φ = a * dt + b * dW }",
    "process p[n](x: real[n], v: real[n]) { noise dB: real[k]; let B = f(x); d x = v * dt; d v = B @ dB\n }",
    "process p(x: complex) { d x = -grad(S)(x) * dt + √2 * dZ }", "process p(x: real) { d x = b ∘ dW }",
    "process p(x: real) { d x = b o dW }",
    "layer dense[m](x: f32[m], n: int) { weight W: f32[n, m] ~ normal(0, 1/√m); weight b: f32[n] = 0; W @ x + b }",
    "layer l(x: f32) { weight W: f32[3] = 0 frozen\n W @ x }",
    "network score(φ: f32[Λ], t: f32) = nets.unet(φ, t, channels: (16, 32)) / kernel(noising).std(t)",
    "test \"name\" { assert a == b }", "assert steps % frames == 0, \"{steps} is odd\"", "test \"empty\" {}",
    "let x: real[n] ~ normal(0, 1)", "x ~ normal(0, 1)", "var x = 1", "h[i] = row", "s.field[1, ..].a = 3", "let (a, b) = f(x)",
    "for v in A { print(v) }", "for (name, x) in {a: 1, b: x} {\n print(name)\n\n print(x)\n}", "while x < 1 { x = x + 1 }",
    "if a { b }", "if a { b } else if c { d } else { e }", "let y = if a { 1 } else { 2 } + 3",
    "x as f32", "θ as real", "x as (real, int)", "x as {a: real, b: int[3]}", "x as SU(3)[Λ, Λ.directions]", "x as site(Λ)",
    "x as direction(Λ)[2]", "-x as f32", "x as f32 * 2", "x as complex^2",
    "[expr for i in A, j in B]", "sum(e for x in A if x > 1)", "mean(x)", "x[i]", "x[.., -1]", "x[2..5]", "φ[Λ.even]", "x[..]",
    "A @ B", "A'", "A''", "W' @ W", "v @ W'", "x -> x^2", "(x, t) -> x + t", "() -> 1", "x -> y -> x + y", "x -> { let a = 1; a + x }",
    "x -> {a: 1}", "x |> dense(64)", "x |> first", "[φ] |> dense(64) |> silu", "x |> f(a)(b)", "x |> a.b.c", "x |> (y -> y^2)",
    "x |> f(n: 3) |> g", "{a: 1, b: x}", "{a: 1}.a", "(1, x)", "()", "3i", "2.5i", "1e-3", "2_000", "1.5e+10", "1E5", "0.0", "1..5", "a..b + 1",
    "1.5..2.5", "n - 1..n", "a.b", "a.b.c(d)[e]'", "f(a, n: 3)", "f(\n  a,\n  n: 3,\n)", "[a, b,\n c]", "[]", "f()",
    "√2", "√m", "√(a + b)", "√abs(x)", "√φ[x]", "√Λ.volume", "√√x", "∇S", "∇S(φ)", "∇(S)", "∑(x for x in A)", "∏(A)", "-∞",
    "x²", "x⁻¹", "x¹⁰", "a'²", "f(x)²", "-x²", "2^x²", "x²^3",
    "-x^2", "2^-x", "2^-x^2", "2^3^2", "(2^3)^2", "a - b - c", "a - (b - c)", "a / b / c", "a // b % c", "not a == b", "(not a) == b",
    "a == (not b)", "not not a", "a and not b or c", "a and (b or c)", "--x", "-(-x)", "(-x)^2", "-(x + y)", "a - -b", "(a < b) == (c < d)",
    "(1..2)..3", "a ≤ b", "a ≥ b", "a ≠ b", "a o b", "o + o", "o o o", "d + t * dW", "let o = 3", "f(o)", "for x ∈ A { }", "x → x^2",
    "\"\"", "\"a {x} b {y:.3} c {z : e} {{not}} \"", "\"{{\"", "\"}}\"", "\"{f(x, n: 3):8.3}\"", "\"{ {a: 1}.a }\"", "\"<z^{n}> {1 / 2}\"",
    "\"{if a { b; c } else { d }}\"", "\"# no comment\"", "a; b;; c;", "\n\n\na\n\n", "f(x # comment\n , y)", "a = # comment\n 3",
    "let action = 1\nlet weight = test + param + use + process\nlattice[3] = layer.network", "noise", "frozen(x)",
    "f(if a { b } else { c }, x -> { y\n z })", "(if a { b } else { c })(d)", "(x -> x)(3)", "(2).a", "(a + b)'", "(a * b)^c", "a * b^c",
    "let f = (x -> x) |> map(A)", "{ a: {b: {c: 1}} }", "1 -1", "a -1", "[1 -1]", "x'-1", "not (a and b)", "true and false", "φ_0 + Δt + μ2", "ϕ + ϵ",
    "fn f(x) {\n  fn g(y) = y\n  process p(z: real) { d z = dW }\n  lattice Λ = torus(2)\n  g(x)\n}",
    "let a = [\n  x -> {\n    let b = 1\n\n    b\n  },\n]", "f(x) \n  \n", "\u{feff}let a = 1", "let a\u{a0}= 1", "a\r\nb\r\n",
    "if c { {a: 1} } else { {a: 2} }", "for x in 3 { for y in 4 { } }", "∑(φ[x]² for x ∈ Λ)",
];

#[test]
fn printing_snippets_keeps_them() {
    for text in SNIPPETS {
        round_trip(text);
    }
}

/// Two texts that are the same program.
#[rustfmt::skip]
const SAME: &[(&str, &str)] = &[
    ("φ + ϕ", "phi + phi"), ("ε + ϵ + θ + ϑ + µ", "epsilon + epsilon + theta + theta + mu"), ("Λ", "Lambda"), ("Δt", "Deltat"), ("∆t", "Deltat"),
    ("φ_0", "phi_0"), ("∑(x for x ∈ A)", "sum(x for x in A)"), ("∏(A)", "prod(A)"), ("∞", "inf"), ("√2", "sqrt(2)"), ("√√x", "sqrt(sqrt(x))"),
    ("√abs(x)[1].a'", "sqrt(abs(x)[1].a')"), ("√(a + b)", "sqrt(a + b)"), ("-√2^2", "-sqrt(2)^2"), ("∇S", "grad(S)"), ("∇S(φ)", "grad(S)(phi)"), ("∇(S)(φ)", "grad(S)(phi)"),
    ("x²", "x^2"), ("x⁻¹²", "x^-12"), ("2^x²", "2^(x^2)"), ("x²^3", "(x^2)^3"), ("-x²", "-(x^2)"), ("a ∘ b", "a o b"), ("a ≤ b", "a <= b"), ("a ≥ b", "a >= b"),
    ("a ≠ b", "a != b"), ("x → x", "x -> x"), ("x |> f", "f(x)"), ("x |> f(a)", "f(x, a)"), ("x |> f(n: 3) |> g", "g(f(x, n: 3))"), ("x |> f(a)(b)", "f(a)(x, b)"),
    ("x |> (f(a))", "f(a)(x)"), ("a + b |> f", "f(a + b)"), ("x |> f[1]", "f[1](x)"), ("-x^2", "-(x^2)"), ("2^-x", "2^(-x)"), ("2^3^4", "2^(3^4)"), ("a - b - c", "(a - b) - c"),
    ("a / b * c", "(a / b) * c"), ("a o b * c", "(a o b) * c"), ("not a == b", "not (a == b)"), ("a or b and c", "a or (b and c)"), ("not a and b", "(not a) and b"), ("a..b + 1", "a..(b + 1)"),
    ("a < b..c", "a < (b..c)"), ("-x as f32", "(-x) as f32"), ("a * b as f32", "a * (b as f32)"), ("a^b as f32", "(a^b) as f32"), ("-a * b", "(-a) * b"), ("2^-x * 3", "(2^(-x)) * 3"),
    ("((((a))))", "a"), ("2_000.000_1", "2000.0001"), ("a;b", "a\nb"), ("let a =\n\n  1", "let a = 1"), ("a +\n  b", "a + b"), ("f(a\n+ b)", "f(a + b)"),
    ("let a: (real) = 1", "let a: real = 1"), ("a o\nb", "a o b"), ("let y = o\nb", "let y = o; b"), ("a'\nb", "a'; b"), ("if c {\n\n a\n\n} else {\n b }", "if c { a } else { b }"),
    ("{a: 1,\n b: 2\n}", "{a: 1, b: 2}"),
];

#[test]
fn spellings_are_one() {
    for (a, b) in SAME {
        let ((first, said_a), (second, said_b)) = (read(a), read(b));
        assert!(said_a.is_empty() && said_b.is_empty(), "{a}\n{}\n{b}\n{}", said(&said_a), said(&said_b));
        assert_eq!(tree(&first), tree(&second), "{a}\n{b}");
    }
}

/// Deep and long texts are read or answered, and never end the process. Run where the stack is small.
#[test]
fn depth_is_bounded() {
    const MANY: usize = 100_000;
    let nests = [
        ("(", ")"),
        ("[", "]"),
        ("{a: ", "}"),
        ("f(", ")"),
        ("x[", "]"),
        ("if c { ", " }"),
        ("x -> { ", " }"),
        ("\"{(", ")}\""),
        ("for x in A { ", " }"),
        ("fn f() { ", " }"),
        ("let a: (", ") = 1"),
        ("(", ""),
        ("[", ""),
        ("{", ""),
        ("", ")"),
        ("", "]"),
        ("", "}"),
        ("-", ""),
        ("--", "x"),
        ("not ", "x"),
        ("√", "x"),
        ("∇", "x"),
        ("x -> ", "y"),
        ("if a { b } else ", "{ c }"),
        ("2^", "2"),
        ("1 + ", "1"),
        ("1 < ", "1"),
        ("a |> ", "b"),
        ("", "'"),
        ("x", "'"),
        ("x", "()"),
        ("x", "[1]"),
        ("x", ".a"),
        ("x", "²"),
        ("x", " as real"),
        ("(x) -> ", "x"),
        ("{", "\n"),
        ("(\n", ""),
        ("f(\nlet a = ", "1"),
        ("a = ", "b"),
        ("a, ", "b"),
        ("[1], ", "2"),
        ("\"", ""),
        ("\"{", ""),
        ("sum(", " for x in A)"),
        ("a\n+", "b"),
        ("# x\n", ""),
        ("\n", ""),
        ("## x\n", "a"),
        ("{ (\n", "]"),
        ("else ", ""),
        ("if ", ""),
        ("1..", ""),
        ("x.", ""),
        ("for ", ""),
        ("a b ", "c"),
        ("/*", ""),
        ("+ ", ""),
        ("a\n", ""),
        ("let a = (\n", ""),
    ];
    let read_all = move || {
        for (open, close) in nests {
            for count in [150, 1000, MANY] {
                for middle in ["x", "1", ""].into_iter().take(if count == MANY { 1 } else { 3 }) {
                    let text = format!("{}{middle}{}", open.repeat(count), close.repeat(count));
                    let begin = std::time::Instant::now();
                    let (program, diagnostics) = read(&text);
                    assert!(
                        program.statements.len() + diagnostics.len() > 0 || open.starts_with(['#', '\n']),
                        "{open} {close}"
                    );
                    assert!(
                        begin.elapsed().as_secs_f64() < 5.0,
                        "{open} {middle} {close} {count}: {:?}",
                        begin.elapsed()
                    );
                    let printed = print::program(&program);
                    if diagnostics.is_empty() {
                        let (_, diagnostics) = read(&printed);
                        assert!(diagnostics.is_empty(), "{open} {close} {count}: {}", said(&diagnostics));
                    }
                }
            }
        }
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(read_all).unwrap().join().unwrap();
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % n.max(1)
    }
}

#[rustfmt::skip]
const FRAGMENTS: &[&str] = &[
    "(", ")", "[", "]", "{", "}", "\"", "'", "#", "##", "\n", ";", ",", ":", "=", "==", "~", "->", "|>", "..", ".", "+", "-", "*", "/", "^", "√", "∇", "∘", "²", "φ", "let ", "for ", "if ", "else ", "in ",
    "fn ", "process ", "d ", "1", "2.", ".5", "x", "and ", "not ", "as ", "**", "&&", "+=", "“", "\u{0}", "ⁿ", "return ", "lambda ", "\"{", "}}", "{{", "o ", "test ", "use ", "param ", "weight ", "/*", "*/",
];

#[test]
fn nothing_breaks_the_parser() {
    let texts: Vec<Vec<char>> = programs().into_iter().map(|(_, t)| t.chars().collect()).collect();
    let mut dice = Dice(20240607);
    for turn in 0..4000 {
        let mut text: Vec<char> = texts[turn % texts.len()].clone();
        // Small texts reach further in.
        let from = dice.below(text.len());
        let length = 1 + dice.below(if turn % 3 == 0 { 2000 } else { 300 });
        text = text[from..(from + length).min(text.len())].to_vec();
        for _ in 0..1 + dice.below(4) {
            let at = dice.below(text.len() + 1).min(text.len());
            match dice.below(4) {
                0 => drop(text.splice(at..(at + 1 + dice.below(8)).min(text.len()), [])),
                1 => drop(text.splice(at..at, [char::from_u32(dice.below(0x2300) as u32).unwrap_or('?')])),
                2 => {
                    let (from, length) = (dice.below(text.len()), dice.below(40));
                    let piece = text[from.min(text.len())..(from + length).min(text.len())].to_vec();
                    drop(text.splice(at..at, piece));
                }
                _ => drop(text.splice(at..at, FRAGMENTS[dice.below(FRAGMENTS.len())].chars().collect::<Vec<_>>())),
            }
        }
        let text: String = text.into_iter().collect();
        let (program, diagnostics) = read(&text);
        for diagnostic in &diagnostics {
            assert!(!diagnostic.labels.is_empty() && diagnostic.help.is_some(), "{text}\n{}", said(&diagnostics));
            for (span, _) in &diagnostic.labels {
                let _ = span.text();
            }
        }
        if diagnostics.is_empty() {
            let printed = print::program(&program);
            let (again, diagnostics) = read(&printed);
            assert!(diagnostics.is_empty(), "{text}\nprinted\n{printed}\n{}", said(&diagnostics));
            assert_eq!(tree(&program), tree(&again), "{text}\nprinted\n{printed}");
        }
    }
}

/// A text that can be read, with `depth` levels.
fn expression(dice: &mut Dice, depth: usize) -> String {
    const INFIX: &[&str] =
        &[" or ", " and ", "==", "!=", "<", "<=", "..", "+", " - ", "*", "/", "//", "%", "@", " o ", "^", " ≥ "];
    if depth == 0 {
        return ["x", "φ", "2", "1.5", "3i", "o", "\"a{x:.3}\"", "true", "∞", "[]"][dice.below(10)].to_string();
    }
    let mut sub = || expression(dice, depth - 1);
    let (a, b) = (sub(), sub());
    match dice.below(24) {
        0..=7 => format!("{a}{}{b}", INFIX[dice.below(INFIX.len())]),
        8 => format!("-{a}"),
        9 => format!("not {a}"),
        10 => format!("{a} as f32"),
        11 => format!("({a})"),
        12 => format!("({a})({b}, n: x)"),
        13 => format!("({a})[{b}, ..]'"),
        14 => format!("({a}).c²"),
        15 => format!("√({a})"),
        16 => format!("{a} |> f({b})"),
        17 => format!("(x -> {a})"),
        18 => format!("(y, z) -> {{ let u = {a}\n {b} }}"),
        19 => format!("if {a} {{ {b} }} else if b {{ {a} }} else {{ x }}"),
        20 => format!("[{a} for (i, j) in {b}]"),
        21 => format!("sum({a} for i in {b} if c)"),
        22 => format!("{{p: {a}, q: {b}}}"),
        _ => format!("({a}, {b})"),
    }
}

#[test]
fn printing_keeps_expressions() {
    let (mut dice, mut kept) = (Dice(3), 0);
    for turn in 0..6000 {
        let text = expression(&mut dice, 1 + turn % 4);
        // Some are chains of comparisons, or an arrow inside an operator.
        if read(&text).1.is_empty() {
            round_trip(&text);
            kept += 1;
        }
    }
    assert!(kept > 2000, "{kept}");
}

/// Bytes in any order.
#[test]
fn noise_is_answered() {
    let mut dice = Dice(7);
    for _ in 0..3000 {
        let text: String = (0..dice.below(60)).map(|_| FRAGMENTS[dice.below(FRAGMENTS.len())]).collect();
        let (program, diagnostics) = read(&text);
        for (span, _) in diagnostics.iter().flat_map(|d| &d.labels) {
            let _ = span.text();
        }
        if diagnostics.is_empty() {
            let printed = print::program(&program);
            let (again, diagnostics) = read(&printed);
            assert!(diagnostics.is_empty(), "{text}\nprinted\n{printed}\n{}", said(&diagnostics));
            assert_eq!(tree(&program), tree(&again), "{text}\nprinted\n{printed}");
        }
    }
}

#[test]
fn reading_is_fast() {
    let text: String = programs().into_iter().filter(|(n, _)| n != "phi4.moy").map(|(_, t)| t).collect();
    let text = text.repeat(500 / text.lines().count() + 1);
    let lines = text.lines().count();
    let best = (0..5).map(|_| {
        let begin = std::time::Instant::now();
        let (_, diagnostics) = read(&text);
        assert!(diagnostics.is_empty());
        begin.elapsed().as_secs_f64() * 1e3 * 500.0 / lines as f64
    });
    let best = best.fold(f64::INFINITY, f64::min);
    println!("500 lines: {best:.2} ms");
    assert!(best < 100.0, "500 lines: {best:.2} ms");
}

/// Wrong programs and what is said about them: `wrong.txt` holds a program, a line of dashes, the reports, a line of
/// equals signs. With MOYAL_BLESS=1 the reports are written anew, for reading through before they are recorded.
#[test]
fn mistakes_are_explained() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/syntax/wrong.txt");
    let cases = std::fs::read_to_string(path).unwrap();
    let (mut written, mut different) = (String::new(), vec![]);
    for case in cases.split("\n====\n").filter(|c| !c.trim().is_empty()) {
        let (text, expected) = case.split_once("\n----\n").unwrap_or((case, ""));
        let found = said(&read(text).1);
        assert!(!found.is_empty(), "nothing is wrong with\n{text}");
        if found != expected {
            different.push(format!("{text}\n--- expected\n{expected}\n--- found\n{found}"));
        }
        written += &format!("{text}\n----\n{found}\n====\n");
    }
    match std::env::var("MOYAL_BLESS") {
        Ok(_) => std::fs::write(path, written).unwrap(),
        Err(_) => assert!(different.is_empty(), "{}", different.join("\n\n")),
    }
}

/// No message may speak of what only we know.
#[test]
fn messages_are_for_physicists() {
    let cases = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/syntax/wrong.txt")).unwrap();
    assert!(cases.matches("\n====\n").count() > 100);
    for case in cases.split("\n====\n") {
        let reports = case.split_once("\n----\n").map_or("", |(_, r)| r);
        for word in ["_word", "token", "Rule", "parse", "syntax", "expected", "EOI", "identifier", "lexer", "postfix"] {
            assert!(!reports.contains(word), "{word}: {case}");
        }
    }
}

/// The text at every place of the tree is the text of what stands there.
#[test]
fn places_point_at_the_text() {
    let (program, _) =
        read("# φ\nlet m = [ f( a )² for (x, y) in A ] # here\nfn g(x: real[n]): int = x -> \"κ{ √a.b[1] :.3}\"\n");
    let StatementKind::Let { value, .. } = &program.statements[0].kind else { panic!() };
    assert_eq!(program.statements[0].span.text(), "let m = [ f( a )² for (x, y) in A ]");
    assert_eq!(program.statements[0].span.line(), 2);
    assert_eq!(value.span.text(), "[ f( a )² for (x, y) in A ]");
    let ExprKind::Comprehension(c) = &*value.kind else { panic!() };
    assert_eq!(c.body.span.text(), "f( a )²");
    let ExprKind::Binary { left, right, op_span, .. } = &*c.body.kind else { panic!() };
    assert_eq!((left.span.text(), right.span.text(), op_span.text()), ("f( a )", "²", "²"));
    let Pattern::Tuple(names, span) = &c.generators[0].0 else { panic!() };
    assert_eq!((names[1].span.text(), span.text(), c.generators[0].1.span.text()), ("y", "(x, y)", "A"));
    let StatementKind::Function(g) = &program.statements[1].kind else { panic!() };
    assert_eq!(g.parameters[0].ty.as_ref().unwrap().span.text(), "real[n]");
    assert_eq!(g.result.as_ref().unwrap().span.text(), "int");
    assert_eq!(g.body.span.text(), "x -> \"κ{ √a.b[1] :.3}\"");
    let ExprKind::Lambda { body, .. } = &*g.body.kind else { panic!() };
    let ExprKind::Str(parts) = &*body.kind else { panic!() };
    let StringPart::Value { value, format } = &parts[1] else { panic!() };
    assert_eq!((value.span.text(), format.as_deref()), ("√a.b[1]", Some(".3")));
    let ExprKind::Call { function, arguments } = &*value.kind else { panic!() };
    assert_eq!((function.span.text(), arguments[0].value.span.text()), ("√", "a.b[1]"));

    let (program, _) = read("(a + b) * c |> f(d)");
    let StatementKind::Expr(piped) = &program.statements[0].kind else { panic!() };
    assert_eq!(piped.span.text(), "(a + b) * c |> f(d)");
    let ExprKind::Call { function, arguments } = &*piped.kind else { panic!() };
    assert_eq!(
        (function.span.text(), arguments[0].value.span.text(), arguments[1].value.span.text()),
        ("f", "(a + b) * c", "d")
    );
    let ExprKind::Binary { left, .. } = &*arguments[0].value.kind else { panic!() };
    assert_eq!(left.span.text(), "(a + b)");
}

#[test]
fn documentation_belongs_to_the_next_line() {
    let (program, _) = read(
        "## Of the file.\n\n## One.\n##\n##  Two.\nfn f(x) = x\n## Of L.\nparam L = 3\nlet a = 1 ## none\nlet b = 2\n### none\nlet c = 3\nfn g() {\n    ## Inner.\n    fn h() = 1\n    h()\n}",
    );
    let docs: Vec<Option<&str>> = program.statements.iter().map(|s| s.doc.as_deref()).collect();
    assert_eq!(docs, [Some("One.\n\n Two."), Some("Of L."), None, None, None, None]);
    let StatementKind::Function(f) = &program.statements[0].kind else { panic!() };
    assert_eq!(f.doc.as_deref(), Some("One.\n\n Two."));
    let StatementKind::Function(g) = &program.statements[5].kind else { panic!() };
    let ExprKind::Block(block) = &*g.body.kind else { panic!() };
    assert_eq!(block.statements[0].doc.as_deref(), Some("Inner."));
}

/// What can be read is read, whatever stands around it.
#[test]
fn the_rest_is_read() {
    let (program, diagnostics) =
        read("let a = (1\nlet b = 2\nlet c = 3 3\nfn f(x) {\n    let y = 1 +\n}\nlet d = 4\nlet e = [1)\nlet g = 5\n");
    let names: Vec<String> =
        program.statements.iter().map(|s| print::statement(s).lines().next().unwrap().to_string()).collect();
    assert_eq!(names, ["let b = 2", "fn f(x) {}", "let d = 4", "let g = 5"]);
    assert_eq!(diagnostics.len(), 4, "{}", said(&diagnostics));
    assert!(diagnostics.iter().all(|d| d.severity == moyal_lang::diagnostic::Severity::Error));
}
