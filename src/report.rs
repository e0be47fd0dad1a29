//! The only code that writes to the terminal: a program's lines, notes, and diagnostics through miette.

use miette::{GraphicalTheme, LabeledSpan, MietteError, MietteHandlerOpts, MietteSpanContents, ReportHandler, SourceCode, SourceSpan, SpanContents};
use moyal_lang::diagnostic::{Diagnostic, Severity};
use moyal_lang::source::{Source, Span};
use std::fmt;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::Arc;

/// What the shell says of a command whose reader went away.
const READER_GONE: i32 = 128 + 13;

/// Output of the program.
pub fn out(text: &str) {
    let result = writeln!(std::io::stdout(), "{text}");
    if let Err(e) = &result
        && e.kind() != ErrorKind::BrokenPipe
    {
        let why = if e.kind() == ErrorKind::StorageFull { "the disk is full".to_string() } else { e.to_string() };
        refuse(&format!("the output cannot be written: {why}"));
    }
    written(result);
}

/// A word of ours beside the program's output.
pub fn note(text: &str) {
    written(writeln!(std::io::stderr(), "{text}"));
}

/// What is wrong with the command line, or with a file before it is read.
pub fn refuse(sentence: &str) {
    note(&format!("moyal: {sentence}"));
}

/// All that is wrong, in one report; nothing where nothing is.
pub fn mistakes(diagnostics: &[Diagnostic]) {
    if diagnostics.is_empty() {
        return;
    }
    note(render_all(diagnostics, &Look::of_stderr()).trim_end());
}

/// Does the work; a fault of ours on the way is reported as one, and gives nothing.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::env::var_os("RUST_BACKTRACE").is_some() {
                usual(info);
            }
            let payload = info.payload();
            let text = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
            let place = info.location().map(|l| format!(" ({}:{})", l.file(), l.line())).unwrap_or_default();
            mistakes(&[Diagnostic::internal(format!("{}{place}", text.unwrap_or("no message")))]);
        }));
    });
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).ok()
}

/// Is there someone who reads, rather than a file or a pipe?
pub fn is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// May colours go to standard output?
pub fn colours_out() -> bool {
    std::io::stdout().is_terminal() && colours_wanted()
}

fn colours_wanted() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|v: std::ffi::OsString| !v.is_empty());
    !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
}

/// Who reads along with `head` has seen enough: we end without a word.
fn written(result: std::io::Result<()>) {
    match result {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => std::process::exit(READER_GONE),
        // Where the words go cannot be written to: the exit code says it.
        Err(_) => std::process::exit(1),
        Ok(()) => {}
    }
}

/// How reports are to look.
struct Look {
    colour: bool,
    /// Lines are broken to fit a terminal only: recorded reports do not depend on a width.
    wrap: bool,
}

impl Look {
    fn of_stderr() -> Look {
        Look { colour: is_terminal() && colours_wanted(), wrap: is_terminal() }
    }

    fn handler(&self) -> impl ReportHandler + use<> {
        let theme = if self.colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let options = MietteHandlerOpts::new().force_graphical(true).terminal_links(false).graphical_theme(theme).color(self.colour);
        let options = options.context_lines(0).without_cause_chain().wrap_lines(self.wrap);
        if self.wrap { options.build() } else { options.width(100).build() }
    }
}

fn render_all(diagnostics: &[Diagnostic], look: &Look) -> String {
    let mut text: String = diagnostics.iter().map(|d| render(d, look)).collect();
    let warnings = diagnostics.iter().filter(|d| d.severity == Severity::Warning).count();
    let mistakes = diagnostics.len() - warnings;
    if diagnostics.len() > 1 {
        text.push_str(&counts(mistakes, warnings));
        text.push('\n');
    }
    text
}

fn counts(mistakes: usize, warnings: usize) -> String {
    let count = |n: usize, what: &str| match n {
        0 => None,
        1 => Some(format!("1 {what}")),
        n => Some(format!("{n} {what}s")),
    };
    [count(mistakes, "mistake"), count(warnings, "warning")].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn render(diagnostic: &Diagnostic, look: &Look) -> String {
    let rendered = Rendered { report: Report::new(diagnostic), look };
    // miette leaves an empty line above and spaces at the ends of lines.
    let text = rendered.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim_end).skip_while(|l| l.is_empty()).collect();
    format!("{}\n\n", lines.join("\n").trim_end())
}

struct Rendered<'a> {
    report: Report,
    look: &'a Look,
}

