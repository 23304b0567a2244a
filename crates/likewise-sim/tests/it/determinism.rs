//! One seed, one run: in this process, in another one, and whoever looks on.

use std::process::Command;

use super::*;

#[test]
fn a_seed_makes_the_same_run_whether_anybody_looks_on_or_not() {
    for seed in 1..40 {
        let (silent, one) = run(&Which::seed(seed), Trace::silent());
        let (kept, other) = run(&Which::seed(seed), Trace::keeping());
        assert_eq!(silent, kept, "seed {seed}");
        assert_eq!((one.hash(), one.lines()), (other.hash(), other.lines()), "seed {seed}");
        assert!(one.lines() > 20, "seed {seed}: {} lines", one.lines());
    }
}

#[test]
fn a_seed_makes_the_same_run_in_every_process() {
    for seed in [3, 5, 8] {
        let output = || {
            let command = &mut Command::new(env!("CARGO_BIN_EXE_likewise-sim"));
            let output = command.args(["--seed", &format!("{seed}")]).output().unwrap();
            assert!(output.status.success(), "seed {seed}");
            String::from_utf8(output.stdout).unwrap()
        };
        let (one, other) = (output(), output());
        assert_eq!(one, other, "seed {seed}");
        let (_, trace) = run(&Which::seed(seed), Trace::silent());
        let hash = format!("hash {:016x}", trace.hash());
        assert!(one.contains(&hash), "seed {seed}: {hash} in this process");
    }
}

#[test]
fn other_seeds_make_other_runs() {
    let hashes = (1..20).map(|seed| run(&Which::seed(seed), Trace::silent()).1.hash());
    let hashes: std::collections::BTreeSet<u64> = hashes.collect();
    assert_eq!(hashes.len(), 19);
}

#[test]
fn what_is_left_out_of_a_run_does_not_happen_in_it() {
    let which = (1..200).map(Which::seed).find(|which| which.schedule().len() >= 8).unwrap();
    let two = Which { only: Some(vec![1, 4]), without: vec!["loss".to_owned()], ..which };
    assert_eq!(two.schedule().len(), 2);
    assert_eq!(two.options().loss.to_bits(), 0.0f64.to_bits());
    let (result, _) = run(&two, Trace::silent());
    assert!(result.unwrap().faults <= 2);
    let none = Which { only: Some(Vec::new()), ..two };
    assert_eq!(none.arguments(), format!("--seed {} --only none --without loss", none.seed));
    assert_eq!(run(&none, Trace::silent()).0.unwrap().faults, 0);
}
