//! The command as a user meets it: interrupts, the prompt, places that cannot be written.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Once;
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
fn the_prompt_answers_words_of_a_shell() {
    let mut child = moyal().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all("moyal run phi4.moy\nhmc?\n%time 1 + 1\nhelp hmc\n".as_bytes()).unwrap();
    let text = said(&child.wait_with_output().unwrap());
    for sentence in [
        "this is the prompt: `:load phi4.moy` runs a program and keeps its names",
        "what a name means says `?hmc`",
        "how long something takes says `:time 1 + 1`",
    ] {
        assert!(text.contains(sentence), "{text}");
    }
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
#[cfg(target_os = "linux")]
fn a_full_disk_behind_the_output_is_said() {
    let program = file("full_disk.moy", "print(\"ran\")\n");
    let full = std::fs::File::create("/dev/full").unwrap();
    let output = moyal().arg("run").arg(&program).stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said(&output).trim_end(), "moyal: the output cannot be written: the disk is full");
}

/// A command line that is refused: its exit code, and the whole of what is said.
#[track_caller]
fn refused(arguments: &[&str], code: i32, whole: &str) {
    // Tests run beside each other: the program is written once, by the first.
    static WRITTEN: Once = Once::new();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("command-lines");
    WRITTEN.call_once(|| {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("ising.moy"), "param L = 8 \"sites per side\"\nparam beta = 0.4\nprint(\"{L} {beta}\")\n").unwrap();
    });
    let output = moyal().current_dir(&folder).args(arguments).output().unwrap();
    assert_eq!(said(&output).trim_end(), whole);
    assert_eq!(output.status.code(), Some(code));
    assert!(output.stdout.is_empty(), "nothing is printed before the command line is understood");
}

#[test]
fn a_file_that_is_not_there() {
    refused(&["run", "nofile.moy"], 2, "moyal: there is no file nofile.moy");
    refused(&["run", "ising"], 2, "moyal: there is no file ising; did you mean ising.moy?");
    refused(&["check", "."], 2, "moyal: . is a directory");
}

#[test]
fn a_word_that_is_no_verb() {
    refused(&["rnu", "ising.moy"], 2, "moyal: `rnu` is nothing that moyal does; did you mean `moyal run`?");
    refused(&["ising.moy"], 2, "moyal: what is to be done with it? `moyal run ising.moy`");
}

#[test]
fn a_flag_that_is_not_known() {
    refused(&["run", "ising.moy", "--bta", "0.3"], 2, "moyal: there is no param or flag `--bta`; did you mean `--beta`? (the params of ising.moy are L, beta)");
    refused(&["run", "ising.moy", "--LL", "3"], 2, "moyal: there is no param or flag `--LL`; did you mean `--L`? (the params of ising.moy are L, beta)");
    refused(&["run", "ising.moy", "-v"], 2, "moyal: `-v` is not known here: flags begin with two dashes, as in `--seed 7`");
}

#[test]
fn a_flag_without_its_value() {
    refused(&["run", "ising.moy", "--L"], 2, "moyal: `--L` wants a value: `--L VALUE` or `--L=VALUE`");
    refused(&["run", "ising.moy", "-L", "8"], 2, "moyal: `-L` is not known here: flags begin with two dashes, as in `--L`");
    refused(&["run", "ising.moy", "L=8"], 2, "moyal: `L=8` is not known here: a param's value is given as `--L 8`");
    refused(&["run", "ising.moy", "16"], 2, "moyal: `moyal run` takes one program; `16` is a second (a param's value follows its name: `--L 16`)");
    refused(&["run", "--seed", "x", "ising.moy"], 2, "moyal: `--seed` wants a whole number that is not negative, not `x`");
}

#[test]
fn a_param_of_another_type() {
    let place = |line: &str, under: &str, label: &str| format!("\n   ╭─[ising.moy:{line}]\n{under}\n   ·            {label}\n   ╰────\n");
    let sites = place("1:11", " 1 │ param L = 8 \"sites per side\"\n   ·           ┬", "╰── its value here, int").replace("·            ╰", "·           ╰");
    let like = "give a value like the one that stands in the program: `--L 8`";
    let whole_number = "write `--L 100`: with a decimal point or a power of ten it is a real number";
    for (given, found, help) in [("8.5", "real", like), ("many", "no value", like), ("1e2", "real", whole_number)] {
        let whole = format!("  × the param `L` is int, and `--L {given}` gives {found}{sites}  help: {help}");
        refused(&["run", "ising.moy", "--L", given], 1, &whole);
    }
    let beta = place("2:14", " 2 │ param beta = 0.4\n   ·              ─┬─", "   ╰── its value here, real");
    let whole = format!("  × the param `beta` is real, and `--beta 0,44` gives (int, int){beta}  help: a decimal point is meant: `--beta 0.44`");
    refused(&["run", "ising.moy", "--beta", "0,44"], 1, &whole);
}

#[test]
fn a_file_that_does_not_hold_what_was_declared() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("other-size");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("size.moy"), "save(\"x.npy\", [1.0, 2, 3])\nlet y: real[4] = load(\"x.npy\")\n").unwrap();
    let run = || said(&moyal().current_dir(&folder).args(["run", "size.moy", "--quiet"]).output().unwrap());
    // The file is not there when the program is checked, and it is the second time.
    let first = run();
    assert!(first.contains("\"x.npy\" cannot be read: it holds 3 numbers, and 4 numbers were declared"), "{first}");
    let second = run();
    assert!(second.contains("real[4] is needed here, not real[3]"), "{second}");
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

// ---- profiles ----

