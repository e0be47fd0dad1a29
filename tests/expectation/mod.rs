//! Programs that say in their own text what they must say: lines `#> …` are what is printed, lines `#! …` what is said of
//! mistakes and doubts.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Whether a line is an expectation, and no part of the program.
pub fn is_expectation(line: &str) -> bool {
    line.starts_with("#> ") || line.starts_with("#! ") || line == "#>" || line == "#!"
}

/// The command, which runs in a folder and writes no colours.
pub fn moyal(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moyal"));
    command.current_dir(folder).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// What the command said, as expectations: output, then mistakes.
pub fn said(output: &Output) -> Vec<String> {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let line = |mark: &str, l: &str| format!("{mark} {l}").trim_end().to_string();
    out.lines().map(|l| line("#>", l)).chain(err.lines().map(|l| line("#!", l))).collect()
}
