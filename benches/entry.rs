//! Moyal as one entry of a race that others hold: `entry WORKLOAD CONFIGURATION` does the work once, then three times (or `BENCH_REPS`), from
//! the text of the program to its number, and prints one line of JSON: units of work a second by the median, seconds from the start of the process
//! (`BENCH_T0`, seconds since 1970) to the first result, memory, processors used by this process and by others meanwhile.
//! `cargo bench --bench entry -- w1_sde_ensemble default`

mod race;

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What is run, with which params, and how many units of work that is.
struct Work {
    metric: &'static str,
    text: &'static str,
    params: &'static [(&'static str, usize)],
    units: usize,
    observable: &'static str,
}

/// Steps of a trajectory.
const STEPS: usize = 10;

fn work(workload: &str, configuration: &str) -> Option<Work> {
    let hmc = include_str!("models/phi4_hmc.moy");
    let field = include_str!("models/field_langevin.moy");
    let well = include_str!("models/double_well.moy");
    let complex = include_str!("models/complex_langevin.moy");
    let work = |metric, text, params, units, observable| Some(Work { metric, text, params, units, observable });
    match (workload, configuration) {
        ("w1_sde_ensemble", _) => work("path-steps", well, &[], 100_000 * 1000, "x2"),
        ("w2_phi4_hmc", "1x512x512") => {
            work("site-updates", hmc, &[("L", 512), ("chains", 1), ("draws", 40)], 512 * 512 * STEPS * 40, "phi2")
        }
        ("w2_phi4_hmc", _) => work("site-updates", hmc, &[("draws", 400)], 64 * 32 * 32 * STEPS * 400, "phi2"),
        ("w3_phi4_langevin", "1x1024x1024") => {
            work("site-updates", field, &[("L", 1024), ("chains", 1), ("steps", 100)], 1024 * 1024 * 100, "phi2")
        }
        ("w3_phi4_langevin", _) => work("site-updates", field, &[("steps", 1500)], 64 * 32 * 32 * 1500, "phi2"),
        ("w4_complex_langevin", _) => work("walker-steps", complex, &[], 100_000 * 1000, "z2_re"),
        ("w12_latency", _) => work("cold start to result", hmc, &[("L", 8), ("chains", 1), ("draws", 100)], 1, "phi2"),
        _ => None,
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let [workload, configuration] = &arguments[..] else {
        return println!("{{\"error\": \"entry WORKLOAD CONFIGURATION\"}}");
    };
    if let ("w11_autodiff", "phi4" | "ode") = (&workload[..], &configuration[..]) {
        let name = if configuration == "ode" { "star" } else { "action" };
        let (seconds, value) = race::gradient(name, race::THREADS);
        let [alone, _, both] = seconds;
        return line(workload, configuration, "value_and_grad/value", "ratio", both / alone, since_start(), "value", value, "");
    }
    let Some(work) = work(workload, configuration) else { return };
    let run = || race::moyal(work.text, work.params);
    let number = run();
    let first = since_start();
    if workload == "w12_latency" {
        return line(workload, "phi4-8x8", work.metric, "s", first, first, work.observable, number, "");
    }
    let rounds = std::env::var("BENCH_REPS").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
    let (begin, all, own) = (Instant::now(), busy_of_all(), own());
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .collect();
    let wall = begin.elapsed().as_secs_f64();
    let (own, all) = ((self::own() - own) / wall, (busy_of_all() - all) / wall);
    times.sort_by(f64::total_cmp);
    let rate = work.units as f64 / times[times.len() / 2];
    let processors = format!(", \"cores_used\": {own:.2}, \"foreign\": {:.2}", (all - own).max(0.0));
    line(workload, configuration, work.metric, "1/s", rate, first, work.observable, number, &processors);
}

#[allow(clippy::too_many_arguments)]
fn line(workload: &str, configuration: &str, metric: &str, unit: &str, value: f64, first: f64, observable: &str, number: f64, more: &str) {
    println!(
        "{{\"workload\": \"{workload}\", \"peer\": \"moyal\", \"config\": \"{configuration}\", \"metric\": \"{metric}\", \"value\": {value:.6e}, \
         \"unit\": \"{unit}\", \"first_result_s\": {first:.3}, \"rss_mb\": {:.1}, \"check\": {{\"{observable}\": {number}}}{more}}}",
        peak_memory()
    );
}

fn since_start() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
    std::env::var("BENCH_T0").ok().and_then(|t| t.parse::<f64>().ok()).map_or(f64::NAN, |start| now - start)
}

/// Numbers of a line of a file of /proc that begins with a word.
fn numbers(file: &str, word: &str) -> Vec<f64> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with(word)).unwrap_or("").to_string();
    line.split_whitespace().filter_map(|n| n.parse().ok()).collect()
}

/// Processor seconds of the machine: all but idle and waiting, in hundredths.
fn busy_of_all() -> f64 {
    let ticks = numbers("/proc/stat", "cpu ");
    ticks.iter().take(8).enumerate().filter(|(k, _)| *k != 3 && *k != 4).map(|(_, n)| n / 100.0).sum()
}

/// Processor seconds of this process.
fn own() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or("").split_whitespace().filter_map(|n| n.parse::<f64>().ok());
    // utime and stime are fields 14 and 15; the first one after the bracket, a letter, is field 3.
    fields.skip(10).take(2).sum::<f64>() / 100.0
}

/// The most memory of this process so far, in MB.
fn peak_memory() -> f64 {
    numbers("/proc/self/status", "VmHWM").first().map_or(f64::NAN, |kb| kb / 1024.0)
}
