//! Failure drills: the real binary, under load, against what disks, networks and clients do to it.
//!
//! `cargo test -p likewise --test drills` runs each a few times;
//! `cargo test --release -p likewise --test drills -- --rounds 20 [NAME...]` runs many. At the end stands a
//! table of what was tried, how often, how many likes were acknowledged, and what of them was lost or
//! counted twice. The exit code is 1 where that is anything, or where a drill found something else amiss.

#![expect(clippy::unwrap_used, reason = "a drill may stop at the first surprise")]
#![expect(clippy::print_stderr, reason = "a failed drill shows what its nodes said")]

#[path = "../cluster/ask.rs"]
#[expect(dead_code, reason = "some of it is for the cluster's tests")]
mod ask;

#[path = "../cluster/nodes.rs"]
#[expect(dead_code, reason = "some of it is for the cluster's tests")]
mod nodes;

#[path = "../cluster/load.rs"]
#[expect(dead_code, reason = "some of it is for the cluster's tests")]
mod load;

#[path = "../cluster/record.rs"]
#[expect(dead_code, reason = "some of it is for the cluster's tests")]
mod record;

#[path = "../cluster/holdings.rs"]
mod holdings;

#[path = "../cluster/steady.rs"]
mod steady;

#[path = "../cluster/update.rs"]
mod update;

mod options;

mod tally;

mod audit;

mod ballast;

mod reader;

mod disks;

mod pair;

mod relay;

mod guarded;

mod kills;

mod full_disk;

mod read_only;

mod damage;

mod slow_disk;

mod descriptors;

mod slow_clients;

mod idle;

mod outsiders;

mod replay;

mod next;

mod rolling;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use options::Options;
use tally::Tally;

/// A drill.
struct Drill {
    name: &'static str,
    tried: &'static str,
    /// Whether it mostly waits for a time that the product promises: then it runs beside the others.
    waits: bool,
    /// Runs it. An error is the reason why this machine can't.
    run: fn(&mut Tally) -> Result<(), String>,
}

/// All drills, in the order of the table.
const DRILLS: [Drill; 15] = [
    kills::ONE,
    kills::THREE,
    full_disk::FULL,
    read_only::READ_ONLY,
    damage::FILES,
    damage::SNAPSHOTS,
    damage::REJOIN,
    slow_disk::SLOW,
    descriptors::EXHAUSTED,
    slow_clients::SLOW,
    idle::IDLE,
    outsiders::MALFORMED,
    outsiders::WRONG_KEY,
    replay::REPLAYED,
    rolling::ROLLING,
];

/// What came of a drill.
struct Report {
    drill: &'static Drill,
    tally: Tally,
    took: Duration,
    end: End,
}

enum End {
    Passed,
    Skipped(String),
    Failed(String),
}

