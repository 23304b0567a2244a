//! Who may do what, by the real binary: files that change while a node runs, and commands that show a token.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::json;

use super::api::access::{line, token};
use super::process::{PATIENCE, Process, command};

mod signed;

pub(crate) use signed::{JWKS, SECRET, but, claims, golden, now, signed, signed_by};

/// A command of a client, with these variables and no others.
fn run(node: &Process, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_likewise"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LIKEWISE_")) {
        command.env_remove(name);
    }
    command.args(arguments).env("LIKEWISE_URL", &node.url).envs(variables.iter().copied());
    command.output().unwrap()
}

/// The exit code, and what was said on standard error.
fn ended(node: &Process, arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
    let output = run(node, arguments, variables);
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn is_let_in(node: &Process, token: &str) -> bool {
    match ended(node, &["count", "p"], &[("LIKEWISE_TOKEN", token)]) {
        (0, _) => true,
        (1, error) if error.contains("(status 401)") => false,
        other => panic!("{other:?}"),
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "still not so after {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Puts another file in the place of one, as a careful operator does.
fn replace(file: &Path, text: &str) {
    let next = file.with_extension("next");
    std::fs::write(&next, text).unwrap();
    std::fs::rename(&next, file).unwrap();
}

/// A file in `folder`, as an argument.
fn written(folder: &Path, name: &str, text: &str) -> (PathBuf, String) {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    let argument = path.to_str().unwrap().to_owned();
    (path, argument)
}

#[test]
fn tokens_are_changed_while_the_node_runs_and_a_bad_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (token("old"), token("new"));
    let (file, argument) = written(folder.path(), "tokens", &line("read", &old));
    let node = Process::start(&folder.path().join("data"), &["--tokens-file", &argument]);
    assert!(is_let_in(&node, &old) && !is_let_in(&node, &new));

    // With a signal.
    replace(&file, &(line("read", &old) + &line("read", &new)));
    node.signal("HUP");
    wait_until("the new token is taken", || is_let_in(&node, &new));
    assert!(is_let_in(&node, &old), "both are in force, so that clients can change over");

    // What makes no sense is told and changes nothing.
    std::fs::write(&file, format!("{}read {old}\n", line("read", &new))).unwrap();
    node.signal("HUP");
    let told = node.logs("stays in force");
    assert!(
        told.contains(": line 2 should have sha256: and") && told.contains(&argument),
        "{told}"
    );
    assert!(!told.contains(&old), "{told}");
    assert!(is_let_in(&node, &old) && is_let_in(&node, &new));
    std::fs::remove_file(&file).unwrap();
    node.signal("HUP");
    assert!(node.logs("can't read the tokens file").contains("stays in force"));
    assert!(is_let_in(&node, &old) && is_let_in(&node, &new));

    // Without a signal.
    replace(&file, &line("read", &new));
    wait_until("the old token is refused", || !is_let_in(&node, &old));
    assert!(is_let_in(&node, &new));
    assert!(node.terminate().success());
}

#[test]
fn keys_of_jwts_are_changed_while_the_node_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (file, argument) = written(folder.path(), "jwks.json", JWKS);
    let settings = ["--jwks-file", &argument, "--jwt-audience", "likewise"];
    let node = Process::start(&folder.path().join("data"), &settings);
    let ann = signed(&claims("ann"));
    let variable = [("LIKEWISE_TOKEN", ann.as_str())];
    assert_eq!(ended(&node, &["like", "p", "ann"], &variable).0, 0);
    let (code, error) = ended(&node, &["like", "p", "bob"], &variable);
    assert_eq!(code, 1);
    assert!(
        error.contains("user \"bob\" is not the sub of the JWT") && error.contains("(status 403)"),
        "{error}"
    );
    assert!(!error.contains(&ann), "{error}");
    let new: [u8; 32] = *b"another secret of the same issue";
    let key = json!({ "kty": "oct", "k": "YW5vdGhlciBzZWNyZXQgb2YgdGhlIHNhbWUgaXNzdWU" });
    replace(&file, &json!({ "keys": [key] }).to_string());
    wait_until("the old key is gone", || !is_let_in(&node, &ann));
    assert!(is_let_in(&node, &signed_by(&new, &json!({ "alg": "HS256" }), &claims("ann"))));
    assert!(!is_let_in(&node, &golden("RS256")));
}

#[test]
fn a_bad_file_keeps_a_node_from_starting_and_nothing_of_it_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let secret = token("read");
    let (_, tokens) = written(folder.path(), "tokens", &format!("# tokens\nread {secret}\n"));
    let (_, keys) = written(folder.path(), "jwks", &format!("{{\"keys\": \"{secret}\"}}"));
    for (setting, file, expected) in [
        (
            "--tokens-file",
            tokens.as_str(),
            format!("tokens file {tokens}: line 2 should have sha256:"),
        ),
        ("--jwks-file", &keys, format!("JWKS file {keys}: line 1, column ")),
        ("--tokens-file", "/not/there", "can't read the tokens file /not/there: ".to_owned()),
        ("--jwks-file", "/not/there", "can't read the JWKS file /not/there: ".to_owned()),
    ] {
        let data = folder.path().join("data");
        let output = command(&data, &[setting, file]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(&expected) && !error.contains(&secret), "{error}");
        assert!(!data.exists(), "a wrong setting changes nothing there");
    }
}