impl fmt::Display for Rendered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.look.handler().debug(&self.report, f)
    }
}

/// A diagnostic as miette wants to see it.
#[derive(Debug)]
struct Report {
    message: String,
    severity: miette::Severity,
    help: Option<String>,
    labels: Vec<LabeledSpan>,
    texts: Texts,
}

impl Report {
    fn new(diagnostic: &Diagnostic) -> Report {
        let texts = Texts::of(&diagnostic.labels);
        let labels = diagnostic.labels.iter().enumerate().map(|(k, (span, text))| texts.label(span, text, k == 0)).collect();
        let (message, help) = if diagnostic.severity == Severity::Internal {
            (format!("a fault of moyal itself, not of your program: {}", diagnostic.message), Some(please_report(diagnostic)))
        } else {
            (diagnostic.message.clone(), diagnostic.help.clone())
        };
        let severity = match diagnostic.severity {
            Severity::Warning => miette::Severity::Warning,
            _ => miette::Severity::Error,
        };
        Report { message, severity, help, labels, texts }
    }
}

fn please_report(diagnostic: &Diagnostic) -> String {
    let version = concat!("moyal ", env!("CARGO_PKG_VERSION"));
    let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let request = format!("please report it, with the program and this message ({version}, {system})");
    match &diagnostic.help {
        Some(help) => format!("{help}; {request}"),
        None => request,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Report {}

impl miette::Diagnostic for Report {
    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|h| Box::new(h) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.texts)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        if self.labels.is_empty() { None } else { Some(Box::new(self.labels.iter().cloned())) }
    }
}

/// miette knows one text for a report, ours may speak of several: they are laid end to end, one unused byte between.
#[derive(Debug, Default)]
struct Texts {
    texts: Vec<(usize, Arc<Source>, Excerpt)>,
}

impl Texts {
    /// The texts that these labels speak of.
    fn of(labels: &[(Span, String)]) -> Texts {
        let mut texts = Texts::default();
        for (span, _) in labels {
            if texts.find(&span.source).is_none() {
                let here = labels.iter().filter(|(other, _)| same_text(&other.source, &span.source));
                let excerpt = Excerpt::new(&span.source.text, &here.map(|(other, _)| shown(other)).collect::<Vec<_>>());
                let start = texts.texts.last().map_or(0, |(start, _, before)| start + before.text.len() + 1);
                texts.texts.push((start, span.source.clone(), excerpt));
            }
        }
        texts
    }

    fn find(&self, source: &Arc<Source>) -> Option<&(usize, Arc<Source>, Excerpt)> {
        self.texts.iter().find(|(_, s, _)| same_text(s, source))
    }

    fn label(&self, span: &Span, text: &str, primary: bool) -> LabeledSpan {
        let (first, _, excerpt) = self.find(&span.source).expect("the text of a label");
        let (start, end) = shown(span);
        let (start, end) = (excerpt.shown(start), excerpt.shown(end));
        let place = SourceSpan::from((first + start, end - start));
        let text = Some(text.to_string()).filter(|t| !t.is_empty());
        if primary { LabeledSpan::new_primary_with_span(text, place) } else { LabeledSpan::new_with_span(text, place) }
    }
}

fn same_text(a: &Arc<Source>, b: &Arc<Source>) -> bool {
    Arc::ptr_eq(a, b) || (a.name == b.name && a.text == b.text)
}

impl SourceCode for Texts {
    /// Whole lines, without others around them. (miette's own would count columns in bytes.)
    fn read_span<'a>(&'a self, span: &SourceSpan, _: usize, _: usize) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (start, source, excerpt) = self.texts.iter().rev().find(|(start, ..)| *start <= span.offset()).ok_or(MietteError::OutOfBounds)?;
        let text = excerpt.text.as_str();
        let (from, to) = (span.offset() - start, span.offset() - start + span.len());
        if to > text.len() {
            return Err(MietteError::OutOfBounds);
        }
        let first = text[..from].rfind('\n').map_or(0, |n| n + 1);
        // A span that ends with its newline ends on the line before.
        let inside = if text[from..to].ends_with('\n') { to - 1 } else { to };
        let last = text[inside..].find('\n').map_or(text.len(), |n| inside + n);
        let lines = &text[first..last];
        let written = source.text[..excerpt.written(from)].rsplit('\n').next().unwrap_or("");
        Ok(Box::new(MietteSpanContents::new_named(
            source.name.clone(),
            lines.as_bytes(),
            SourceSpan::from((start + first, lines.len())),
            text[..first].matches('\n').count(),
            written.chars().count(),
            lines.matches('\n').count() + 1,
        )))
    }
}