fn main() -> ExitCode {
    if std::env::args().nth(1).is_some_and(|word| word == "serve") {
        return next::serve();
    }
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("error: {problem}");
            return ExitCode::from(2);
        }
    };
    if options.lists {
        let lines: String =
            DRILLS.iter().map(|drill| format!("{}: {}\n", drill.name, drill.tried)).collect();
        say(&lines);
        return ExitCode::SUCCESS;
    }
    if !DRILLS.iter().any(|drill| options.wants(drill.name)) {
        // Cargo hands the names of other tests to every test program, so this is no error.
        eprintln!("no drill has any of {:?} in its name: --list shows all", options.names);
        return ExitCode::SUCCESS;
    }
    let began = Instant::now();
    let reports = run_all(&options);
    say(&table(&reports));
    say(&format!("seed {}, {} s in all\n", options.seed, began.elapsed().as_secs()));
    let complaints: Vec<String> = reports.iter().flat_map(Report::complaints).collect();
    complaints.iter().for_each(|complaint| eprintln!("FAILED {complaint}"));
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_all(options: &Options) -> Vec<Report> {
    let wanted: Vec<(usize, &'static Drill)> =
        DRILLS.iter().enumerate().filter(|(_, drill)| options.wants(drill.name)).collect();
    let (waiting, working): (Vec<_>, Vec<_>) =
        wanted.into_iter().partition(|(_, drill)| drill.waits);
    let mut reports = std::thread::scope(|scope| {
        let waiting: Vec<_> = waiting
            .into_iter()
            .map(|(number, drill)| scope.spawn(move || (number, run(number, drill, options))))
            .collect();
        let mut reports: Vec<(usize, Report)> = working
            .into_iter()
            .map(|(number, drill)| (number, run(number, drill, options)))
            .collect();
        reports.extend(waiting.into_iter().map(|drill| drill.join().unwrap()));
        reports
    });
    reports.sort_by_key(|(number, _)| *number);
    reports.into_iter().map(|(_, report)| report).collect()
}

fn run(number: usize, drill: &'static Drill, options: &Options) -> Report {
    eprintln!("== {}: {}", drill.name, drill.tried);
    let began = Instant::now();
    let mut tally = Tally::new(options.rounds, options.seed ^ (number as u64 + 1) << 32);
    tally.old.clone_from(&options.old);
    let ended = catch_unwind(AssertUnwindSafe(|| (drill.run)(&mut tally)));
    let end = match ended {
        Ok(Ok(())) => End::Passed,
        Ok(Err(why)) => End::Skipped(why),
        Err(panic) => End::Failed(said(&*panic)),
    };
    // What is still missing at a later look is missing once.
    for likes in [&mut tally.lost, &mut tally.doubled] {
        likes.sort_unstable();
        likes.dedup();
    }
    let took = began.elapsed();
    eprintln!("== {} ended after {:.1} s", drill.name, took.as_secs_f64());
    Report { drill, tally, took, end }
}

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}

impl Report {
    /// All that is wrong, a sentence each.
    fn complaints(&self) -> Vec<String> {
        let name = self.drill.name;
        let shown = |what: &str, likes: &[String]| {
            (!likes.is_empty()).then(|| {
                let shown = &likes[..likes.len().min(5)];
                format!("{name}: {} acknowledged likes {what}, as {shown:?}", likes.len())
            })
        };
        let mut all = Vec::new();
        all.extend(shown("were lost", &self.tally.lost));
        all.extend(shown("were counted twice or made up", &self.tally.doubled));
        match &self.end {
            End::Passed if self.tally.rounds == 0 => {
                all.push(format!("{name}: nothing was tried, so nothing was shown"));
            }
            End::Passed => {}
            End::Skipped(why) if std::env::var_os("CI").is_some() => {
                all.push(format!("{name}: a machine that checks changes must be able to: {why}"));
            }
            End::Skipped(_) => {}
            End::Failed(why) => all.push(format!("{name}: {why}")),
        }
        all
    }

    fn row(&self) -> String {
        let Tally { rounds, likes, requests, lost, doubled, .. } = &self.tally;
        let (lost, doubled) = (lost.len(), doubled.len());
        let notes = match &self.end {
            End::Passed => self.tally.notes().join("; "),
            End::Skipped(why) => format!("SKIPPED: {why}"),
            End::Failed(_) => "FAILED, see below".to_owned(),
        };
        let (name, tried, took) = (self.drill.name, self.drill.tried, self.took.as_secs_f64());
        format!(
            "| {name} | {tried} | {rounds} | {likes} | {requests} | {lost} | {doubled} | {took:.0} s | {notes} |\n"
        )
    }
}

fn table(reports: &[Report]) -> String {
    let head = "\n| drill | tried, each under load | times | likes acknowledged | in requests | lost | doubled | took | seen |\n\
                |---|---|---:|---:|---:|---:|---:|---:|---|\n";
    let rows: String = reports.iter().map(Report::row).collect();
    format!("{head}{rows}")
}

fn say(text: &str) {
    std::io::stdout().write_all(text.as_bytes()).unwrap();
}
