//! Every program in README.md and docs/*.md says what its page claims, to the letter. A program is a fenced block with the
//! language `moyal`, its expectations as in tests/language: lines `#> …` at its end are what it prints, lines `#! …` what is
//! said of mistakes and doubts. The blocks of a page, one after the other, are one program (by lines of which messages count),
//! but for those whose fence says more:
//!
//! - `moyal alone`: a program of its own
//! - `moyal error`: a program of its own, which must fail
//! - `moyal verify`: a program of its own, for `moyal verify`
//! - `moyal prompt`: lines typed at the prompt
//!
//! A figure that a page shows is one that its program draws, to the byte.
//!
//! `UPDATE=1 cargo test --release --test docs` writes down what is said now, and the figures: read the difference.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

mod expectation;
use expectation::{is_expectation, moyal, said};

/// A fenced block: its program's and its expectations' lines, and what it is.
struct Block {
    kind: String,
    program: Vec<String>,
    expected: Vec<String>,
}

/// A page: lines of text, and blocks among them.
enum Piece {
    Text(String),
    Block(Block),
}

#[test]
fn every_page_says_the_truth() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages: Vec<PathBuf> = fs::read_dir(root.join("docs")).unwrap().map(|e| e.unwrap().path()).collect();
    pages.retain(|p| p.extension().is_some_and(|e| e == "md"));
    pages.push(root.join("README.md"));
    pages.sort();
    let (mut failures, mut programs) = (vec![], 0);
    for page in &pages {
        let mut pieces = pieces(&fs::read_to_string(page).unwrap());
        let count = blocks(&mut pieces).len();
        if count == 0 {
            continue;
        }
        programs += count;
        let before = failures.len();
        check_page(page, &mut pieces, &mut failures);
        println!("{}: {count} blocks, {} failures", page.display(), failures.len() - before);
        if updating() {
            fs::write(page, written(&pieces)).unwrap();
        }
    }
    assert!(programs > 20, "the programs of the pages are missing");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn updating() -> bool {
    std::env::var("UPDATE").is_ok()
}

