//! The command line, as data. Nothing is read, written or started here.

use crate::latex;
use std::path::PathBuf;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Run,
    Check,
    Test,
    Verify,
    Repl,
    Version,
    Help,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    pub verb: Verb,
    pub files: Vec<String>,
    pub seed: Option<u64>,
    pub threads: Option<usize>,
    pub interpret: bool,
    pub allow_nonfinite: bool,
    pub out: Option<PathBuf>,
    pub quiet: bool,
    /// Tell where the time went.
    pub profile: bool,
    /// Help was asked for, after the verb.
    pub help: bool,
    /// Whatever else stood there as `--name value`, for the program.
    pub params: Vec<(String, String)>,
}

/// What is wrong with a command line: one sentence.
pub type Mistake = String;

/// More than any machine has cores: a slip of the hand would bring the system down.
const MOST_THREADS: u64 = 1024;

pub const FLAGS: &[&str] = &["seed", "threads", "interpret", "allow-nonfinite", "out", "quiet", "profile", "help", "version"];
const VERBS: &[(&str, Verb)] = &[("run", Verb::Run), ("check", Verb::Check), ("test", Verb::Test), ("verify", Verb::Verify), ("repl", Verb::Repl)];

/// Reads the words after the command's name.
pub fn parse(words: &[String]) -> Result<Arguments, Mistake> {
    let mut arguments = Arguments::new(Verb::Repl);
    let rest = match words.split_first() {
        None => words,
        Some((first, rest)) => match first.as_str() {
            "--help" | "-h" | "help" => return Ok(Arguments::new(Verb::Help)),
            "--version" | "-V" | "version" => return Ok(Arguments::new(Verb::Version)),
            flag if flag.starts_with('-') => words,
            word => {
                arguments.verb = verb(word)?;
                rest
            }
        },
    };
    arguments.words(rest)?;
    arguments.complete()
}

impl Arguments {
    fn new(verb: Verb) -> Arguments {
        Arguments {
            verb,
            files: vec![],
            seed: None,
            threads: None,
            interpret: false,
            allow_nonfinite: false,
            out: None,
            quiet: false,
            profile: false,
            help: false,
            params: vec![],
        }
    }

    fn words(&mut self, words: &[String]) -> Result<(), Mistake> {
        let mut words = words.iter().peekable();
        while let Some(word) = words.next() {
            if word == "-h" {
                self.help = true;
            } else if let Some(flag) = word.strip_prefix("--") {
                let (name, value) = match flag.split_once('=') {
                    Some((name, value)) => (name, Some(value)),
                    None => (flag, None),
                };
                let mut next = || value.map(str::to_string).or_else(|| words.next_if(|w| !w.starts_with("--")).cloned());
                self.flag(name, value.is_some(), &mut next)?;
            } else if word.starts_with('-') && word.len() > 1 {
                // `-L 8` is a param of a program, it seems; `-v` may be anything.
                let named = words.peek().filter(|value| !value.starts_with('-') && !value.ends_with(".moy")).is_some();
                let meant = if named { word.trim_start_matches('-') } else { "seed 7" };
                return Err(format!("`{word}` is not known here: flags begin with two dashes, as in `--{meant}`"));
            } else {
                self.files.push(word.clone());
            }
        }
        Ok(())
    }

    /// `next` gives the flag's value: what follows `=`, else the next word.
    fn flag(&mut self, name: &str, has_value: bool, next: &mut dyn FnMut() -> Option<String>) -> Result<(), Mistake> {
        if let Some(on) = self.switch(name) {
            if has_value {
                return Err(format!("`--{name}` takes no value"));
            }
            *on = true;
            return Ok(());
        }
        if name.is_empty() {
            return Err("two dashes alone say nothing: a flag's name follows them, as in `--seed 7`".to_string());
        }
        if !FLAGS.contains(&name) && self.files.is_empty() {
            let hint = did_you_mean(name, FLAGS.iter().copied(), "--");
            return Err(format!("there is no flag `--{name}`{hint} (params of a program stand after its file)"));
        }
        let value = next().filter(|v| !v.is_empty()).ok_or_else(|| missing_value(name))?;
        match name {
            "seed" => self.seed = Some(number(name, &value)?),
            "threads" => match number(name, &value)? {
                0 => return Err("`--threads` is at least 1".to_string()),
                n if n > MOST_THREADS => return Err(format!("`--threads` is at most {MOST_THREADS}")),
                n => self.threads = Some(n as usize),
            },
            "out" => self.out = Some(PathBuf::from(value)),
            _ if self.params.iter().any(|(n, _)| n == name) => return Err(format!("`--{name}` is given twice")),
            _ => self.params.push((name.to_string(), value)),
        }
        Ok(())
    }

