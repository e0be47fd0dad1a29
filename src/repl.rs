//! The prompt: lines read with rustyline, entries given to a Session. Input from a pipe works without prompts.

use crate::report;
use crate::terminal::Terminal;
use crate::{arguments, latex, profile, store};
use moyal_lang::diagnostic::Diagnostic;
use moyal_lang::session::Session;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use std::cell::RefCell;
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Instant;

const HELP: &str = "\
An expression shows its value; everything of the language may stand here.
  ?name        what a name means
  :type EXPR   its type, without computing it; of a process its noise, products and conventions
  :seed N      another seed; :seed shows it
  :time EXPR   how long it takes
  :profile STATEMENT
               where its time goes, line by line
  :load FILE   runs a program and keeps its names
  :help        this
  :quit        leaves (as Ctrl-D does)
An entry goes on while a bracket is open or a line ends in an operator. `\\phi` and the tab key give φ; the tab key also
completes names. Ctrl-C clears the line, or stops what runs.";

const COMMANDS: &[&str] = &["help", "quit", "seed", "time", "profile", "load", "type"];

/// Reads until the end; true if all went well.
pub fn repl(mut session: Session, mut host: Terminal) -> bool {
    // An entry that says nothing reads the library, whose names can then be asked for and completed.
    let _ = session.run("", "", &mut host);
    let prompt = Prompt { session: Rc::new(RefCell::new(session)) };
    if std::io::stdin().is_terminal() { prompt.read_terminal(&mut host) } else { prompt.read_pipe(&mut host) }
}

struct Prompt {
    session: Rc<RefCell<Session>>,
}

/// What an entry led to.
#[derive(PartialEq)]
enum Outcome {
    Done,
    Failed,
    Quit,
}

impl Prompt {
    fn read_terminal(&self, host: &mut Terminal) -> bool {
        let config = Config::builder().completion_type(CompletionType::List).auto_add_history(false).build();
        let mut editor: Editor<Assistant, _> = match Editor::with_config(config) {
            Ok(editor) => editor,
            Err(error) => {
                report::refuse(&format!("the terminal cannot be used: {error}"));
                return false;
            }
        };
        editor.set_helper(Some(Assistant { session: self.session.clone() }));
        let history = history_file();
        if let Some(file) = &history {
            // There is none the first time.
            let _ = editor.load_history(file);
        }
        report::out(concat!("Moyal ", env!("CARGO_PKG_VERSION"), "   :help says what can be done, :quit leaves"));
        loop {
            match editor.readline("moyal> ") {
                Ok(line) if line.trim().is_empty() => {}
                Ok(line) => {
                    // A history that cannot be kept is no reason to disturb the work.
                    let _ = editor.add_history_entry(line.as_str());
                    if let Some(file) = &history {
                        let _ = std::fs::create_dir_all(file.parent().unwrap_or(Path::new("")));
                        let _ = editor.append_history(file);
                    }
                    if self.entry(&line, host) == Outcome::Quit {
                        return true;
                    }
                }
                Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => return true,
                Err(error) => {
                    report::refuse(&format!("the line cannot be read: {error}"));
                    return false;
                }
            }
        }
    }

    fn read_pipe(&self, host: &mut Terminal) -> bool {
        let mut well = true;
        let mut entry = String::new();
        let mut lines = std::io::stdin().lock().lines();
        loop {
            let line = lines.next();
            let ended = line.is_none();
            match line {
                Some(Ok(line)) => {
                    entry.push_str(&line);
                    entry.push('\n');
                }
                Some(Err(error)) => {
                    report::refuse(&format!("the input cannot be read: {error}"));
                    return false;
                }
                None => {}
            }
            if ended || !goes_on(&entry) {
                match self.entry(entry.trim_end(), host) {
                    Outcome::Done => {}
                    Outcome::Failed => well = false,
                    Outcome::Quit => return well,
                }
                entry.clear();
            }
            if ended {
                return well;
            }
        }
    }

