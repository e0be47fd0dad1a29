//! `moyal verify` passes where all is right and names the check that fails. Each file of tests/verify says in its first line
//! which checks must fail: `# fails: one; another`. Others of the same sampler may fail with them; where none is named, none may.
//! Lines `# says: …` are advice that must be given.

use std::path::Path;
use std::process::Command;

/// The names of the checks that fail, whether the command says so, and all that it says.
fn failing(file: &Path, arguments: &[&str]) -> (Vec<String>, bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_moyal")).arg("verify").arg(file).args(arguments).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("checks"), "{}: {said}{}", file.display(), String::from_utf8_lossy(&output.stderr));
    let failed = said.lines().filter(|l| l.ends_with("FAILED") && !l.contains("checks FAILED") || l.starts_with("FAILED"));
    let name = |line: &str| {
        let line = line.trim().trim_start_matches("FAILED").trim();
        line.split("  ").next().unwrap_or(line).to_string()
    };
    (failed.map(name).collect(), output.status.success(), said.clone())
}

#[test]
fn wrong_programs_fail_the_right_check() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verify");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 5);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let first = text.lines().next().and_then(|l| l.strip_prefix("# fails:")).expect("a first line with what fails");
        let expected: Vec<&str> = first.split(';').map(str::trim).filter(|c| !c.is_empty()).collect();
        let (failed, success, said) = failing(&file, &[]);
        assert_eq!(success, expected.is_empty(), "{}: {failed:?}", file.display());
        for check in &expected {
            assert!(failed.iter().any(|f| f == check), "{}: `{check}` passes; failing: {failed:?}", file.display());
        }
        assert!(!expected.is_empty() || failed.is_empty(), "{}: {failed:?}", file.display());
        for advice in text.lines().filter_map(|l| l.strip_prefix("# says: ")) {
            assert!(said.contains(advice), "{}: does not say {advice}\n{said}", file.display());
        }
    }
}

#[test]
fn every_example_is_verified() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        if path.extension().is_some_and(|e| e == "moy") && text.contains("\naction ") {
            // Small lattices are enough here.
            let small: &[&str] = if path.ends_with("critical_slowing_down.moy") { &["--L", "4"] } else { &[] };
            let (failed, success, _) = failing(&path, small);
            assert_eq!((failed, success), (vec![], true), "{}", path.display());
        }
    }
}