    fn switch(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "interpret" => &mut self.interpret,
            "allow-nonfinite" => &mut self.allow_nonfinite,
            "quiet" => &mut self.quiet,
            "profile" => &mut self.profile,
            "help" => &mut self.help,
            _ => return None,
        })
    }

    fn complete(self) -> Result<Arguments, Mistake> {
        if self.help {
            return Ok(self);
        }
        if self.profile && self.verb == Verb::Repl {
            return Err("the prompt measures one statement: `:profile STATEMENT`; of a program `moyal run --profile FILE`".to_string());
        }
        if self.profile && self.verb != Verb::Run {
            return Err("`--profile` measures a run: `moyal run --profile FILE`".to_string());
        }
        if self.profile && self.interpret {
            return Err("`--profile` measures compiled code, `--interpret` compiles none: leave out one of them".to_string());
        }
        match (self.verb, self.files.as_slice()) {
            (Verb::Run, []) => Err("which program? `moyal run FILE`".to_string()),
            (Verb::Run, [_, second, ..]) if second.contains('=') => {
                let (name, value) = second.split_once('=').unwrap_or((second, ""));
                Err(format!("`{second}` is not known here: a param's value is given as `--{name} {value}`"))
            }
            (Verb::Run, [_, second, ..]) if second.ends_with(".moy") => {
                Err(format!("`moyal run` takes one program; `{second}` is a second"))
            }
            (Verb::Run, [_, second, ..]) => {
                Err(format!("`moyal run` takes one program; `{second}` is a second (a param's value follows its name: `--L {second}`)"))
            }
            (Verb::Check, []) => Err("which programs? `moyal check FILE…`".to_string()),
            (Verb::Test, []) => Err("which programs? `moyal test FILE…`".to_string()),
            (Verb::Verify, []) => Err("which programs? `moyal verify FILE…`".to_string()),
            (Verb::Repl, [file, ..]) => Err(format!("the prompt takes no file: `moyal run {file}`, or `:load {file}` at the prompt")),
            _ => Ok(self),
        }
    }
}

fn verb(word: &str) -> Result<Verb, Mistake> {
    if let Some((_, verb)) = VERBS.iter().find(|(name, _)| *name == word) {
        return Ok(*verb);
    }
    if word.ends_with(".moy") {
        return Err(format!("what is to be done with it? `moyal run {word}`"));
    }
    let hint = did_you_mean(word, VERBS.iter().map(|(name, _)| *name), "moyal ");
    Err(format!("`{word}` is nothing that moyal does{hint}"))
}

fn missing_value(name: &str) -> Mistake {
    match name {
        "seed" | "threads" => format!("`--{name}` wants a number: `--{name} 4`"),
        "out" => "`--out` wants a directory: `--out results`".to_string(),
        _ => format!("`--{name}` wants a value: `--{name} VALUE` or `--{name}=VALUE`"),
    }
}

fn number(name: &str, value: &str) -> Result<u64, Mistake> {
    let digits = value.replace('_', "");
    digits.parse().map_err(|_| format!("`--{name}` wants a whole number that is not negative, not `{value}`"))
}

/// The program's param that is meant by a name as it was typed.
pub fn find_param<'a>(typed: &str, file: &str, names: &'a [String]) -> Result<&'a str, Mistake> {
    if let Some(name) = names.iter().find(|n| same_name(n, typed)) {
        return Ok(name);
    }
    let all = names.iter().map(String::as_str).chain(FLAGS.iter().copied());
    let hint = did_you_mean(typed, all, "--");
    let params = match names {
        [] => format!("{file} has no params"),
        _ => format!("the params of {file} are {}", names.join(", ")),
    };
    Err(format!("there is no param or flag `--{typed}`{hint} ({params})"))
}

/// A dash may be typed for an underscore, and a Greek letter is its name.
fn same_name(param: &str, typed: &str) -> bool {
    let plain = |name: &str| latex::spelled(&name.replace('-', "_"));
    plain(param) == plain(typed)
}