    fn entry(&self, text: &str, host: &mut Terminal) -> Outcome {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Outcome::Done;
        }
        if let Some(name) = trimmed.strip_prefix('?') {
            return self.describe(name.trim().trim_end_matches(['(', ')']));
        }
        if let Some(command) = trimmed.strip_prefix(':') {
            let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
            return self.command(name, rest.trim(), host);
        }
        if let Some(sentence) = shell_word(trimmed) {
            return refused(&sentence);
        }
        self.enter(text, host)
    }

    fn command(&self, name: &str, rest: &str, host: &mut Terminal) -> Outcome {
        match name {
            "quit" | "q" => Outcome::Quit,
            "help" | "h" => said(HELP),
            "seed" if rest.is_empty() => said(&format!("{}", self.session.borrow().options.seed)),
            "seed" => match rest.parse() {
                Ok(seed) => {
                    self.session.borrow_mut().options.seed = seed;
                    Outcome::Done
                }
                Err(_) => refused(&format!("`:seed` wants a whole number that is not negative, not `{rest}`")),
            },
            "type" if rest.is_empty() => refused("`:type` wants an expression: `:type grad(S)`"),
            "type" => self.carry_out(|session| {
                let meaning = session.meaning(rest, host)?;
                report::out(&meaning.text);
                meaning.example.map_or(Ok(()), |program| session.run("<type>", &program, host))
            }),
            "time" if rest.is_empty() => refused("`:time` wants an expression: `:time sum(x^2)`"),
            "time" => {
                let start = Instant::now();
                let outcome = self.enter(rest, host);
                report::note(&format!("{:.3} s", start.elapsed().as_secs_f64()));
                outcome
            }
            "profile" if rest.is_empty() => refused("`:profile` wants a statement: `:profile let run = hmc(S)`"),
            "profile" => {
                self.session.borrow_mut().profile();
                let outcome = self.enter(rest, host);
                let found = self.session.borrow_mut().profiled();
                found.and_then(|found| profile::text(&found, None)).iter().for_each(|text| report::note(text));
                outcome
            }
            "load" if rest.is_empty() => refused("`:load` wants a file: `:load phi4.moy`"),
            "load" => match store::read_text(Path::new(rest)) {
                Ok(text) => self.carry_out(|session| session.run(rest, &text, host)),
                Err(sentence) => refused(&sentence),
            },
            _ => {
                let hint = arguments::did_you_mean(name, COMMANDS.iter().copied(), ":");
                refused(&format!("there is no command `:{name}`{hint}"))
            }
        }
    }

    fn describe(&self, name: &str) -> Outcome {
        if name.is_empty() {
            return said(HELP);
        }
        let session = self.session.borrow();
        match session.describe(name) {
            Some(text) => said(&text),
            None => {
                let names = session.complete("");
                let hint = arguments::did_you_mean(name, names.iter().map(String::as_str), "");
                refused(&format!("there is no `{name}`{hint}"))
            }
        }
    }

    fn enter(&self, text: &str, host: &mut Terminal) -> Outcome {
        self.carry_out(|session| session.enter(text, host))
    }

    /// Ctrl-C stops this one entry; a fault of ours ends it too.
    fn carry_out(&self, work: impl FnOnce(&mut Session) -> Result<(), Vec<Diagnostic>>) -> Outcome {
        let mut session = self.session.borrow_mut();
        let result = report::guarded(|| work(&mut session));
        session.options.stop.store(false, Ordering::SeqCst);
        match result {
            Some(Ok(())) => Outcome::Done,
            Some(Err(mistakes)) => {
                report::mistakes(&mistakes);
                Outcome::Failed
            }
            None => Outcome::Failed,
        }
    }
}

/// What belongs to a shell, or to the prompts of other languages, and can be no program.
fn shell_word(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        ["moyal", "run", file, ..] | ["run" | "python" | "julia", file] if file.ends_with(".moy") => {
            Some(format!("this is the prompt: `:load {file}` runs a program and keeps its names"))
        }
        ["moyal", _, ..] => Some("this is the prompt: `moyal …` is for the shell, which comes back after `:quit`".to_string()),
        ["%time" | "%timeit" | "@time" | "@btime", ..] => Some(format!("how long something takes says `:time {}`", words[1..].join(" "))),
        [name] if name.len() > 1 && name.ends_with('?') => Some(format!("what a name means says `?{}`", name.trim_end_matches('?'))),
        ["help" | "doc", name] => Some(format!("what a name means says `?{name}`")),
        _ => None,
    }
}

fn said(text: &str) -> Outcome {
    report::out(text);
    Outcome::Done
}

fn refused(sentence: &str) -> Outcome {
    report::refuse(sentence);
    Outcome::Failed
}