/// A text as a report shows it: of a very long line only what lies near the places spoken of.
#[derive(Debug)]
struct Excerpt {
    text: String,
    cuts: Vec<Cut>,
}

/// Bytes of the text as it is written, for which a mark stands in the excerpt.
#[derive(Debug)]
struct Cut {
    from: usize,
    to: usize,
    mark: usize,
}

/// A line of more characters is cut, …
const LONG_LINE: usize = 240;
/// … and so many of them are shown on each side of a place.
const BESIDE: usize = 60;
const MARK: &str = "…";

/// A control character (of one byte, as what stands for it).
fn spoils(c: char) -> bool {
    c.is_ascii_control() && !matches!(c, '\n' | '\t')
}

impl Excerpt {
    fn new(text: &str, places: &[(usize, usize)]) -> Excerpt {
        let mut excerpt = Excerpt { text: String::new(), cuts: vec![] };
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let spoken_of = places.iter().any(|(from, to)| *from < start + line.len() && start <= *to);
            if spoken_of && line.chars().count() > LONG_LINE {
                excerpt.add_near(line, start, places);
            } else {
                excerpt.text += line;
            }
            start += line.len();
        }
        // What moves the cursor would spoil the line.
        if excerpt.text.contains(spoils) {
            excerpt.text = excerpt.text.replace(spoils, " ");
        }
        excerpt
    }

    /// Of a line that begins at `start` what lies near the ends of places.
    fn add_near(&mut self, line: &str, start: usize, places: &[(usize, usize)]) {
        let ends: Vec<usize> = places.iter().flat_map(|(from, to)| [*from, *to]).filter(|end| (start..=start + line.len()).contains(end)).collect();
        let places: Vec<usize> = ends.iter().map(|end| line[..end - start].chars().count()).collect();
        let mut left_out = None;
        for (k, (at, c)) in line.char_indices().enumerate() {
            if c == '\n' || places.iter().any(|place| place.abs_diff(k) <= BESIDE) {
                self.leave_out(left_out.take(), start + at);
                self.text.push(c);
            } else {
                left_out.get_or_insert(start + at);
            }
        }
        self.leave_out(left_out, start + line.len());
    }

    fn leave_out(&mut self, from: Option<usize>, to: usize) {
        if let Some(from) = from {
            self.cuts.push(Cut { from, to, mark: self.text.len() });
            self.text += MARK;
        }
    }

    /// Where a place of the text stands in the excerpt.
    fn shown(&self, at: usize) -> usize {
        match self.cuts.iter().rev().find(|cut| cut.from <= at) {
            Some(cut) if at < cut.to => cut.mark,
            Some(cut) => cut.mark + MARK.len() + at - cut.to,
            None => at,
        }
    }

    /// Where a place of the excerpt stands in the text.
    fn written(&self, at: usize) -> usize {
        match self.cuts.iter().rev().find(|cut| cut.mark <= at) {
            Some(cut) if at < cut.mark + MARK.len() => cut.from,
            Some(cut) => cut.to + at - cut.mark - MARK.len(),
            None => at,
        }
    }
}

/// What to underline: of a long stretch its first line, of an empty place a character beside it (miette draws nothing at
/// the end of a line).
fn shown(span: &Span) -> (usize, usize) {
    let text = &span.source.text;
    if span.start == span.end {
        let before = text[..span.start].trim_end();
        return match text[span.end..].chars().next() {
            Some(c) if !c.is_whitespace() => (span.start, span.start + c.len_utf8()),
            _ => (before.len() - before.chars().next_back().map_or(0, char::len_utf8), before.len()),
        };
    }
    let stretch = text[span.start..span.end].trim_end();
    match stretch.find('\n') {
        Some(first) if stretch.matches('\n').count() >= LONG => (span.start, span.start + first),
        _ => (span.start, span.start + stretch.len()),
    }
}