#[test]
fn a_token_that_was_made_is_taken_from_a_file_or_a_variable() {
    let folder = tempfile::tempdir().unwrap();
    let (tokens, tokens_argument) = written(folder.path(), "tokens", &line("read", &token("read")));
    let node = Process::start(&folder.path().join("data"), &["--tokens-file", &tokens_argument]);
    let made = run(&node, &["token", "write", "--name", "web shop"], &[]);
    let (token_made, made_line) = (made.stdout, String::from_utf8(made.stderr).unwrap());
    assert!(made.status.success() && made_line.starts_with("write sha256:"), "{made_line}");
    assert!(made_line.ends_with(" web shop\n"), "{made_line}");
    let (_, file) = written(folder.path(), "web.token", std::str::from_utf8(&token_made).unwrap());
    let like = ["like", "p", "ann", "--token-file", &file];
    let (code, error) = ended(&node, &like, &[]);
    assert!(code == 1 && error.contains("the token is none that this node knows"), "{error}");

    replace(&tokens, &(line("read", &token("read")) + &made_line));
    node.signal("HUP");
    node.logs("read again");
    assert_eq!(ended(&node, &like, &[]), (0, String::new()));
    let reader = token("read");
    let variable = [("LIKEWISE_TOKEN", reader.as_str())];
    assert_eq!(ended(&node, &["count", "p"], &variable), (0, String::new()));
    let by_variable = [("LIKEWISE_TOKEN_FILE", file.as_str()), ("LIKEWISE_TOKEN", "a b")];
    assert_eq!(ended(&node, &["unlike", "p", "ann"], &by_variable), (0, String::new()));
    let bench = ["bench", "--seconds", "1", "--connections", "2", "--token-file", &file];
    assert_eq!(ended(&node, &bench, &[]), (0, String::new()));
    for (arguments, right) in
        [(&["like", "p", "ann"][..], "write"), (&["leave"], "admin"), (&["bench"], "write")]
    {
        let (code, error) = ended(&node, arguments, &variable);
        assert_eq!(code, 1, "{error}");
        assert!(error.contains(&format!("does not give the right {right:?}")), "{error}");
        assert!(
            error.contains("(status 403); name a file with a token by --token-file"),
            "{error}"
        );
    }
}

#[test]
fn a_command_without_a_token_is_told_how_to_show_one() {
    let folder = tempfile::tempdir().unwrap();
    let (_, tokens) = written(folder.path(), "tokens", &line("read", &token("read")));
    let node = Process::start(&folder.path().join("data"), &["--tokens-file", &tokens]);
    for arguments in
        [&["count", "p"][..], &["users", "p"], &["top"], &["export", "-"], &["members"]]
    {
        let (code, error) = ended(&node, arguments, &[]);
        assert_eq!(code, 1, "{error}");
        assert!(
            error.contains("shows no token") && error.contains("(status 401); name a file"),
            "{error}"
        );
    }
    // What is no token is told before anything is asked.
    let (_, bad) = written(folder.path(), "bad.token", "a secret word\n");
    for (variable, value, expected) in [
        ("LIKEWISE_TOKEN", "a secret word", "the variable LIKEWISE_TOKEN holds no token"),
        ("LIKEWISE_TOKEN_FILE", &bad, "holds no token: it should hold one as"),
        ("LIKEWISE_TOKEN_FILE", "/not/there", "can't read a token from /not/there: "),
    ] {
        let (code, error) = ended(&node, &["count", "p"], &[(variable, value)]);
        assert_eq!(code, 2, "{error}");
        assert!(error.contains(expected) && !error.contains("secret"), "{error}");
        // Whether the node is well is nobody's secret.
        assert_eq!(ended(&node, &["health"], &[(variable, value)]), (0, String::new()));
    }
    let (code, error) = ended(&node, &["token", "root"], &[]);
    assert!(code == 2 && error.contains("possible values: read, write, admin"), "{error}");
    let long = "n".repeat(65);
    let (code, error) = ended(&node, &["token", "read", "--name", &long], &[]);
    assert!(code == 1 && error.contains("at most 64 bytes"), "{error}");
}

#[test]
fn backups_are_made_and_restored_with_the_token_of_an_administrator() {
    let folder = tempfile::tempdir().unwrap();
    let known = ["read", "admin"].map(|right| line(right, &token(right))).concat();
    let (_, tokens) = written(folder.path(), "tokens", &known);
    let (_, admin) = written(folder.path(), "admin.token", &token("admin"));
    let node = Process::start(&folder.path().join("data"), &["--tokens-file", &tokens]);
    // Of nothing there would be nothing to restore.
    assert_eq!(ended(&node, &["like", "p", "u", "--token-file", &admin], &[]).0, 0);
    let file = folder.path().join("likes.backup");
    let file = file.to_str().unwrap();
    for command in ["backup", "restore"] {
        let reader = token("read");
        let (code, error) = ended(&node, &[command, file], &[("LIKEWISE_TOKEN", &reader)]);
        assert!(code == 1 && error.contains("(status 403)"), "{command}: {error}");
        let (code, error) = ended(&node, &[command, file, "--token-file", &admin], &[]);
        assert_eq!(code, 0, "{command}: {error}");
    }
}
