//! Every example runs to its end, at a small size, and says the same interpreted.

use std::path::Path;
use std::process::Command;

/// The example, and params that make it small.
const SMALL: &[(&str, &[&str])] = &[
    ("phi4.moy", &["--L", "4", "--chains", "2", "--draws", "40"]),
    ("free_field.moy", &["--L", "4", "--draws", "40"]),
    ("chain.moy", &["--N", "4", "--draws", "40", "--nodes", "21"]),
    ("double_well.moy", &["--chains", "4", "--draws", "5"]),
    ("noised_well.moy", &["--paths", "3", "--steps", "2", "--nodes", "9"]),
    ("cumulants.moy", &["--paths", "12", "--steps", "2", "--fewer", "2"]),
    ("kinetic.moy", &["--paths", "12", "--dt", "1"]),
    ("spiral.moy", &["--paths", "4", "--steps", "1"]),
    ("phi4_diffusion.moy", &["--L", "2", "--chains", "2", "--draws", "40", "--fields", "2"]),
    ("complex_langevin.moy", &["--paths", "2000", "--until", "0.02"]),
    ("plaquette.moy", &["--paths", "2000", "--until", "0.02"]),
    ("critical_slowing_down.moy", &["--L", "2", "--chains", "2", "--draws", "40"]),
    ("derivatives.moy", &[]),
];

fn run(file: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_moyal"))
        .arg("run")
        .arg(file)
        .args(arguments)
        .args(["--out", env!("CARGO_TARGET_TMPDIR"), "--quiet"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_example_runs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    files.retain(|f| f.ends_with(".moy"));
    let listed = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for file in files {
        assert!(listed.contains(&format!("`{file}`")), "{file} is not in examples/README.md");
        let (_, small) = SMALL.iter().find(|(name, _)| *name == file).unwrap_or_else(|| panic!("{file} has no small size here"));
        let path = folder.join(&file);
        let compiled = run(&path, small);
        assert!(compiled.lines().count() > 2, "{file} prints next to nothing");
        assert_eq!(compiled, run(&path, &[small, &["--interpret"][..]].concat()), "{file}");
    }
}

/// What the benchmarks race and compile is right, too.
#[test]
fn the_long_program_of_the_benchmarks_runs() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/models/study.moy");
    let small = ["--turns", "2", "--steps", "10"];
    assert!(run(&file, &small).lines().count() > 100);
}
