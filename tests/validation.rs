//! Programs of validation/ against values of another calculation, against exact ones, and against each other. They take minutes
//! and are run by hand; docs/validation.md has what they give:
//! `cargo test --release --test validation -- --ignored --nocapture --test-threads 1`.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// What a program prints, and what it is warned of.
fn printed(file: &str, arguments: &str) -> (String, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("validation").join(file);
    let output =
        Command::new(env!("CARGO_BIN_EXE_moyal")).arg("run").arg(path).args(arguments.split_whitespace()).arg("--quiet").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).to_string();
    assert!(output.status.success(), "{file} {arguments}: {said}");
    (String::from_utf8(output.stdout).unwrap(), said)
}

fn is_doubted(file: &str, arguments: &str) -> bool {
    printed(file, arguments).1.contains("can't be trusted")
}

/// What a program prints that is not warned of anything.
fn run(file: &str, arguments: &str) -> String {
    let (text, said) = printed(file, arguments);
    assert_eq!(said, "", "{file} {arguments}");
    text
}

/// The name of an observable, its value and its error.
fn observables(text: &str) -> Vec<(String, f64, f64)> {
    let one = |line: &str| {
        let (name, _) = line.split_once("  ")?;
        let (value, error) = line.split_once("   (")?.1.trim_end_matches(')').split_once(", ")?;
        Some((name.to_string(), value.parse().ok()?, error.parse().ok()?))
    };
    text.lines().filter_map(one).collect()
}

/// The numbers after a word, one a line.
fn after(text: &str, word: &str) -> Vec<f64> {
    let number = |line: &str| line.split_once(word)?.1.split_whitespace().next()?.trim_end_matches("e-4").parse().ok();
    text.lines().filter_map(number).collect()
}

/// Arguments of phi4.moy, and the six observables with errors of another calculation.
const TABLE: &[(&str, [(f64, f64); 6])] = &[
    (
        "--L 16 --kappa 0.26 --draws 10_000",
        [(0.25341, 0.00078), (24.88, 0.14), (8.44, 0.06), (0.120, 0.004), (0.91694, 0.00064), (0.45051, 0.00030)],
    ),
    (
        "--L 16 --kappa 0.27 --draws 10_000",
        [(0.7611, 0.0018), (172.43, 0.64), (24.12, 0.12), (0.5313, 0.0011), (1.4569, 0.0017), (0.39458, 0.00030)],
    ),
    (
        "--L 32 --kappa 0.26 --draws 4_000",
        [(0.12605, 0.00050), (25.34, 0.19), (9.07, 0.08), (0.034, 0.006), (0.91084, 0.00030), (0.45107, 0.00022)],
    ),
    (
        "--L 32 --kappa 0.50 --draws 4_000 --length 1.0 --steps 10",
        [(4.83002, 0.00013), (23889.3, 1.3), (0.248, 0.002), (0.6666528, 0.0000001), (23.4624, 0.0012), (-11.88193, 0.00026)],
    ),
];

#[test]
#[ignore = "minutes"]
fn phi4_in_two_dimensions_against_another_calculation() {
    let mut far = vec![];
    for (arguments, known) in TABLE {
        let start = Instant::now();
        let text = run("phi4.moy", arguments);
        println!("phi4.moy {arguments}: {:.0} s\n{text}", start.elapsed().as_secs_f64());
        let found = observables(&text);
        assert_eq!(found.len(), known.len(), "{text}");
        for ((name, value, error), (expected, its_error)) in found.iter().zip(known) {
            let pull = (value - expected) / error.hypot(*its_error);
            println!("{name:18} pull {pull:.2}, error {:.2} of the other", error / its_error);
            if pull.abs() > 3.0 || error > its_error {
                far.push(format!("{arguments}: {name} pull {pull:.2}, error {error} against {its_error}"));
            }
        }
    }
    assert!(far.is_empty(), "{}", far.join("\n"));
}

/// A κ and an L that are not in the table.
#[test]
#[ignore = "minutes"]
fn two_samplers_of_phi4_agree() {
    let size = "--L 24 --kappa 0.265 --draws 6_000";
    let texts = ["--sampler cluster", "--sampler hmc"].map(|sampler| run("phi4.moy", &format!("{size} {sampler}")));
    println!("{}\n{}", texts[0], texts[1]);
    let found = texts.map(|text| observables(&text));
    for ((name, x, dx), (_, y, dy)) in found[0].iter().zip(&found[1]) {
        let pull = (x - y) / dx.hypot(*dy);
        println!("{name:18} {x:.6} ± {dx:.6}   {y:.6} ± {dy:.6}   pull {pull:.2}");
        assert!(pull.abs() < 3.0, "{name}: {pull}");
    }
}

#[test]
#[ignore = "a minute"]
fn exact_values_to_one_in_ten_thousand() {
    for file in ["free_field.moy", "chain.moy"] {
        let start = Instant::now();
        let text = run(file, "");
        println!("{file}: {:.0} s\n{text}", start.elapsed().as_secs_f64());
        assert!(after(&text, "pull ").iter().all(|pull| pull.abs() < 3.0), "{text}");
        assert!(after(&text, "relative error ")[0] <= 1.0, "{text}");
    }
}

