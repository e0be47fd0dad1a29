//! Interim command line.
use moyal_lang::diagnostic::Diagnostic;
use moyal_lang::host::*;
use moyal_lang::session::Session;

struct Plain;

impl Host for Plain {
    fn print(&mut self, text: &str) {
        println!("{text}");
    }
    fn plot(&mut self, figure: &Figure) -> Result<(), String> {
        println!("[figure of {} layers]", figure.layers.len());
        Ok(())
    }
    fn save(&mut self, _: &str, _: &Stored) -> Result<(), String> {
        Err("not yet".into())
    }
    fn header(&mut self, _: &str) -> Result<Header, String> {
        Err("not yet".into())
    }
    fn load(&mut self, _: &str) -> Result<Stored, String> {
        Err("not yet".into())
    }
    fn read_source(&mut self, _: &str, name: &str) -> Result<(String, String), String> {
        std::fs::read_to_string(name).map(|t| (name.to_string(), t)).map_err(|e| e.to_string())
    }
    fn progress(&mut self, p: &Progress) {
        eprintln!("{} {}/{:?}", p.what, p.done, p.total);
    }
    fn warn(&mut self, d: &Diagnostic) {
        eprintln!("{}", d.message);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let text = std::fs::read_to_string(&arguments[1]).unwrap();
    let mut options = Options::default();
    for pair in arguments[2..].chunks(2) {
        match pair[0].as_str() {
            "--seed" => options.seed = pair[1].parse().unwrap(),
            "--interpret" => options.interpret = pair[1] == "1",
            "--threads" => options.threads = pair[1].parse().unwrap(),
            name => options.params.push((name.trim_start_matches("--").into(), pair[1].clone())),
        }
    }
    let mut session = Session::new(moyal_stdlib::module, options);
    if let Err(mistakes) = session.run(&arguments[1], &text, &mut Plain) {
        for d in mistakes {
            println!("error: {}", d.message);
            for (span, text) in &d.labels {
                println!("  {}:{}: `{}` {}", span.source.name, span.line(), span.text(), text);
            }
            if let Some(help) = d.help {
                println!("  help: {help}");
            }
        }
        std::process::exit(1);
    }
}
