//! The command of the simulator: one run line by line, or many until something is wrong.

use std::io::Write;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use likewise_sim::options::Options;
use likewise_sim::run::{Sum, Which, run, shrink};
use likewise_sim::sweep::Sweep;
use likewise_sim::trace::Trace;
use likewise_sim::world::Failure;

/// Runs Likewise's protocol in a simulated world that tries to break it.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Run this seed, and print what happens
    #[arg(long, conflicts_with = "runs")]
    seed: Option<u64>,

    /// Of the seed's faults only these, by number: 0,3,7, or none
    #[arg(long, requires = "seed", value_parser = numbers)]
    only: Option<Numbers>,

    /// Leave these out of the run
    #[arg(long, requires = "seed", value_delimiter = ',', value_parser = names())]
    without: Vec<String>,

    /// Print what the run is made of and what came of it, and no lines
    #[arg(long, requires = "seed")]
    quiet: bool,

    /// Run so many seeds
    #[arg(long)]
    runs: Option<u64>,

    /// The first of them
    #[arg(long, default_value_t = 1)]
    start: u64,

    /// Stop after so many seeds that fail
    #[arg(long, default_value_t = 5, value_parser = at_least_one)]
    failures: usize,

    /// Use so many threads instead of one a core; what is found does not depend on it
    #[arg(long, value_parser = at_least_one)]
    threads: Option<usize>,

    /// Look for a shorter run like a failing one in at most so many runs
    #[arg(long, default_value_t = 400)]
    shrink_runs: usize,

    /// Print failing seeds as they are, without looking for shorter runs
    #[arg(long)]
    no_shrink: bool,
}

/// Faults by number.
#[derive(Clone)]
struct Numbers(Vec<usize>);

fn numbers(text: &str) -> Result<Numbers, String> {
    if text == "none" {
        return Ok(Numbers(Vec::new()));
    }
    let parse = |number: &str| {
        number.parse().map_err(|_| format!("{number:?} is no number: say 0,3,7, or none"))
    };
    text.split(',').map(parse).collect::<Result<_, _>>().map(Numbers)
}

fn at_least_one(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| format!("{text:?} is not enough: say 1 or more"))
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(Options::CALMS.iter().map(|(name, _)| *name))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let is_good = match (arguments.seed, arguments.runs) {
        (Some(seed), _) => one(seed, &arguments),
        (None, Some(runs)) => many(runs, &arguments),
        (None, None) => {
            say("say --seed N for one run, or --runs N for many; --help tells the rest");
            return ExitCode::from(2);
        }
    };
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn say(line: &str) {
    // Whoever reads may have seen enough.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn one(seed: u64, arguments: &Arguments) -> bool {
    let only = arguments.only.clone().map(|Numbers(only)| only);
    let which = Which { seed, only, without: arguments.without.clone() };
    describe(&which);
    let trace = if arguments.quiet { Trace::silent() } else { Trace::printing(say) };
    let (result, trace) = run(&which, trace);
    say(&format!("trace       {} lines, hash {:016x}", trace.lines(), trace.hash()));
    match &result {
        Ok(figures) => say(&format!("all good    {figures:?}")),
        Err(failure) => say(&format!("FAILED      {failure}")),
    }
    result.is_ok()
}

fn describe(which: &Which) {
    say(&which.options().to_string());
    for (number, planned) in which.schedule() {
        say(&format!("fault {number:>2}    {planned}"));
    }
}

/// Runs many seeds, on all cores unless told otherwise.
fn many(runs: u64, arguments: &Arguments) -> bool {
    // What panics is caught and told with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    let sweep = Mutex::new(Sweep::new(arguments.start, runs, arguments.failures));
    let work = || {
        loop {
            let Some(seed) = locked(&sweep).next_seed() else { return };
            let (result, _) = run(&Which::seed(seed), Trace::silent());
            // Told under the lock: lines stay in the order of their seeds.
            for (seed, failure) in locked(&sweep).ended(seed, result) {
                say(&format!("seed {seed} FAILED: {failure}"));
            }
        }
    };
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..arguments.threads.unwrap_or_else(cores) {
            scope.spawn(work);
        }
    });
    let sweep = locked(&sweep);
    tell(sweep.sum());
    if let Some((seed, failure)) = sweep.failures().first().filter(|_| !arguments.no_shrink) {
        tell_shortest(*seed, failure, arguments.shrink_runs);
    }
    let is_decided = sweep.sum().is_decided();
    if !is_decided {
        say(&format!("FAILED      {} histories are undecided", sweep.sum().figures.undecided));
    }
    sweep.failures().is_empty() && is_decided
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tell(sum: &Sum) {
    let it = &sum.figures;
    say(&format!(
        "{} runs good: {:.1} simulated hours, {} acknowledged likes and unlikes, {} faults, {} starts; \
         equal after {:.1} s at most",
        sum.runs,
        it.simulated.as_secs_f64() / 3_600.0,
        it.acknowledged,
        it.faults,
        it.starts,
        sum.slowest.as_secs_f64()
    ));
    say(&format!(
        "among them: {} full outboxes, {} full links, {} requests turned away, {} full disks, {} snapshots, \
         {} repairs, {} whole slots, {} members taken for dead, {} of them came back",
        it.overflows,
        it.links_overflowed,
        it.overloads,
        it.stalls,
        it.snapshots,
        it.repairs,
        it.whole_slots,
        it.deaths,
        it.renewals
    ));
    say(&format!(
        "votes: {} requests that voters stood behind, {} histories checked, {} of them undecided; reads of one, \
         two, three and more rounds {:?}, {} contended, {} requests unanswered, {} writes held back; {} voters \
         lost their data, {} of them got an old image, {} came back to their votes",
        it.voted,
        it.histories,
        it.undecided,
        it.rounds,
        it.contended,
        it.unanswered,
        it.held,
        it.votes_lost,
        it.images_of_voters,
        it.came_back
    ));
}

fn tell_shortest(seed: u64, failure: &Failure, runs_max: usize) {
    let (which, failure) = shrink(&Which::seed(seed), failure, runs_max);
    say(&format!("\nthe shortest run like that of seed {seed} that was found:\n"));
    describe(&which);
    let (_, trace) = run(&which, Trace::keeping());
    say("\nits last lines:\n");
    trace.kept().for_each(say);
    say(&format!("\nFAILED      {failure}"));
    say(&format!("once more   cargo run --release -p likewise-sim -- {}", which.arguments()));
}
