//! The targets here and those of cargo-fuzz are the same.

use std::collections::BTreeSet;
use std::path::Path;

use likewise_fuzz::TARGETS;

fn names() -> BTreeSet<String> {
    TARGETS.iter().map(|target| target.name.to_owned()).collect()
}

#[test]
fn each_target_has_its_file_and_its_entry_for_cargo_fuzz_and_no_other_is_there() {
    assert_eq!(names().len(), TARGETS.len(), "two targets have one name");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let files = std::fs::read_dir(folder.join("fuzz_targets")).unwrap();
    let files: BTreeSet<String> = files
        .map(|file| file.unwrap().path())
        .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(files, names(), "fuzz/fuzz_targets has one file a target");
    for name in &files {
        let file = folder.join("fuzz_targets").join(format!("{name}.rs"));
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains(&format!("::{name}(data)")), "fuzz_targets/{name}.rs runs another");
    }
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let entries = manifest["bin"].as_array().unwrap().iter();
    let entries: BTreeSet<String> =
        entries.map(|entry| entry["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(entries, names(), "fuzz/Cargo.toml has one [[bin]] a target");
}

#[test]
fn every_reproducer_belongs_to_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(name == "README.md" || names().contains(&name), "{name} is no target");
    }
}