/// Cumulants to order 8 under VE noise, to one per cent.
#[test]
#[ignore = "seconds"]
fn cumulants_of_two_peaks() {
    let start = Instant::now();
    let text = run("cumulants.moy", "");
    println!("cumulants.moy: {:.0} s\n{text}", start.elapsed().as_secs_f64());
    assert_eq!(after(&text, "pull ").len(), 12);
    assert!(after(&text, "pull ").iter().all(|pull| pull.abs() < 3.0), "{text}");
    assert!(after(&text, "relative error ").iter().all(|ten_thousandths| *ten_thousandths < 100.0), "{text}");
}

/// The pulls (ours − exact)/error of 200 seeds: of mean 0 within 0.2 and of variance 0.7 to 1.3.
#[test]
#[ignore = "a minute"]
fn pulls_over_seeds() {
    let ways = [("free_field.moy", "--chains 8 --draws 500 --warmup 50"), ("chain.moy", "--chains 8 --draws 1000 --warmup 50")];
    for (file, arguments) in ways {
        let of_seed = |seed: u64| after(&printed(file, &format!("{arguments} --seed {seed}")).0, "pull ");
        let pulls: Vec<Vec<f64>> = (1..=200).map(of_seed).collect();
        for k in 0..pulls[0].len() {
            let n = pulls.len() as f64;
            let mean = pulls.iter().map(|p| p[k]).sum::<f64>() / n;
            let variance = pulls.iter().map(|p| (p[k] - mean).powi(2)).sum::<f64>() / (n - 1.0);
            let inside = pulls.iter().filter(|p| p[k].abs() < 1.0).count();
            println!("{file} observable {}: mean {mean:.3}, variance {variance:.3}, {inside} of 200 within the error", k + 1);
            assert!(mean.abs() < 0.2 && (0.7..1.3).contains(&variance), "{file} observable {}", k + 1);
        }
    }
}

/// How often a run is doubted: long ones of each kind seldom, short ones always.
#[test]
#[ignore = "a minute"]
fn doubts_about_phi4() {
    let doubted = |arguments: &str| (1..=100).filter(|seed| is_doubted("phi4.moy", &format!("--L 8 {arguments} --seed {seed}"))).count();
    for (what, arguments, range) in [
        ("healthy, 32 chains of 300 tau", "--kappa 0.26 --draws 500", 0..=3),
        ("healthy, 8 chains of 300 tau", "--kappa 0.26 --chains 8 --draws 500", 0..=3),
        ("too short", "--kappa 0.27 --chains 4 --draws 100 --sampler hmc --length 1.0 --steps 10", 99..=100),
        ("no warm-up", "--kappa 0.26 --chains 8 --draws 1000 --sampler hmc --length 0.1 --steps 2 --warmup 0", 99..=100),
        ("hmc in two wells", "--kappa 0.5 --chains 8 --draws 400 --sampler hmc --length 1.0 --steps 10", 0..=100),
    ] {
        let found = doubted(arguments);
        println!("{what}: {found} of 100 ({arguments})");
        assert!(range.contains(&found), "{what}: {found}");
    }
}

/// Schemes whose strong order on a process is better than what their paper states for all of its kind.
const BETTER: &[&str] = &["rossler on linear", "heun on commuting", "platen on commuting", "heun on area", "platen on area"];

/// The order of each scheme on each kind of process: strong ones within 0.2 of those stated, weak ones within 0.3, and their errors.
#[test]
#[ignore = "two minutes"]
fn orders_of_schemes() {
    let text = run("orders.moy", "");
    println!("{text}");
    let mut count = 0;
    for line in text.lines() {
        let (what, numbers) = line.split_once(": strong ").expect("a scheme on a process");
        let numbers: Vec<f64> = numbers.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
        let [strong, strong_error, stated_strong, weak, weak_error, stated_weak] = numbers[..] else { panic!("{line}") };
        let better = BETTER.contains(&what) && strong > stated_strong;
        assert!(better || (strong - stated_strong).abs() < 0.2 + 3.0 * strong_error, "{line}");
        assert!((weak - stated_weak).abs() < 0.3 + 3.0 * weak_error, "{line}");
        count += 1;
    }
    assert_eq!(count, 32);
}

/// Whether runs of complex Langevin are believed: where it is right each time, where it fails never, at 1 + 2i, which has no strip and is right
/// to a per cent, each time too.
#[test]
#[ignore = "seven minutes"]
fn verdicts_on_complex_langevin() {
    for (what, arguments, expected) in [
        ("Gaussian, 1 + i", "--which gaussian", 20),
        ("quartic, 1 + i", "--B 1", 20),
        ("quartic, 1 + 2i", "--B 2", 20),
        ("quartic, 1 + 5i", "--B 5", 0),
        ("one plaquette", "--which plaquette", 0),
    ] {
        let texts: Vec<String> = (1..=20).map(|seed| run("complex_langevin.moy", &format!("{arguments} --seed {seed}"))).collect();
        let believed = texts.iter().filter(|text| text.contains("believed true")).count();
        let span = |word: &str| {
            let numbers: Vec<f64> = texts.iter().flat_map(|text| after(text, word)).collect();
            (numbers.iter().copied().fold(f64::INFINITY, f64::min), numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max))
        };
        println!("{what}: {believed} of 20 believed, tail {:?}, largest deviation {:?}", span("tail "), span("largest deviation "));
        assert_eq!(believed, expected, "{what}");
    }
}