/// As many lines are not shown whole.
const LONG: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Look = Look { colour: false, wrap: false };

    fn source(name: &str, text: &str) -> Arc<Source> {
        Arc::new(Source::new(name, text))
    }

    fn of(source: &Arc<Source>, part: &str) -> Span {
        let start = source.text.find(part).unwrap();
        Span::new(source, start, start + part.len())
    }

    #[test]
    fn two_labels_and_a_reason() {
        let text = source("a.moy", "lattice Λ = torus(4, 4)\nlattice M = torus(8, 8)\nlet φ = ψ + χ[0]\n");
        let d = Diagnostic::error("these fields live on different lattices")
            .label(&of(&text, "ψ"), "on Λ")
            .label(&of(&text, "χ"), "on M")
            .help("bring them to one lattice first");
        let expected = "  × these fields live on different lattices
   ╭─[a.moy:3:9]
 3 │ let φ = ψ + χ[0]
   ·         ┬   ┬
   ·         │   ╰── on M
   ·         ╰── on Λ
   ╰────
  help: bring them to one lattice first

";
        assert_eq!(render(&d, &PLAIN), expected);
    }

    #[test]
    fn labels_in_several_texts() {
        let mine = source("a.moy", "let x = f(1)");
        let library = source("library rmt", "fn f(x) =\n    x @ x\n");
        let d = Diagnostic::error("`@` wants matrices").label(&of(&mine, "f(1)"), "called here").label(&of(&library, "x @ x"), "used here");
        let text = render(&d, &PLAIN);
        assert!(text.contains("[a.moy:1:9]") && text.contains("[library rmt:2:5]"), "{text}");
        assert!(text.contains("called here") && text.contains("used here"), "{text}");
    }

    #[test]
    fn the_end_of_a_text_can_be_wrong() {
        for text in ["let x =", "let φ =\n", "let φ =  \n\n  "] {
            let text = source("a.moy", text);
            let end = text.text.len();
            let d = Diagnostic::error("here it ends").label(&Span::new(&text, end, end), "an expression was expected");
            assert!(render(&d, &PLAIN).contains("an expression was expected"), "{}", render(&d, &PLAIN));
        }
    }

    #[test]
    fn of_a_long_stretch_the_first_line() {
        let text = source("a.moy", "fn f(x) {\n    1\n    2\n    3\n    4\n}\n");
        let d = Diagnostic::error("no").label(&Span::new(&text, 0, text.text.len()), "this");
        assert!(!render(&d, &PLAIN).contains('4'), "{}", render(&d, &PLAIN));
        let text = source("a.moy", "fn f(x) {\n    1\n}\n");
        let d = Diagnostic::error("no").label(&Span::new(&text, 0, text.text.len()), "this");
        assert!(render(&d, &PLAIN).contains(" 3 │"), "{}", render(&d, &PLAIN));
    }

    #[test]
    fn of_a_very_long_line_what_lies_near() {
        let text = source("a.moy", &format!("let y = 1\nlet x = {}q{} + r\nlet z = 2\n", "1.0 + ".repeat(50), " + φ".repeat(50)));
        let d = Diagnostic::error("no").label(&of(&text, "q"), "this").label(&of(&text, "r"), "that");
        let shown = render(&d, &PLAIN);
        for part in ["[a.moy:2:309]", " 2 │ …1.0 + 1.0 + ", " + q + φ + φ", "φ …φ", "φ + φ + r\n"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(shown.lines().all(|line| line.chars().count() < 280), "{shown}");
        let d = Diagnostic::error("no").label(&of(&text, &text.text[10..text.text.len() - 11]), "all of it");
        assert!(render(&d, &PLAIN).contains("2 │ let x = 1.0"), "{}", render(&d, &PLAIN));
    }

    #[test]
    fn several_are_counted() {
        let two = [Diagnostic::error("one"), Diagnostic::warning("two"), Diagnostic::error("three")];
        assert_eq!(render_all(&two, &PLAIN), "  × one\n\n  ⚠ two\n\n  × three\n\n2 mistakes, 1 warning\n");
        assert_eq!(render_all(&two[..1], &PLAIN), "  × one\n\n");
    }

    #[test]
    fn a_fault_of_ours_ends_in_a_report_and_gives_nothing() {
        let text = String::from("3");
        assert_eq!(guarded(|| text.len()), Some(1));
        assert_eq!(guarded(|| text.parse::<u8>().ok().filter(|n| *n > 3).expect("a fault made for this test")), None);
    }

    #[test]
    fn our_faults_are_ours() {
        let text = render(&Diagnostic::internal("an empty region"), &PLAIN);
        assert!(text.contains("a fault of moyal itself") && text.contains("please report it"), "{text}");
    }

    #[test]
    fn colours_where_they_are_wanted() {
        let d = Diagnostic::error("no").help("yes");
        assert!(render(&d, &Look { colour: true, wrap: true }).contains('\x1b'));
        assert!(!render(&d, &PLAIN).contains('\x1b'));
    }
}
