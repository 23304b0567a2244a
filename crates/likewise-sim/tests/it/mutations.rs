//! The simulator can fail: mistakes that somebody could make are made on purpose, in a copy of the sources,
//! and each must be found.
//!
//! All of them are built at once, each behind a switch that the environment turns on, so that one build is
//! enough (mutant schemata). A mistake that no longer fits the sources fails here too: then somebody has
//! changed the line, and should say what the mistake would be now.
//!
//! Source: R. H. Untch, A. J. Offutt and M. J. Harrold, "Mutation analysis using mutant schemata", ISSTA
//! 1993.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

mod replication;

mod votes;

/// Runs after which a mistake counts as not found.
const RUNS: &str = "4000";

/// Runs that the search for a shorter one may take: enough to see that it finds one that fails too.
const SHRINK_RUNS: &str = "60";

/// The crates that a simulated node is made of.
const CRATES: [&str; 5] =
    ["likewise-state", "likewise-replica", "likewise-journal", "likewise-history", "likewise-sim"];

/// The switch of all mistakes, in each crate.
const SWITCH: &str = r#"

/// Whether this mistake is made.
#[allow(dead_code, missing_docs)]
pub(crate) fn mistake(name: &str) -> bool {
    extern crate std;
    static NAME: std::sync::OnceLock<Option<std::string::String>> = std::sync::OnceLock::new();
    NAME.get_or_init(|| std::env::var("MISTAKE").ok()).as_deref() == Some(name)
}
"#;

struct Mistake {
    name: &'static str,
    /// The check that finds it in the lowest seed that fails, by how its name begins; or several, where small
    /// changes elsewhere make it another one. None, where this is only one more place of the mistake before.
    found_by: &'static [&'static str],
    file: &'static str,
    right: &'static str,
    wrong: &'static str,
}

#[test]
fn every_mistake_is_found_and_only_where_it_is_made() {
    let simulator = build();
    let good = Command::new(&simulator).args(["--runs", "100"]).output().unwrap();
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stdout));
    outcomes_do_not_depend_on_threads(&simulator);
    let mut missed = Vec::new();
    for mistake in mistakes().filter(|mistake| !mistake.found_by.is_empty()) {
        match search(&simulator, mistake) {
            Ok(found) => println!("{found}"),
            Err(why) => missed.push(why),
        }
    }
    assert!(missed.is_empty(), "\n{}", missed.join("\n"));
}

/// A sweep that finds several failing seeds says the same to the letter, with any number of threads.
fn outcomes_do_not_depend_on_threads(simulator: &Path) {
    let mistake = "a wiped voter votes at once";
    assert!(mistakes().any(|it| it.name == mistake), "{mistake:?} is no mistake that is made");
    let sweep = |failures: &str, threads: &str| {
        let mut command = Command::new(simulator);
        command.args(["--runs", RUNS, "--failures", failures, "--no-shrink"]);
        let output = command.args(["--threads", threads]).env("MISTAKE", mistake).output().unwrap();
        assert!(!output.status.success(), "{mistake}: not found in {RUNS} runs");
        String::from_utf8(output.stdout).unwrap()
    };
    for failures in ["1", "3"] {
        let alone = sweep(failures, "1");
        for threads in ["2", "5"] {
            assert_eq!(sweep(failures, threads), alone, "{failures} failures, {threads} threads");
        }
    }
    let several = sweep("3", "2");
    assert_eq!(several.matches(" FAILED: ").count(), 3, "{several}");
    assert!(several.contains(votes::POST), "only its lack of a vote was found:\n{several}");
}

fn mistakes() -> impl Iterator<Item = &'static Mistake> {
    replication::MISTAKES.iter().chain(votes::MISTAKES)
}

/// Runs with the mistake, until it is found, and tells how.
fn search(simulator: &Path, mistake: &Mistake) -> Result<String, String> {
    let mut command = Command::new(simulator);
    command
        .args(["--runs", RUNS, "--failures", "1", "--shrink-runs", SHRINK_RUNS])
        .env("MISTAKE", mistake.name);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let name = mistake.name;
    if output.status.success() {
        return Err(format!("{name}: not found in {RUNS} runs"));
    }
    let found = text.lines().find_map(|line| line.split_once(" FAILED: ")).unwrap_or_default();
    if !mistake.found_by.iter().any(|check| found.1.starts_with(check)) {
        return Err(format!("{name}: found by another check than it should be: {}", found.1));
    }
    // What was looked for must fail as well when it is repeated as the search says.
    let again = text.lines().find_map(|line| line.split_once("likewise-sim -- "));
    let (_, arguments) = again.ok_or_else(|| format!("{name}: no shorter run:\n{text}"))?;
    let mut command = Command::new(simulator);
    command.args(arguments.split(' ')).env("MISTAKE", mistake.name);
    let repeated = command.output().unwrap();
    if repeated.status.success() {
        return Err(format!("{name}: {arguments} does not fail again"));
    }
    Ok(format!("{name}: {}: {}; {arguments}", found.0, found.1))
}

