//! Backups over HTTP: what a client that is no `likewise restore` may send, and how long it may take.

use std::time::Duration;

use likewise::backup::format::{Header, PREAMBLE_BYTES};
use likewise::backup::reader::{Content, Part, Reader};
use likewise::backup::writer::Writer;
use likewise::http::ServeLimits;
use likewise_state::id::Like;
use likewise_state::length::CausalLength;
use serde_json::json;

use super::client::{Answer, Client, PATIENCE, Served};

/// The parts of a backup of so many likes, each of version 3.
fn parts(likes: usize) -> Vec<Part> {
    let (mut writer, mut bytes) = Writer::begin(&Header::default());
    for n in 0..likes {
        let user = format!("user-{n}");
        let like = Like::new("p", "like", &user).unwrap();
        bytes.extend(writer.push(like, CausalLength::new(3).unwrap()).unwrap_or_default());
    }
    bytes.extend(writer.finish(0));
    let mut reader = Reader::default();
    reader.push(&bytes);
    std::iter::from_fn(|| reader.next_part().unwrap()).collect()
}

fn restore(client: &mut Client, parts: &[&Part]) -> Answer {
    let body: Vec<u8> = parts.iter().flat_map(|part| part.bytes.clone()).collect();
    client.request("POST", "/v1/restore", &[], &body)
}

#[test]
fn blocks_are_taken_in_any_order_and_number_behind_the_header() {
    let served = Served::start();
    let mut client = served.client();
    let parts = parts(10_000);
    let [head, one, two, three, foot] = &parts[..] else { panic!("{} parts", parts.len()) };
    let restored = |entries, changed| json!({ "entries": entries, "changed": changed });
    assert_eq!(restore(&mut client, &[head]).json(), restored(0, 0));
    assert_eq!(restore(&mut client, &[head, three, one]).json(), restored(5_904, 5_904));
    assert_eq!(restore(&mut client, &[head, one, two]).json(), restored(8_192, 4_096));
    let whole = [head, one, two, three, foot];
    assert_eq!(restore(&mut client, &whole).json(), restored(10_000, 0));
    assert_eq!(client.get("/v1/posts/p/likes/user-9999").json()["version"], 3);
    let again = client.get("/v1/backup");
    assert_eq!(again.header("content-type"), Some("application/vnd.likewise.backup"));
    assert_eq!(again.header("likewise-node"), Some("test-node"));
    assert_eq!(client.request("POST", "/v1/restore", &[], &again.body).json(), restored(10_000, 0));
}

#[test]
fn a_body_that_is_no_backup_says_where_and_what_had_been_merged() {
    let served = Served::start();
    let mut client = served.client();
    let parts = parts(5_000);
    let [head, one, two, foot] = &parts[..] else { panic!("{} parts", parts.len()) };
    let mut problem = |body: &[u8]| {
        client.request("POST", "/v1/restore", &[], body).problem(400, "invalid-backup")
    };
    assert!(problem(b"{\"post\":\"p\",\"user\":\"u\"}").contains("at byte 0: it does not begin"));
    assert!(problem(b"").contains("in the middle of its header"));
    assert!(problem(&head.bytes[..PREAMBLE_BYTES + 3]).contains("in the middle of its header"));
    let mut bad = two.bytes.clone();
    bad[40] ^= 1;
    let at = head.bytes.len() + one.bytes.len();
    let detail = problem(&[&head.bytes[..], &one.bytes, &bad].concat());
    assert!(detail.contains(&format!("at byte {at}: the block has another checksum")), "{detail}");
    assert!(detail.contains("4096 entries had been accepted before"), "{detail}");
    // A footer that tells of more than has come.
    let detail = problem(&[&head.bytes[..], &one.bytes, &foot.bytes].concat());
    assert!(detail.contains("the footer tells of 2 blocks, and there are 1"), "{detail}");
    assert_eq!(client.get("/v1/posts/p").json()["likes"], 4_096);
}

#[test]
fn a_restore_that_stands_still_is_408() {
    let limits = ServeLimits { bulk_pace_time: Duration::from_millis(200), ..Default::default() };
    let served = Served::with_limits(limits);
    let mut client = served.client();
    client.send(b"POST /v1/restore HTTP/1.1\r\nhost: test\r\ncontent-length: 5000\r\n\r\nLIKE");
    let detail = client.answer("POST").problem(408, "request-timeout");
    assert!(detail.contains("stood at 4 bytes"), "{detail}");
}

/// A node with a backup of more bytes than the system holds between it and a client that does not read.
fn with_much(limits: ServeLimits) -> Served {
    let served = Served::with_limits(limits);
    let mut client = served.client();
    let (mut writer, mut body) = Writer::begin(&Header::default());
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..40_000 {
        let word = || {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            format!("{noise:016x}")
        };
        let user: String = std::iter::repeat_with(word).take(32).collect();
        let like = Like::new("p", "like", &user).unwrap();
        body.extend(writer.push(like, CausalLength::LIKED_ONCE).unwrap_or_default());
    }
    body.extend(writer.finish(0));
    assert_eq!(client.request("POST", "/v1/restore", &[], &body).json()["changed"], 40_000);
    served
}

#[test]
fn a_client_that_does_not_read_its_backup_loses_it_and_makes_room() {
    let time = Duration::from_millis(300);
    let served = with_much(ServeLimits { backup_block_time: time, ..Default::default() });
    let mut hanging: Vec<Client> =
        (0..2).map(|_| Client::with_little_room(served.address)).collect();
    for client in &mut hanging {
        client.send(b"GET /v1/backup HTTP/1.1\r\nhost: test\r\n\r\n");
        assert_eq!(client.status(), 200);
    }
    // Both places are taken until they have been given up.
    let mut client = served.client();
    let end = std::time::Instant::now() + PATIENCE;
    let mut refusals = 0;
    let backup = loop {
        let answer = client.get("/v1/backup");
        if answer.status == 200 && refusals > 0 {
            break answer;
        }
        if answer.status != 200 {
            let detail = answer.problem(503, "overloaded");
            assert!(detail.contains("2 backups at once"), "{detail}");
            refusals += 1;
        }
        assert!(std::time::Instant::now() < end, "{refusals} refusals");
    };
    let mut reader = Reader::default();
    reader.push(&backup.body);
    let mut entries = 0;
    while let Some(part) = reader.next_part().unwrap() {
        if let Content::Block(delta) = part.content {
            entries += delta.len();
        }
    }
    assert_eq!((reader.finish().unwrap().entries, entries), (40_000, 40_000));
    // Theirs ends without the end that says that it is whole.
    for client in &mut hanging {
        assert!(client.breaks_off(), "it was sent to its end");
    }
}