fn check_page(page: &Path, pieces: &mut [Piece], failures: &mut Vec<String>) {
    let stem = page.file_stem().unwrap().to_string_lossy().to_lowercase();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("docs-{stem}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let file = format!("{stem}.moy");
    let mut blocks = blocks(pieces);
    let (mut page_program, others): (Vec<&mut Block>, Vec<&mut Block>) = blocks.drain(..).partition(|b| b.kind.is_empty());
    check_program(&folder, &file, &mut page_program, failures);
    if let Err(why) = check_figures(&folder, page) {
        failures.push(why);
    }
    for block in others {
        let found = run_alone(&folder, &file, block, failures);
        compare(page, block.expected.clone(), &found, failures);
        block.expected = found;
    }
}

/// The blocks of a page as one program.
fn check_program(folder: &Path, file: &str, blocks: &mut [&mut Block], failures: &mut Vec<String>) {
    if blocks.is_empty() {
        return;
    }
    let texts: Vec<String> = blocks.iter().map(|b| b.program.join("\n") + "\n").collect();
    if !updating() {
        let found = run_program(folder, file, &texts.join("\n"), failures);
        let all: Vec<String> = blocks.iter().flat_map(|b| b.expected.clone()).collect();
        // What is said of mistakes comes last.
        let (printed, doubts): (Vec<String>, Vec<String>) = all.into_iter().partition(|l| l.starts_with("#>"));
        return compare(Path::new(file), [printed, doubts].concat(), &found, failures);
    }
    // A line between two blocks tells where the output of one ends.
    let end = "~ end of a block ~";
    let found = run_program(folder, file, &texts.join(&format!("print(\"{end}\")\n")), failures);
    let printed: Vec<String> = found.iter().filter(|l| l.starts_with("#>")).cloned().collect();
    let messages = messages(&found);
    let mut first = 1;
    for ((block, text), printed) in blocks.iter_mut().zip(&texts).zip(printed.split(|l| l.contains(end))) {
        let next = first + text.lines().count() + 1;
        let said_here = messages.iter().filter(|m| line_of(m, file).is_some_and(|l| (first..next).contains(&l)));
        block.expected = printed.iter().cloned().chain(said_here.flatten().cloned()).collect();
        first = next;
    }
}

fn run_program(folder: &Path, file: &str, text: &str, failures: &mut Vec<String>) -> Vec<String> {
    fs::write(folder.join(file), text).unwrap();
    let output = moyal(folder).args(["run", file, "--quiet"]).output().unwrap();
    if !output.status.success() {
        failures.push(format!("{file} fails: {}", String::from_utf8_lossy(&output.stderr)));
    }
    said(&output)
}

fn run_alone(folder: &Path, file: &str, block: &Block, failures: &mut Vec<String>) -> Vec<String> {
    let text = block.program.join("\n") + "\n";
    if block.kind == "prompt" {
        let mut prompt = moyal(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        prompt.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        return said(&prompt.wait_with_output().unwrap());
    }
    fs::write(folder.join(file), &text).unwrap();
    let verb: &[&str] = match block.kind.as_str() {
        "alone" | "error" => &["run", "--quiet"],
        "verify" => &["verify"],
        other => panic!("{file}: no block is `moyal {other}`"),
    };
    let output = moyal(folder).args(verb).arg(file).output().unwrap();
    let fails = block.kind == "error";
    if block.kind != "verify" && output.status.success() == fails {
        failures.push(format!("{file}: this program {}\n{text}", if fails { "must fail" } else { "fails" }));
    }
    said(&output)
}

fn compare(name: &Path, expected: Vec<String>, found: &[String], failures: &mut Vec<String>) {
    if expected == found || updating() {
        return;
    }
    let same = expected.iter().zip(found).take_while(|(a, b)| a == b).count();
    let rest = |lines: &[String]| lines[same..].iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    failures.push(format!("{} says, after {same} lines,\n{}\n--- instead of\n{}", name.display(), rest(found), rest(&expected)));
}

/// Figures that the page shows and its program draws.
fn check_figures(folder: &Path, page: &Path) -> Result<(), String> {
    let text = fs::read_to_string(page).unwrap();
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|link| link.ends_with(".svg"));
    for link in links {
        let shown = page.with_file_name(link);
        let drawn = folder.join(shown.file_name().unwrap());
        if !drawn.exists() {
            return Err(format!("no program of {} draws {link}", page.display()));
        }
        if updating() {
            fs::copy(&drawn, &shown).unwrap();
        }
        if fs::read(&drawn).ok() != fs::read(&shown).ok() {
            return Err(format!("{link} is not the figure that the program of {} draws", page.display()));
        }
    }
    Ok(())
}

/// What is said of mistakes and doubts, cut into messages.
fn messages(found: &[String]) -> Vec<Vec<String>> {
    let mut messages: Vec<Vec<String>> = vec![];
    for line in found.iter().filter(|l| l.starts_with("#!")) {
        if line.starts_with("#!   ⚠") || line.starts_with("#!   ×") || messages.is_empty() {
            messages.push(vec![]);
        }
        messages.last_mut().unwrap().push(line.clone());
    }
    messages
}

/// The line of the file that a message points at.
fn line_of(message: &[String], file: &str) -> Option<usize> {
    let mark = format!("╭─[{file}:");
    message.iter().find_map(|l| l.split_once(&mark)?.1.split(':').next()?.parse().ok())
}

// ---- pages ----

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = vec![];
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        pieces.push(Piece::Text(line.to_string()));
        let Some(kind) = line.strip_prefix("```moyal") else { continue };
        let inside: Vec<String> = lines.by_ref().take_while(|l| *l != "```").map(str::to_string).collect();
        let (expected, mut program): (Vec<String>, Vec<String>) = inside.into_iter().partition(|l| is_expectation(l));
        while program.last().is_some_and(String::is_empty) {
            program.pop();
        }
        pieces.push(Piece::Block(Block { kind: kind.trim().to_string(), program, expected }));
        pieces.push(Piece::Text("```".into()));
    }
    pieces
}

fn blocks(pieces: &mut [Piece]) -> Vec<&mut Block> {
    pieces.iter_mut().filter_map(|p| if let Piece::Block(b) = p { Some(b) } else { None }).collect()
}

/// The page, each block's expectations at its end.
fn written(pieces: &[Piece]) -> String {
    let lines = |p: &Piece| match p {
        Piece::Text(line) => vec![line.clone()],
        Piece::Block(b) => [b.program.clone(), b.expected.clone()].concat(),
    };
    pieces.iter().flat_map(lines).map(|l| l + "\n").collect()
}
