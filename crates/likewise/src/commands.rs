//! The commands of a client, one function each: what was asked for goes to standard output and nothing
//! else does.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::args::{Command, ConsistencyArgs, CountArgs, HealthArgs, TopArgs, UsersArgs, WriteArgs};
use crate::client::trust::{Trust, is_near};
use crate::client::{Client, ClientError, encoded};
use crate::{backup, demo, load, transfer};

mod keygen;

mod token;

pub(crate) mod members;

/// Posts in one query; the node takes no more.
const QUERY_POSTS_MAX: usize = 1_000;

/// Users on one page; the node gives no more.
const PAGE_MAX: usize = 1_000;

/// How long an expected count is waited for: far longer than a like takes to a node that is well. Then the
/// command fails.
const EXPECTED_TIME: Duration = Duration::from_secs(10);

/// How long to wait before asking for it again.
const EXPECTED_REST: Duration = Duration::from_millis(100);

/// Runs a command of a client.
///
/// # Errors
/// Whatever kept it from being done.
///
/// # Panics
/// On `serve`, which is no command of a client.
pub fn run(command: &Command) -> Result<(), ClientError> {
    match command {
        Command::Serve(_) => unreachable!("serve is run by the program itself"),
        Command::Like(args) => write(args, true),
        Command::Unlike(args) => write(args, false),
        Command::Count(args) => count(args),
        Command::Users(args) => users(args),
        Command::Top(args) => top(args),
        Command::Import(args) => transfer::import(args),
        Command::Export(args) => transfer::export(args),
        Command::Backup(args) => backup::take::run(args),
        Command::Restore(args) => backup::restore::run(args),
        Command::Bench(args) => load::bench::run(args),
        Command::Health(args) => health(args),
        Command::Members(args) => members::show(args),
        Command::Leave(args) => members::leave(args),
        Command::Forget(args) => members::forget(args),
        Command::Keygen(args) => keygen::run(args),
        Command::Token(args) => token::run(args),
        Command::Demo(args) => demo::run(args),
    }
}

/// Writes to standard output. Nobody reading on, as behind `| head`, is a good end.
pub(crate) fn print(text: impl AsRef<[u8]>) -> Result<(), ClientError> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_ref()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        result => result.map_err(ClientError::file("write to standard output")),
    }
}

fn write(args: &WriteArgs, like: bool) -> Result<(), ClientError> {
    let client = Client::of(&args.node)?;
    let (post, user, kind) = (encoded(&args.post), encoded(&args.user), encoded(&args.kind));
    let seen = args.seen.map_or_else(String::new, |seen| format!("&seen={seen}"));
    let level = consistency(&args.consistency);
    let path = format!("/v1/posts/{post}/likes/{user}?kind={kind}{seen}{level}");
    let answer = if like { client.put(&path) } else { client.delete(&path) }?;
    if args.json {
        return print(format!("{answer}\n"));
    }
    // A write with an old `seen` may find that the user has changed their mind since.
    let does = if answer["liked"] == true { "likes" } else { "does not like" };
    if answer["likes"].is_null() {
        // A majority of the voters has it. What else is true of the post is another question.
        return print(format!(
            "{} {does} {}: version {}\n",
            args.user, args.post, answer["version"]
        ));
    }
    let unchanged = if answer["changed"] == true { "" } else { ", as before" };
    print(format!(
        "{} {does} {}{unchanged}: {} likes, version {}\n",
        args.user, args.post, answer["likes"], answer["version"],
    ))
}

/// The parameters that say what is to stand behind an answer. The node judges them.
fn consistency(args: &ConsistencyArgs) -> String {
    let parameters = [("consistency", &args.consistency), ("timeout", &args.timeout)];
    let given = parameters.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    given.map(|(name, value)| format!("&{name}={}", encoded(value))).collect()
}