/// Seconds of the rows of a profile that stand at its left edge, by what the rows say; the whole is the last.
fn profile_rows(text: &str) -> Vec<(f64, String)> {
    let rows = text.lines().skip_while(|l| !l.starts_with("  seconds")).skip(1).take_while(|l| !l.is_empty());
    let number = |row: &str| row.split_whitespace().next().and_then(|word| word.parse().ok());
    // What a line's time was spent on is told below it, behind a dot.
    rows.filter(|row| !row.contains('·')).filter_map(|row| Some((number(row)?, row.to_string()))).collect()
}

const DEAR_LINE: &str = "let cheap = sum(k * 0.5 for k in 100)
fn dear(start) {
    var x = start
    for k in 1_000_000 {
        x = sin(1 + sin(2 + sin(3 + sin(4 + sin(5 + sin(6 + sin(7 + sin(8 + sin(9 + sin(x))))))))))
    }
    x
}
let y = dear(0.3)
print(\"{cheap} {y:.17}\")
";

#[test]
fn a_profile_names_the_dear_line_and_adds_up_to_the_wall_clock() {
    let program = file("dear_line.moy", DEAR_LINE);
    let run = |flags: &[&str]| moyal().arg("run").args(flags).arg(&program).output().unwrap();
    let start = Instant::now();
    let output = run(&["--profile"]);
    let wall = start.elapsed().as_secs_f64();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(output.stdout, run(&[]).stdout, "measuring changes no bit");
    let text = said(&output);
    let rows = profile_rows(&text);
    assert!(rows[0].1.contains(" 5  x = sin(1 + sin(2 +"), "{text}");
    assert!(rows[0].1.contains(" 1_000_000 "), "{text}");
    let (total, last) = rows.last().unwrap();
    assert!(last.ends_with("in all") && *total <= wall && *total > 0.5 * wall, "{wall}: {text}");
    let sum: f64 = rows[..rows.len() - 1].iter().map(|(seconds, _)| seconds).sum();
    assert!((sum - total).abs() < 0.0006 * rows.len() as f64, "{sum}: {text}");
    assert!(rows[0].0 > 0.5 * total, "{text}");
    for apart in ["checking", "compiling", "left over"] {
        assert!(rows.iter().any(|(_, row)| row.contains(apart)), "{text}");
    }
}

#[test]
fn a_profile_tells_work_of_the_library_below_the_line_that_calls_it() {
    let text = "lattice Λ = torus(32, 32)
action S(φ: real[Λ]) =
    sum(φ[x]^2 + 0.1 * sin(φ[x]) + 0.1 * sin(2 * φ[x]) + 0.1 * sin(3 * φ[x]) + 0.1 * sin(4 * φ[x])
        for x in Λ)
let run = hmc(S, chains: 4, warmup: 20, draws: 1_000, keep: φ -> mean(φ))
print(\"{mean(run):.17}\")
";
    let program = file("profile_hmc.moy", text);
    let run = |flags: &[&str]| moyal().arg("run").args(flags).arg(&program).output().unwrap();
    let plain = run(&["--threads", "1"]).stdout;
    for threads in ["1", "2"] {
        let output = run(&["--profile", "--threads", threads]);
        assert_eq!(output.stdout, plain);
        let text = said(&output);
        assert!(profile_rows(&text)[0].1.contains(" 3  sum(φ[x]^2 + 0.1 * sin(φ[x])"), "{text}");
        assert!(text.contains("elementary functions") && text.contains("noise"), "{text}");
        assert!(text.contains("· hmc › update › leapfrog › force: called in line 5"), "{text}");
        assert!(text.contains("· hmc › update: let p ~ standard_normal(φ)"), "{text}");
    }
}

#[test]
fn a_run_that_fails_has_a_profile_and_a_wrong_program_none() {
    let failing = file("profile_fails.moy", "let x = sum(sin(k * 1.0) for k in 1000)\nassert x > 5, \"too small\"\n");
    let output = moyal().args(["run", "--profile"]).arg(failing).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("too small") && said(&output).contains("in all"), "{}", said(&output));
    let wrong = file("profile_wrong.moy", "let x = y\n");
    let output = moyal().args(["run", "--profile"]).arg(wrong).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!said(&output).contains("in all"), "{}", said(&output));
}

#[test]
fn a_profile_is_of_a_compiled_run() {
    refused(&["run", "--profile", "--interpret", "ising.moy"], 2, "moyal: `--profile` measures compiled code, `--interpret` compiles none: leave out one of them");
    refused(&["test", "--profile", "ising.moy"], 2, "moyal: `--profile` measures a run: `moyal run --profile FILE`");
    refused(&["--profile"], 2, "moyal: the prompt measures one statement: `:profile STATEMENT`; of a program `moyal run --profile FILE`");
    refused(&["run", "--profil", "ising.moy"], 2, "moyal: there is no flag `--profil`; did you mean `--profile`? (params of a program stand after its file)");
}

#[test]
fn the_prompt_profiles_a_statement() {
    let mut child = moyal().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let dear = "fn dear(start) {\n    var x = start\n    for k in 2_000_000 { x = x + 0.1 * sin(x) }\n    x\n}\n";
    let entries = format!("{dear}:profile let y = dear(0.5)\n:profile\n:profil y\nprint(\"{{y:.6}}\")\n");
    child.stdin.take().unwrap().write_all(entries.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = said(&output);
    let rows = profile_rows(&text);
    assert!(rows[0].1.contains("<1>:3  for k in 2_000_000 { x = x + 0.1 * sin(x) }"), "{text}");
    assert!(rows.iter().any(|(_, row)| row.contains("<2>:1  let y = dear(0.5)")), "{text}");
    assert!(text.contains("moyal: `:profile` wants a statement: `:profile let run = hmc(S)`"), "{text}");
    assert!(text.contains("moyal: there is no command `:profil`; did you mean `:profile`?"), "{text}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1);
}
