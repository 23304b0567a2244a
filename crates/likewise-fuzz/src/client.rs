//! What the command line reads: files to import, and what answers in the place of a node.

use likewise::fuzz;
use likewise::load::Talk;
use likewise::load::http::Http;
use serde_json::Value;

use crate::{Bound, Target, assert_says_something};

/// [`import_lines`]
pub const IMPORT_LINES: Target = Target {
    name: "import_lines",
    run: import_lines,
    seeds: import_seeds,
    // The batches of a file are its bytes, in a list that doubles; a file is read 8 KiB at a time.
    bound: Bound { constant: 16 << 10, factor: 8 },
    slowness: 1,
};

/// [`answers`]
pub const ANSWERS: Target = Target {
    name: "answers",
    run: answers,
    seeds: answer_seeds,
    // An empty object of two bytes becomes a member of the table: a line of cells, each as wide as the widest
    // of its column, which is bounded, and eight texts before that.
    bound: Bound { constant: 16 << 10, factor: 512 },
    slowness: 1,
};

/// [`load_answer`]
pub const LOAD_ANSWER: Target = Target {
    name: "load_answer",
    run: load_answer,
    seeds: load_seeds,
    // An error shows the first 300 bytes.
    bound: Bound { constant: 4 << 10, factor: 1 },
    slowness: 1,
};

/// The lines of a file to import: all of them, once, in requests that are not too long.
pub fn import_lines(data: &[u8]) {
    let batches = fuzz::import_batches(data).expect("it is in memory");
    let lines = data.split_inclusive(|&byte| byte == b'\n').count() as u64;
    assert_eq!(batches.iter().map(|(lines, _)| lines).sum::<u64>(), lines);
    for (lines, batch) in &batches {
        assert!(batch.ends_with(b"\n") && batch.len() <= 8 << 20);
        assert_eq!(batch.iter().filter(|&&byte| byte == b'\n').count() as u64, *lines);
    }
}

fn import_seeds() -> Vec<Vec<u8>> {
    let lines = "{\"post\":\"p\",\"user\":\"u\",\"liked\":true,\"seen\":1}\n".repeat(20);
    let long = "x".repeat(60_000);
    [lines.as_str(), "a\n\nb", &long].map(|text| text.as_bytes().to_vec()).to_vec()
}

/// Answers to the requests of commands, from whatever is there.
pub fn answers(data: &[u8]) {
    let Ok(answer) = serde_json::from_slice::<Value>(data) else { return };
    for as_json in [false, true] {
        if let Err(error) = fuzz::counts(&answer, as_json) {
            assert_says_something(&error);
        }
    }
    let members = answer["members"].as_array().map(Vec::as_slice).unwrap_or_default();
    let table = fuzz::cluster_table(members);
    assert!(table.lines().count() > members.len(), "a member without a line");
    let (_, errors) = fuzz::import_answer(&[(answer.clone(), u64::MAX), (answer, 1)]);
    assert!(errors.len() <= 100, "{} lines are described", errors.len());
}

fn answer_seeds() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"posts":[{"post":"p","likes":3},{"post":"\u00e9","likes":18446744073709551615}]}"#,
        r#"{"accepted":3,"changed":2,"rejected":1,"errors":[{"line":2,"detail":"no"}]}"#,
        r#"{"cluster":"c","node":"n","members":[{"name":"n","id":"0000000000000001","self":true,"address":null,"http":"127.0.0.1:1","state":"alive","since":"2026-01-01T00:00:00.000Z","incarnation":1,"linked":true,"outbox":0,"lag_ms":1.5,"lag_entries":3,"overflows":0,"equal":null},{}]}"#,
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}

/// An answer to `likewise bench`, as it comes in.
pub fn load_answer(data: &[u8]) {
    match Http::new(|_: &mut Vec<u8>| false).answer(data) {
        Ok(Some(bytes)) => {
            assert!((1..=data.len()).contains(&bytes), "an answer that is not there")
        }
        Ok(None) => {}
        Err(error) => assert_says_something(&error),
    }
}

fn load_seeds() -> Vec<Vec<u8>> {
    let texts = [
        "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nx: y\r\n\r\n0123456789ab",
        "HTTP/1.1 503 x\r\ncontent-length:4\r\n\r\nbusy",
        "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 ",
        "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\n",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}