/// `; did you mean `--seed`?`, or nothing.
pub fn did_you_mean<'a>(word: &str, candidates: impl Iterator<Item = &'a str>, before: &str) -> String {
    match nearest(word, candidates) {
        Some(name) => format!("; did you mean `{before}{name}`?"),
        None => String::new(),
    }
}

/// The candidate that a slip of the fingers would have turned into `word`.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let bound = match length {
        0 => return None,
        1 => 0,
        2..=4 => 1,
        _ => 2,
    };
    let distance = |name: &str| if name.to_lowercase() == word.to_lowercase() { 0 } else { edits(word, name) };
    candidates.map(|name| (distance(name), name)).filter(|(d, _)| *d <= bound).min_by_key(|(d, _)| *d).map(|(_, name)| name)
}

/// Letters to insert, drop, change, or swap with the next one.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut best = change.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(table[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    table[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, Mistake> {
        parse(&line.split_whitespace().map(str::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn a_run_with_flags_and_params() {
        let a = read("run --seed 7 phi4.moy --L 64 --kappa=-0.27 --mu -1 --quiet --threads 2 --out res --interpret").unwrap();
        assert_eq!((a.verb, a.files), (Verb::Run, vec!["phi4.moy".to_string()]));
        assert_eq!((a.seed, a.threads, a.quiet, a.interpret, a.allow_nonfinite), (Some(7), Some(2), true, true, false));
        assert_eq!(a.out, Some(PathBuf::from("res")));
        let params: Vec<_> = a.params.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(params, [("L", "64"), ("kappa", "-0.27"), ("mu", "-1")]);
    }

    #[test]
    fn nothing_means_the_prompt() {
        assert_eq!(read("").unwrap().verb, Verb::Repl);
        assert_eq!(read("--seed 3").unwrap(), Arguments { seed: Some(3), ..Arguments::new(Verb::Repl) });
        assert_eq!(read("--version").unwrap().verb, Verb::Version);
        assert!(read("run phi4.moy --help").unwrap().help);
    }

    #[test]
    fn mistakes_are_sentences() {
        for (line, part) in [
            ("rum a.moy", "did you mean `moyal run`?"),
            ("phi4.moy", "`moyal run phi4.moy`"),
            ("run", "which program?"),
            ("run a.moy b.moy", "takes one program"),
            ("run --sed 3 a.moy", "did you mean `--seed`?"),
            ("run a.moy --L", "`--L` wants a value"),
            ("run a.moy --L --kappa 3", "`--L` wants a value"),
            ("run a.moy --L=", "`--L` wants a value"),
            ("run a.moy --seed -3", "not `-3`"),
            ("run a.moy --threads 0", "at least 1"),
            ("run a.moy --threads 100000", "at most 1024"),
            ("run a.moy --L 3 --L 4", "given twice"),
            ("run a.moy --quiet=yes", "takes no value"),
            ("run a.moy -L 3", "two dashes"),
            ("repl a.moy", ":load a.moy"),
            ("check", "which programs?"),
            ("test a.moy --profile", "`moyal run --profile FILE`"),
            ("--profile", "`:profile STATEMENT`"),
            ("run a.moy --profile --interpret", "leave out one"),
            ("run a.moy --profile=x", "takes no value"),
        ] {
            let message = read(line).unwrap_err();
            assert!(message.contains(part), "{line}: {message}");
        }
    }

    #[test]
    fn params_the_program_lacks() {
        let names = ["kappa".to_string(), "n_steps".to_string()];
        assert_eq!(find_param("n-steps", "a.moy", &names), Ok("n_steps"));
        assert_eq!(find_param("κ", "a.moy", &names), Ok("kappa"));
        let message = find_param("kapa", "a.moy", &names).unwrap_err();
        assert_eq!(message, "there is no param or flag `--kapa`; did you mean `--kappa`? (the params of a.moy are kappa, n_steps)");
        assert!(find_param("kapa", "a.moy", &[]).unwrap_err().ends_with("(a.moy has no params)"));
    }

    #[test]
    fn slips_of_the_fingers() {
        let names = || ["kappa", "lambda", "L"].into_iter();
        assert_eq!(nearest("kapap", names()), Some("kappa"));
        assert_eq!(nearest("lamda", names()), Some("lambda"));
        assert_eq!(nearest("l", names()), Some("L"));
        assert_eq!(nearest("M", names()), None);
        assert_eq!(nearest("sigma", names()), None);
    }
}
