//! Every file below tests/language is a program with its expectation in the same file: lines `#> …` at its end are what it
//! prints, lines `#! …` what is said of its mistakes. Each runs interpreted, and compiled on 1, 2, 3 and 5 threads; all
//! must say the same, to the letter. `# arguments: --kappa 0.3` in the first line adds to the command line.
//!
//! `UPDATE=1 cargo test --release --test language` writes down what is said now: read the difference before it is kept. `ONLY=process` takes
//! the programs whose path has that in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

mod expectation;
use expectation::{is_expectation, moyal, said};

const WAYS: &[&[&str]] = &[&["--interpret", "--threads", "1"], &["--threads", "1"], &["--threads", "2"], &["--threads", "3"], &["--threads", "5"]];

#[test]
fn every_program_says_what_is_expected_on_every_engine() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language");
    let mut files = vec![];
    collect(&root, &mut files);
    files.sort();
    assert!(files.len() > 20, "the programs of tests/language are missing");
    if let Ok(part) = std::env::var("ONLY") {
        files.retain(|file| file.strip_prefix(&root).unwrap().to_string_lossy().contains(&part));
        assert!(!files.is_empty(), "no program's path has {part} in it");
    }
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(vec![]));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = check(file, &root) {
                        failures.lock().unwrap().push(why);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    println!("{} programs, {} ways each", files.len(), WAYS.len());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "moy") {
            files.push(path);
        }
    }
}

fn check(file: &Path, root: &Path) -> Result<(), String> {
    let text = fs::read_to_string(file).unwrap();
    let program: Vec<&str> = text.lines().filter(|l| !is_expectation(l)).collect();
    let program = program.join("\n").trim_end().to_string() + "\n";
    let expected: Vec<&str> = text.lines().filter(|l| is_expectation(l)).collect();
    let arguments: Vec<&str> = program
        .lines()
        .next()
        .and_then(|l| l.strip_prefix("# arguments: "))
        .map(|a| a.split_whitespace().collect())
        .unwrap_or_default();
    let name = file.strip_prefix(root).unwrap().display().to_string();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name.replace(['/', '.'], "-"));
    fs::create_dir_all(&folder).unwrap();
    let stem = file.file_name().unwrap().to_string_lossy().to_string();
    fs::write(folder.join(&stem), &program).unwrap();
    let mut first: Option<Vec<String>> = None;
    for way in WAYS {
        let said = run(&folder, &stem, &arguments, way);
        match &first {
            None => first = Some(said),
            Some(other) if *other != said => {
                return Err(format!("{name}: {way:?} differs from {:?}\n{}\n--- instead of\n{}", WAYS[0], said.join("\n"), other.join("\n")));
            }
            Some(_) => {}
        }
    }
    let said = first.unwrap();
    if std::env::var("UPDATE").is_ok() {
        fs::write(file, format!("{program}\n{}\n", said.join("\n"))).unwrap();
        return Ok(());
    }
    if said == expected {
        return Ok(());
    }
    Err(format!("{name} says\n{}\n--- instead of\n{}", said.join("\n"), expected.join("\n")))
}

fn run(folder: &Path, file: &str, arguments: &[&str], way: &[&str]) -> Vec<String> {
    // How far a long run has come depends on the machine: `--quiet`.
    said(&moyal(folder).args(["run", file, "--quiet"]).args(arguments).args(way).output().unwrap())
}
