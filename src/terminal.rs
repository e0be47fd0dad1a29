//! The host of a program that runs at a terminal or in a log: its output, its figures and files, how far it has come.

use crate::{plot, plot_terminal, report, store};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use moyal_lang::diagnostic::Diagnostic;
use moyal_lang::host::{Figure, Header, Host, Progress, Stored};
use moyal_lang::source::Span;
use std::collections::HashSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A log hears no more often than this how far a statement has come.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The statement that computes, for whoever has to end it from outside.
static CURRENT: Mutex<Option<Span>> = Mutex::new(None);

/// The statement that computes or has computed last.
pub fn current() -> Option<Span> {
    CURRENT.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

pub struct Terminal {
    /// Begins the names of figures.
    stem: String,
    out: Option<PathBuf>,
    quiet: bool,
    /// Figures without a file of their own are shown here.
    prompt: bool,
    figureless: bool,
    figures: usize,
    warned: HashSet<String>,
    running: Option<Running>,
}

/// A statement that takes long.
struct Running {
    line: usize,
    what: String,
    since: Instant,
    told: Instant,
    /// On a terminal; none in a log.
    bar: Option<ProgressBar>,
}

impl Terminal {
    /// For the program in that file.
    pub fn of_program(file: &str, out: Option<PathBuf>, quiet: bool) -> Terminal {
        let stem = Path::new(file).file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        Terminal { stem, out, quiet, prompt: false, figureless: false, figures: 0, warned: HashSet::new(), running: None }
    }

    pub fn of_prompt(out: Option<PathBuf>, quiet: bool) -> Terminal {
        Terminal { prompt: true, ..Terminal::of_program("figure", out, quiet) }
    }

    /// For the tests of that file: figures are drawn only if there is a directory for them.
    pub fn of_test(file: &str, out: Option<PathBuf>, quiet: bool) -> Terminal {
        Terminal { figureless: out.is_none(), ..Terminal::of_program(file, out, quiet) }
    }

    /// Where a file that the program makes is to lie.
    fn made(&self, name: &str) -> PathBuf {
        self.out.as_deref().unwrap_or(Path::new("")).join(name)
    }

    /// A file that the program reads: one it has made itself, else one that was there.
    fn found(&self, name: &str) -> PathBuf {
        let made = self.made(name);
        if made.exists() { made } else { PathBuf::from(name) }
    }

    fn to_file(&mut self, figure: &Figure) -> Result<(), String> {
        let name = match &figure.file {
            Some(name) => svg_name(name)?,
            None => {
                self.figures += 1;
                format!("{}-{}.svg", self.stem, self.figures)
            }
        };
        let path = self.made(&name);
        store::replace(&path, |file| std::io::Write::write_all(file, plot::svg(figure).as_bytes()))?;
        if !self.quiet {
            self.aside(|| report::note(&format!("figure: {}", path.display())));
        }
        Ok(())
    }

    /// Writes while no bar is in the way.
    fn aside(&self, write: impl FnOnce()) {
        match self.running.as_ref().and_then(|r| r.bar.as_ref()) {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

fn svg_name(name: &str) -> Result<String, String> {
    match Path::new(name).extension().and_then(|e| e.to_str()) {
        Some("svg") => Ok(name.to_string()),
        None => Ok(format!("{name}.svg")),
        Some(other) => Err(format!("figures are drawn as .svg, not as .{other}")),
    }
}

impl Host for Terminal {
    fn print(&mut self, text: &str) {
        self.aside(|| report::out(text));
    }

    fn plot(&mut self, figure: &Figure) -> Result<(), String> {
        if self.figureless {
            return Ok(());
        }
        if !self.prompt {
            return self.to_file(figure);
        }
        let picture = plot_terminal::text(figure, report::colours_out());
        self.aside(|| report::out(picture.trim_end_matches('\n')));
        if figure.file.is_some() { self.to_file(figure) } else { Ok(()) }
    }

    fn save(&mut self, name: &str, value: &Stored) -> Result<(), String> {
        store::save(&self.made(name), value)
    }

    fn can_save(&mut self, name: &str) -> Result<(), String> {
        store::can_save(Path::new(name))
    }

    fn header(&mut self, name: &str) -> Result<Header, String> {
        store::header(&self.found(name))
    }

    fn load(&mut self, name: &str) -> Result<Stored, String> {
        store::load(&self.found(name))
    }

    fn read_source(&mut self, from: &str, name: &str) -> Result<(String, String), String> {
        let folder = Path::new(from).parent().unwrap_or(Path::new(""));
        let path = without_detours(&folder.join(name));
        let text = store::read_text(&path)?;
        Ok((path.display().to_string(), text))
    }

    fn begins(&mut self, statement: &Span) {
        *CURRENT.lock().unwrap_or_else(PoisonError::into_inner) = Some(statement.clone());
    }

    fn progress(&mut self, progress: &Progress) {
        if self.quiet {
            return;
        }
        let now = Instant::now();
        if self.running.as_ref().is_none_or(|r| r.line != progress.line || r.what != progress.what) {
            self.progress_done();
            let bar = report::is_terminal().then(|| bar(progress));
            self.running = Some(Running { line: progress.line, what: progress.what.clone(), since: now, told: now, bar });
        }
        let Some(running) = &mut self.running else { return };
        match &running.bar {
            Some(bar) => {
                bar.set_length(progress.total.unwrap_or(0));
                bar.set_position(progress.done);
            }
            None if now - running.told >= LOG_EVERY => {
                running.told = now;
                report::note(&log_line(progress, now - running.since));
            }
            None => {}
        }
    }

    fn progress_done(&mut self) {
        if let Some(bar) = self.running.take().and_then(|r| r.bar) {
            bar.finish_and_clear();
        }
    }

    /// Each warning once.
    fn warn(&mut self, diagnostic: &Diagnostic) {
        if self.warned.insert(format!("{diagnostic:?}")) {
            self.aside(|| report::mistakes(std::slice::from_ref(diagnostic)));
        }
    }
}

/// `a/../b.moy` is `b.moy`, so that a file has one name whoever uses it.
fn without_detours(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut short = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(short.components().next_back(), Some(Component::Normal(_))) => {
                short.pop();
            }
            part => short.push(part),
        }
    }
    short
}

// ---- how far it has come ----

fn bar(progress: &Progress) -> ProgressBar {
    let template = if progress.total.is_some() {
        "{msg}  {bar:24.blue} {percent:>3}%  {speed}, {left} left"
    } else {
        "{msg}  {spinner} {pos}  {speed}"
    };
    let style = ProgressStyle::with_template(template).expect("a template");
    let style = style.progress_chars("━╸─");
    let style = style.with_key("speed", |s: &ProgressState, w: &mut dyn Write| {
        let _ = w.write_str(&rate(s.per_sec()));
    });
    let style = style.with_key("left", |s: &ProgressState, w: &mut dyn Write| {
        let _ = w.write_str(&duration(s.eta()));
    });
    let bar = ProgressBar::with_draw_target(progress.total, ProgressDrawTarget::stderr()).with_style(style);
    bar.with_message(format!("{}: {}", progress.line, progress.what))
}

fn log_line(progress: &Progress, since: Duration) -> String {
    let speed = progress.done as f64 / since.as_secs_f64().max(1e-9);
    let Progress { what, line, done, .. } = progress;
    match progress.total {
        Some(total) if total > 0 => {
            let percent = (*done).min(total) * 100 / total;
            let left = Duration::try_from_secs_f64(total.saturating_sub(*done) as f64 / speed.max(1e-12)).unwrap_or(Duration::MAX);
            format!("line {line}: {what}: {percent}% ({done} of {total}), {}, {} left", rate(speed), duration(left))
        }
        _ => format!("line {line}: {what}: {done}, {}", rate(speed)),
    }
}

fn rate(per_second: f64) -> String {
    match per_second {
        r if r >= 1e6 => format!("{:.1}M/s", r / 1e6),
        r if r >= 1e4 => format!("{:.0}k/s", r / 1e3),
        r if r >= 10.0 => format!("{r:.0}/s"),
        r if r >= 1.0 => format!("{r:.1}/s"),
        r if r > 0.0 => format!("{} each", duration(Duration::from_secs_f64((1.0 / r).min(1e9)))),
        _ => "0/s".to_string(),
    }
}

fn duration(d: Duration) -> String {
    match d.as_secs() {
        s @ 0..60 => format!("{s} s"),
        s @ 60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        s @ 3600..86_400 => format!("{} h {:02} min", s / 3600, s / 60 % 60),
        s if s < 100 * 86_400 => format!("{} days {} h", s / 86_400, s / 3600 % 24),
        _ => "very long".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        assert_eq!(without_detours(Path::new("./a/../b/./c.moy")), Path::new("b/c.moy"));
        assert_eq!(without_detours(Path::new("../a/../../c.moy")), Path::new("../../c.moy"));
        assert_eq!(svg_name("a"), Ok("a.svg".to_string()));
        assert!(svg_name("a.png").is_err());
        let host = Terminal::of_program("dir/phi4.moy", Some("res".into()), true);
        assert_eq!((host.stem.as_str(), host.made("x.npy")), ("phi4", PathBuf::from("res/x.npy")));
    }

    #[test]
    fn sources_are_relative_to_who_uses_them() {
        let folder = std::env::temp_dir().join(format!("moyal-use-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("sub")).unwrap();
        std::fs::write(folder.join("a.moy"), "fn f(x) = x").unwrap();
        let mut host = Terminal::of_prompt(None, true);
        let from = folder.join("sub/main.moy").display().to_string();
        let (name, text) = host.read_source(&from, "../a.moy").unwrap();
        assert_eq!((name, text.as_str()), (folder.join("a.moy").display().to_string(), "fn f(x) = x"));
        assert!(host.read_source(&from, "b.moy").unwrap_err().contains("there is no file"));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn how_long_and_how_fast() {
        let shown = |s| duration(Duration::from_secs(s));
        assert_eq!([shown(7), shown(61), shown(7300), shown(200_000)], ["7 s", "1 min 01 s", "2 h 01 min", "2 days 7 h"]);
        assert_eq!([rate(3.2e6), rate(412.3), rate(1.25), rate(0.1)], ["3.2M/s", "412/s", "1.2/s", "10 s each"]);
        let progress = Progress { what: "let run = hmc(S)".into(), line: 14, done: 300, total: Some(1200) };
        assert_eq!(log_line(&progress, Duration::from_secs(10)), "line 14: let run = hmc(S): 25% (300 of 1200), 30/s, 30 s left");
        assert_eq!(log_line(&Progress { done: 0, total: Some(0), ..progress }, Duration::ZERO), "line 14: let run = hmc(S): 0, 0/s");
    }
}