/// Builds the simulator from a copy of the sources with all mistakes in it.
fn build() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mistakes");
    let copy = folder.join("workspace");
    // Beside the workspace and no part of it: it is built without what only its own tests need.
    let mut made = copy_with_mistakes(&source_of_foca(workspace), Path::new("foca"), &folder);
    for name in CRATES {
        let source = workspace.join("crates").join(name);
        made += copy_with_mistakes(&source, Path::new(name), &copy.join("crates"));
    }
    assert_eq!(made, mistakes().count(), "a mistake is about a file that there is not");
    write(&copy.join("Cargo.toml"), &manifest(workspace));
    write(&copy.join("Cargo.lock"), &fs::read_to_string(workspace.join("Cargo.lock")).unwrap());
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--offline", "--package", "likewise-sim"]).current_dir(&copy);
    cargo.env("CARGO_TARGET_DIR", copy.join("target")).env("CARGO_PROFILE_DEV_OPT_LEVEL", "3");
    cargo.env("CARGO_PROFILE_DEV_DEBUG", "0").env_remove("RUSTFLAGS");
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    copy.join("target/debug/likewise-sim")
}

/// Copies a folder of a crate and makes the mistakes that are about it. Answers how many.
fn copy_with_mistakes(from: &Path, name: &Path, crates: &Path) -> usize {
    let mut made = 0;
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (source, name) = (entry.path(), name.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            made += copy_with_mistakes(&source, &name, crates);
            continue;
        }
        // What is no text is not needed for building.
        let Ok(mut text) = fs::read_to_string(&source) else { continue };
        for mistake in mistakes().filter(|mistake| Path::new(mistake.file) == name) {
            let count = text.matches(mistake.right).count();
            assert_eq!(count, 1, "{}: its line is in {} {count} times", mistake.name, mistake.file);
            text = text.replace(mistake.right, mistake.wrong);
            made += 1;
        }
        if name.ends_with("src/lib.rs") {
            text += SWITCH;
        }
        write(&crates.join(name), &text);
    }
    made
}

/// Writes a file, unless it is so already: then it need not be built again.
fn write(file: &Path, text: &str) {
    if fs::read_to_string(file).is_ok_and(|known| known == text) {
        return;
    }
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

/// The workspace's manifest, for these crates alone.
fn manifest(workspace: &Path) -> String {
    let text = fs::read_to_string(workspace.join("Cargo.toml")).unwrap();
    let is_kept = |line: &&str| {
        !["members", "default-members", "exclude"].iter().any(|key| line.starts_with(key))
    };
    let text: Vec<&str> = text.lines().filter(is_kept).collect();
    let members: Vec<String> = CRATES.iter().map(|name| format!("\"crates/{name}\"")).collect();
    let members = format!("[workspace]\nmembers = [{}]", members.join(", "));
    let text = text.join("\n").replacen("[workspace]", &members, 1);
    format!("{text}\n\n[patch.crates-io]\nfoca = {{ path = \"../foca\" }}\n")
}

/// Where cargo keeps the sources of foca.
fn source_of_foca(workspace: &Path) -> PathBuf {
    let cargo = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO")).args(arguments).current_dir(workspace).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let version = cargo(&["--version", "--verbose"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    // What only other platforms need has not been downloaded.
    let only = ["--filter-platform", host];
    let text = cargo(&[&["metadata", "--offline", "--format-version", "1"], &only[..]].concat());
    let manifests = text.split("\"manifest_path\":\"").skip(1);
    let mut folders =
        manifests.filter_map(|rest| rest.split_once("/Cargo.toml\"")).map(|(it, _)| it);
    let is_foca = |path: &&str| path.rsplit('/').next().is_some_and(|it| it.starts_with("foca-"));
    PathBuf::from(folders.find(is_foca).expect("the replica needs foca"))
}