/// Where this user's data lies on this system.
fn history_file() -> Option<PathBuf> {
    let at = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let data = if cfg!(windows) {
        at("APPDATA")
    } else if cfg!(target_os = "macos") {
        at("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        at("XDG_DATA_HOME").filter(|d| d.is_absolute()).or_else(|| at("HOME").map(|home| home.join(".local/share")))
    };
    data.map(|folder| folder.join("moyal").join("history"))
}

// ---- where an entry ends ----

const OPERATORS: &[&str] = &[
    "+", "-", "*", "/", "%", "@", "^", "=", "<", ">", ",", "|>", "->", "→", "∘", "∈", "≤", "≥", "≠", "..", "~", "√", "∇", "∑", "∏",
];

/// Is a bracket open, or does the text end in an operator?
fn goes_on(text: &str) -> bool {
    if text.trim_start().starts_with([':', '?']) {
        return false;
    }
    let code = code(text);
    let depth = code.chars().fold(0, |depth: i32, c| match c {
        '(' | '[' | '{' => depth + 1,
        ')' | ']' | '}' => depth - 1,
        _ => depth,
    });
    let code = code.trim_end();
    depth > 0 || OPERATORS.iter().any(|op| code.ends_with(op)) || ends_in_word(code)
}

/// `and`, `in` and the like always want something after them, `o` only where it stands between.
fn ends_in_word(code: &str) -> bool {
    let mut words = code.rsplit(char::is_whitespace);
    match (words.next(), words.next()) {
        (Some("and" | "or" | "not" | "in" | "as"), _) => true,
        (Some("o"), Some(before)) => before.ends_with(|c: char| c.is_alphanumeric() || c == ')' || c == ']') && !matches!(before, "let" | "var" | "d"),
        _ => false,
    }
}

/// The text without comments and without what stands in strings.
fn code(text: &str) -> String {
    let mut code = String::new();
    for line in text.lines() {
        let mut in_string = false;
        for c in line.chars() {
            match c {
                '"' => {
                    in_string = !in_string;
                    code.push(c);
                }
                _ if in_string => {}
                '#' => break,
                c => code.push(c),
            }
        }
        code.push('\n');
    }
    code
}

// ---- what the line editor asks ----

struct Assistant {
    session: Rc<RefCell<Session>>,
}

impl Helper for Assistant {}

impl rustyline::hint::Hinter for Assistant {
    type Hint = String;
}

impl rustyline::highlight::Highlighter for Assistant {}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        Ok(if goes_on(context.input()) { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, position: usize, _: &Context) -> rustyline::Result<(usize, Vec<Pair>)> {
        let line = &line[..position];
        if let Some((start, symbols)) = latex::completions(line) {
            let pair = |(name, symbol): &(&str, &str)| Pair { display: format!("{symbol} \\{name}"), replacement: symbol.to_string() };
            return Ok((start, symbols.iter().map(pair).collect()));
        }
        if let Some(typed) = line.strip_prefix(':').filter(|t| t.chars().all(char::is_alphabetic)) {
            let commands = COMMANDS.iter().filter(|c| c.starts_with(typed));
            return Ok((1, commands.map(|c| Pair { display: format!(":{c}"), replacement: c.to_string() }).collect()));
        }
        let start = word_start(line);
        if start == position {
            return Ok((position, vec![]));
        }
        let names = self.session.borrow().complete(&line[start..]);
        Ok((start, names.into_iter().map(|n| Pair { display: n.clone(), replacement: n }).collect()))
    }
}

fn word_start(line: &str) -> usize {
    let of_name = |c: &(usize, char)| c.1.is_alphanumeric() || c.1 == '_';
    line.char_indices().rev().take_while(of_name).last().map_or(line.len(), |(k, _)| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_an_entry_ends() {
        for whole in [
            "1 + 1",
            "let o = 3",
            "o",
            "fn f(x) { x }",
            "\"(\"",
            "x # +",
            "A'",
            "x)",
            ":load a +",
            "?sum(",
            "print(\"# {x} (\")",
            "foo",
            "go",
        ] {
            assert!(!goes_on(whole), "{whole}");
        }
        for part in ["1 +", "f(1,\n", "fn f(x) {", "let x =", "a and", "b o", "g(x) ∘ # why", "x ->", "for k in", "x |>", "[1, # (\n 2", "0.."] {
            assert!(goes_on(part), "{part}");
        }
    }

    #[test]
    fn words_begin() {
        assert_eq!(word_start("let φ = mea"), "let φ = ".len());
        assert_eq!(word_start("φ_1"), 0);
        assert_eq!(word_start("f("), 2);
    }
}
