//! One target in this process: all its inputs, one after the other, each measured.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use likewise_fuzz::Target;

use crate::MEMORY;
use crate::input::Inputs;

/// How long one input may take: a thousand times what the slowest takes on a busy machine. Then the process
/// ends, and the test fails.
const INPUT_TIME: Duration = Duration::from_secs(10);

/// How often somebody looks whether an input takes so long.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// Runs `runs` mutations of a target, fewer where it is slow, after its seeds and what once broke it.
pub(crate) fn run(target: &Target, runs: u64, progress: &Path) {
    let inputs = Inputs::new(target);
    if let Some(corpus) = std::env::var_os("LIKEWISE_FUZZ_CORPUS") {
        inputs.write_known(target.name, Path::new(&corpus));
    }
    let progress = File::create(progress).unwrap();
    let begin = |number: u64| {
        progress.write_all_at(&number.to_le_bytes(), 0).unwrap();
        INPUTS_BEGUN.fetch_add(1, Ordering::Relaxed);
        inputs.make(number)
    };
    watch(target.name);
    // What is made once for all inputs is made here, and not on the account of the first.
    inputs.known().for_each(|number| (target.run)(&begin(number)));
    let mutations = (runs / target.slowness as u64).max(1);
    for number in inputs.known().chain(inputs.mutations(mutations)) {
        let input = begin(number);
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        (target.run)(&input);
        let taken = MEMORY.peak_usage().saturating_sub(before);
        let most = target.bound.bytes(input.len());
        assert!(taken <= most, "took {taken} bytes of memory, more than {most}");
    }
}

/// The input that a process was at; 0 where it had not begun.
pub(crate) fn read_progress(file: &Path) -> u64 {
    let bytes = std::fs::read(file).unwrap_or_default();
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

static INPUTS_BEGUN: AtomicU64 = AtomicU64::new(0);

/// Ends the process where one input takes too long. It allocates nothing while inputs are measured.
fn watch(name: &'static str) {
    std::thread::spawn(move || {
        let mut last = (0, Instant::now());
        loop {
            std::thread::sleep(LOOK_INTERVAL);
            let begun = INPUTS_BEGUN.load(Ordering::Relaxed);
            if begun != last.0 {
                last = (begun, Instant::now());
            } else if last.1.elapsed() > INPUT_TIME {
                let words = format!("{name} takes longer than {INPUT_TIME:?} for one input\n");
                // The test that has started this process reads it.
                let _ = std::io::stderr().write_all(words.as_bytes());
                std::process::exit(1);
            }
        }
    });
}
