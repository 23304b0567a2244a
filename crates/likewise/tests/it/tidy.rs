//! The house in order: what a reviewer would otherwise have to say again and again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Lines of a file, above which it holds a second idea that wants a file of its own.
const FILE_LINES_MAX: usize = 500;

/// Lines of a function.
const FUNCTION_LINES_MAX: usize = 70;

/// What the pure crates may use. Whoever adds a crate here vouches that it reads no clock, opens nothing
/// and draws no random numbers.
const PURE_DEPENDENCIES: [&str; 8] =
    ["bytes", "foca", "hashbrown", "likewise-state", "parking_lot", "rand", "roaring", "siphasher"];

const PURE_CRATES: [&str; 3] = ["likewise-state", "likewise-replica", "likewise-history"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace is there")
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder can be listed") {
        let path = entry.expect("an entry can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("names are UTF-8");
        if path.is_dir() {
            if !matches!(name, "target" | ".git" | "likewise-data") {
                walk(&path, files);
            }
        } else {
            files.push(path);
        }
    }
}

fn files(ending: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    walk(&root(), &mut files);
    let wanted = files.into_iter().filter(|path| path.to_string_lossy().ends_with(ending));
    wanted
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("sources are UTF-8");
            let name = path.strip_prefix(root()).expect("it was found there");
            (name.to_string_lossy().into_owned(), text)
        })
        .collect()
}

fn assert_none(rule: &str, offenders: &[String]) {
    assert!(offenders.is_empty(), "{rule}:\n{}", offenders.join("\n"));
}

#[test]
fn every_source_file_says_first_what_it_is() {
    let silent: Vec<String> = files(".rs")
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(name, _)| name)
        .collect();
    assert_none("open the file with `//!`", &silent);
}

#[test]
fn no_file_holds_two_ideas() {
    let long: Vec<String> = files(".rs")
        .into_iter()
        .filter(|(_, text)| text.lines().count() > FILE_LINES_MAX)
        .map(|(name, text)| format!("{name}: {} lines", text.lines().count()))
        .collect();
    assert_none("name the second idea and give it a file", &long);
}

#[test]
fn no_file_is_named_for_nothing() {
    let vague = ["util", "utils", "common", "helpers", "manager", "misc", "types"];
    let found: Vec<String> = files(".rs")
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| vague.iter().any(|vague| name.ends_with(&format!("/{vague}.rs"))))
        .collect();
    assert_none("name the file after what is in it", &found);
}

#[test]
fn no_function_is_longer_than_a_page() {
    let mut long = Vec::new();
    for (name, text) in files(".rs") {
        let lines: Vec<&str> = text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let is_function = ["fn ", "pub fn ", "pub(crate) fn ", "async fn ", "pub async fn "]
                .iter()
                .any(|head| line.trim_start().starts_with(head));
            if !is_function || line.trim_end().ends_with(['}', ';']) {
                continue;
            }
            let end = format!("{}}}", " ".repeat(indent));
            let length = lines[start..].iter().position(|line| *line == end).unwrap_or(0) + 1;
            if length > FUNCTION_LINES_MAX {
                long.push(format!("{name}:{}: {length} lines", start + 1));
            }
        }
    }
    assert_none("divide the function", &long);
}

#[test]
fn every_lattice_has_its_laws_tested() {
    let sources = files(".rs");
    let laws: String = sources.iter().map(|(_, text)| text.as_str()).collect();
    let implementors: BTreeSet<&str> = sources
        .iter()
        .filter(|(name, _)| name.contains("/src/"))
        .flat_map(|(_, text)| text.lines())
        .filter_map(|line| line.strip_prefix("impl Lattice for "))
        .map(|rest| rest.trim_end_matches([' ', '{']))
        .collect();
    assert!(implementors.contains("CausalLength") && implementors.contains("State"));
    let untested: Vec<String> = implementors
        .into_iter()
        .filter(|name| !laws.contains(&format!("lattice_laws!({}, ", snake_case(name))))
        .map(str::to_owned)
        .collect();
    assert_none("add a lattice_laws! line for the type, named after it", &untested);
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

#[test]
fn the_pure_crates_stay_pure() {
    let mut offenders = Vec::new();
    for name in PURE_CRATES {
        let folder = root().join("crates").join(name);
        let wall = std::fs::read_to_string(folder.join("clippy.toml"));
        if !wall.is_ok_and(|wall| wall.contains("std::time::Instant::now")) {
            offenders.push(format!("{name}: clippy.toml does not hold the wall"));
        }
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).expect("a crate has one");
        let manifest: toml::Table = manifest.parse().expect("a manifest is TOML");
        for dependency in manifest["dependencies"].as_table().expect("it is a table").keys() {
            if !PURE_DEPENDENCIES.contains(&dependency.as_str()) {
                offenders.push(format!("{name} uses {dependency}"));
            }
        }
    }
    assert_none("move what touches the world into the node or the journal", &offenders);
}

/// What tries many orders of threads has locks that work under a scheduler alone.
#[test]
fn nothing_that_is_shipped_knows_the_schedules() {
    let manifests = files("Cargo.toml");
    let of_schedules = |name: &str| name.contains("schedules") || name.contains("shuttle");
    let mut offenders = Vec::new();
    for (file, text) in &manifests {
        if file == "Cargo.toml" || file.starts_with("crates/likewise-schedules/") {
            continue;
        }
        let names = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        offenders
            .extend(names.filter(|line| of_schedules(line)).map(|line| format!("{file}: {line}")));
    }
    assert!(manifests.iter().any(|(file, _)| file.starts_with("crates/likewise-schedules/")));
    assert_none("a crate of schedules is depended on", &offenders);
}

#[test]
fn no_test_is_switched_off() {
    let marks = ["#[ig".to_owned() + "nore", "#[should".to_owned() + "_panic"];
    let found: Vec<String> = files(".rs")
        .into_iter()
        .filter(|(_, text)| marks.iter().any(|mark| text.contains(mark)))
        .map(|(name, _)| name)
        .collect();
    assert_none("mend the test, or assert on the error", &found);
}

#[test]
fn no_file_names_a_folder_of_some_machine() {
    let marks = ["/work".to_owned() + "/", "/root".to_owned() + "/", "/home".to_owned() + "/"];
    let mut found = Vec::new();
    for ending in [".rs", ".md", ".toml", ".json", ".yaml", ".yml", "run"] {
        for (name, text) in files(ending) {
            if marks.iter().any(|mark| text.contains(mark)) {
                found.push(name);
            }
        }
    }
    assert_none("name the file by its place in the project", &found);
}