fn count(args: &CountArgs) -> Result<(), ClientError> {
    let client = Client::of(&args.node)?;
    let path = format!("/v1/query?kind={}{}", encoded(&args.kind), consistency(&args.consistency));
    for posts in args.posts.chunks(QUERY_POSTS_MAX) {
        let body = json!({ "posts": posts }).to_string();
        let ask = || client.post(&path, "application/json", body.as_bytes());
        let answer = ask()?;
        let answer = match args.expect {
            Some(expected) => expect(&client, expected, answer, ask)?,
            None => answer,
        };
        print(counts(&client, &answer, args.json)?)?;
    }
    Ok(())
}

/// Asks again until each post has exactly the `expected` likes, or the time for it is over.
fn expect(
    client: &Client,
    expected: u64,
    mut answer: Value,
    ask: impl Fn() -> Result<Value, ClientError>,
) -> Result<Value, ClientError> {
    let started = Instant::now();
    loop {
        let posts = array(client, &answer, "posts")?;
        let Some(other) = posts.iter().find(|entry| entry["likes"] != expected) else {
            return Ok(answer);
        };
        if started.elapsed() > EXPECTED_TIME {
            return Err(ClientError::Unexpected {
                url: client.url().to_owned(),
                post: other["post"].as_str().unwrap_or_default().to_owned(),
                expected,
                found: other["likes"].as_u64().unwrap_or_default(),
            });
        }
        std::thread::sleep(EXPECTED_REST);
        answer = ask()?;
    }
}

fn top(args: &TopArgs) -> Result<(), ClientError> {
    let client = Client::of(&args.node)?;
    let path = format!("/v1/top?kind={}&limit={}", encoded(&args.kind), args.limit);
    let answer = client.get(&path)?;
    print(counts(&client, &answer, args.json)?)
}

/// The posts of an answer with their counts, one a line.
pub(crate) fn counts(
    client: &Client,
    answer: &Value,
    as_json: bool,
) -> Result<String, ClientError> {
    let posts = array(client, answer, "posts")?;
    let line = |entry: &Value| match as_json {
        true => format!("{entry}\n"),
        false => {
            let post = entry["post"].as_str().unwrap_or_default();
            format!("{:>10}  {post}\n", entry["likes"].as_u64().unwrap_or_default())
        }
    };
    Ok(posts.iter().map(line).collect())
}

fn users(args: &UsersArgs) -> Result<(), ClientError> {
    let client = Client::of(&args.node)?;
    let (post, kind) = (encoded(&args.post), encoded(&args.kind));
    let level = consistency(&args.consistency);
    let first = format!("/v1/posts/{post}/likes?kind={kind}&limit={PAGE_MAX}{level}");
    let mut path = first.clone();
    loop {
        let answer = client.get(&path)?;
        let users = array(&client, &answer, "users")?;
        let line = |user: &Value| match (args.json, user.as_str()) {
            (false, Some(user)) => format!("{user}\n"),
            _ => format!("{user}\n"),
        };
        print(users.iter().map(line).collect::<String>())?;
        let Some(cursor) = answer["next"].as_str() else { return Ok(()) };
        path = format!("{first}&cursor={}", encoded(cursor));
    }
}

fn health(args: &HealthArgs) -> Result<(), ClientError> {
    // Without a token, so that a node's health is known where its token is not. Whoever answers at this very machine is
    // the node, or has taken its port: its certificate, made out to the name that clients use, would tell nothing
    // more.
    let trust = match Trust::of(&args.node) {
        Trust::Web if is_near(&args.node.url) => Trust::Everybody,
        trust => trust,
    };
    let answer = Client::trusting(&args.node.url, &trust)?.once("/readyz")?;
    print(format!("{}\n", answer.trim_end()))
}

fn array<'a>(client: &Client, answer: &'a Value, field: &str) -> Result<&'a [Value], ClientError> {
    let array = answer[field].as_array().map(Vec::as_slice);
    array.ok_or_else(|| ClientError::Answer {
        url: client.url().to_owned(),
        answer: answer.to_string(),
    })
}
