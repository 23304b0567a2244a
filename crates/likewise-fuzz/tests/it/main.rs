//! The fuzz targets on any toolchain: their seeds, what once broke them, and seeded mutations of both.
//!
//! Each target runs in a process of its own, in which nothing else allocates: so a peak of memory is its own,
//! and a stack that overflows or an allocation that fails ends nothing else. That process is this test again.
#![expect(clippy::unwrap_used, reason = "a test that can't go on stops where it is")]

mod child;
mod input;
mod manifest;
mod mutation;

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Mutex;

use input::Inputs;
use likewise_fuzz::{TARGETS, Target};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Inputs of the fastest targets, where `LIKEWISE_FUZZ_RUNS` says no other number. A target that is slower
/// by some factor gets as many fewer. That is some twenty seconds on two busy cores.
const RUNS: u64 = 12_000;

/// Bytes of a hostile input that are shown; the rest is in its file.
const SHOWN_BYTES: usize = 256;

/// Lines of its last words that are shown: the first panic stands at their beginning.
const WORDS_SHOWN: usize = 12;

/// Names the target that the process is for.
const CHILD: &str = "LIKEWISE_FUZZ_TARGET";

/// Names the file in which that process notes which input it is at.
const PROGRESS: &str = "LIKEWISE_FUZZ_PROGRESS";

fn runs() -> u64 {
    let text = std::env::var("LIKEWISE_FUZZ_RUNS").ok();
    text.map_or(RUNS, |text| text.parse().expect("LIKEWISE_FUZZ_RUNS is a number of inputs"))
}

#[test]
fn no_decoder_panics_hangs_or_takes_more_memory_than_its_input_is_worth() {
    if let Ok(name) = std::env::var(CHILD) {
        let target = TARGETS.iter().find(|target| target.name == name).expect("it is a target");
        return child::run(target, runs(), &PathBuf::from(std::env::var_os(PROGRESS).unwrap()));
    }
    let left = Mutex::new(TARGETS.iter().collect::<Vec<_>>());
    let failures = Mutex::new(Vec::new());
    let processes = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..processes {
            scope.spawn(|| {
                while let Some(target) = { left.lock().unwrap().pop() } {
                    failures.lock().unwrap().extend(run_apart(target));
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Runs a target in a process of its own, and tells how it failed.
fn run_apart(target: &Target) -> Option<String> {
    let progress = std::env::temp_dir().join(format!(
        "likewise-fuzz-{}-{}.at",
        std::process::id(),
        target.name
    ));
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("no_decoder_panics_hangs_or_takes_more_memory_than_its_input_is_worth")
        .env(CHILD, target.name)
        .env("RUST_BACKTRACE", "0")
        .env(PROGRESS, &progress)
        .output()
        .unwrap();
    let at = child::read_progress(&progress);
    // It is there where the process got so far.
    let _ = std::fs::remove_file(&progress);
    (!output.status.success()).then(|| report(target, at, &output))
}

/// What happened, and the input that it happened with: made anew, for that process may be dead.
fn report(target: &Target, at: u64, output: &Output) -> String {
    let input = Inputs::new(target).make(at);
    let file = std::env::temp_dir().join(format!(
        "likewise-fuzz-{}-{}-{at}.bin",
        std::process::id(),
        target.name
    ));
    std::fs::write(&file, &input).unwrap();
    let shown: String = input.iter().take(SHOWN_BYTES).map(|byte| format!("{byte:02x}")).collect();
    let words = String::from_utf8_lossy(&output.stderr);
    let words: Vec<&str> = words.lines().take(WORDS_SHOWN).collect();
    format!(
        "target {} broke ({}) at input {at}, of {} bytes, kept in {}:\n{shown}\n{}",
        target.name,
        output.status,
        input.len(),
        file.display(),
        words.join("\n"),
    )
}
