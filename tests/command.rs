//! The command as a user meets it: interrupts, the prompt, places that cannot be written.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn moyal() -> Command {
    Command::new(env!("CARGO_BIN_EXE_moyal"))
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a program, interrupts it after so long, and tells how long it took to end.
#[cfg(unix)]
fn interrupted(name: &str, text: &str, after: Duration) -> (Output, Duration) {
    let mut command = moyal();
    command.arg("run").arg(file(name, text)).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    std::thread::sleep(after);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let start = Instant::now();
    (child.wait_with_output().unwrap(), start.elapsed())
}

/// Half a second above the promise, for a machine that has other work.
#[cfg(unix)]
const SOON: Duration = Duration::from_millis(1500);

#[test]
#[cfg(unix)]
fn an_interrupt_tells_how_far_a_sampler_came() {
    let text = "action S(x: real) = x^2\nprint(\"before\")\nlet run = hmc(S, draws: 3_000_000, chains: 1, keep: x -> 1)\nprint(\"{mean(run)}\")\n";
    let (output, time) = interrupted("interrupt_loop.moy", text, Duration::from_secs(2));
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(time < SOON, "{time:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "before\n");
    assert!(said(&output).contains("stopped") && said(&output).contains("let run = hmc"), "{}", said(&output));
    assert!(said(&output).contains("of 3000000 turns of its loop were done"), "{}", said(&output));
}

#[test]
#[cfg(unix)]
fn an_interrupt_ends_a_long_step_too() {
    let text = "let a = [sin(i * j) for i in 3000, j in 3000]\nlet b = inverse(a)\nprint(\"{b[0, 0]}\")\n";
    let (output, time) = interrupted("interrupt_step.moy", text, Duration::from_secs(2));
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(time < SOON, "{time:?}");
    assert!(said(&output).contains("stopped") && said(&output).contains("let b = inverse(a)"), "{}", said(&output));
}

#[test]
fn the_prompt_knows_the_library_from_its_first_entry() {
    let mut child = moyal().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"?hmc\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("Hybrid Monte Carlo"));
}

#[test]
fn a_directory_that_cannot_be_made_is_refused_before_the_run() {
    let program = file("no_directory.moy", "print(\"ran\")\n");
    let output = moyal().arg("run").arg(&program).arg("--out").arg(program.join("below")).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(said(&output).contains("nothing can be written to"), "{}", said(&output));
}

#[test]
fn types_at_the_prompt_say_the_conventions_of_processes() {
    let text = "\
process geometric(x: real[2], t) { d x = x ∘ dW }
:type geometric
action S(z: complex) = abs(z)^2
process relaxing(z: complex) { d z = -grad(S)(z) * dt + √2 * dZ }
:type relaxing
:type flow(relaxing, score: (z, t) -> -2 * z)
process rotated(q: real, p: real) { noise dB: real[1]; d q = p * dt; d p = [q] @ dB }
:type rotated
:type [mean(x) for x in [[1.0, 2.0]]]
:type let x = 3
:type
";
    let mut child = moyal().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout).to_string();
    for line in [
        "geometric: the process geometric(x: real[2], t)",
        "  d x = x ∘ dW",
        "  kind of noise: diagonal (",
        "    at x = [1, 1], t = 0.5: as written [0, 0], Itô's [0.5, 0.5]",
        "  dZ: dW₁ + i dW₂, two real noises, E|dZ|² = 2 dt",
        "    with grad = ∂/∂Re + i ∂/∂Im",
        "    the stationary weight exp(-S)",
        "  kind of noise: additive (",
        "the probability flow of relaxing(z: complex)",
        "  it has no noise",
        "  dB: real[1], of unit rate in each component",
        ": real[1]",
    ] {
        assert!(out.contains(line), "{line} is missing in\n{out}\n{}", said(&output));
    }
    assert!(said(&output).contains("this is a statement") && said(&output).contains("`:type` wants an expression"), "{}", said(&output));
    assert!(!out.contains("NaN"));
}
