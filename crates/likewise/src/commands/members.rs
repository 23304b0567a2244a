//! The commands that look at a cluster and change who is in it.

use serde_json::Value;

use crate::args::{ForgetArgs, LeaveArgs, MembersArgs};
use crate::client::{Client, ClientError, encoded};

const HEADINGS: [&str; 8] =
    ["NAME", "STATE", "SINCE", "ADDRESS", "HTTP", "INCARNATION", "LAG", "EQUAL"];

/// `likewise members`
pub(super) fn show(args: &MembersArgs) -> Result<(), ClientError> {
    let client = Client::of(&args.node)?;
    let answer = client.get("/v1/cluster")?;
    if args.json {
        return super::print(format!("{answer}\n"));
    }
    let members = super::array(&client, &answer, "members")?;
    super::print(listing(members) + &voters(&answer))
}

/// The voters of an answer, in one line, where there are any.
pub(crate) fn voters(answer: &Value) -> String {
    let voters = answer["voters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let state = |voter: &Value| format!("{} {}", text(&voter["name"]), text(&voter["state"]));
    let states: Vec<String> = voters.iter().map(state).collect();
    if states.is_empty() {
        return String::new();
    }
    let mine = answer["standing"].as_str().map(|standing| format!("; this node is {standing}"));
    let majority = answer["majority"].as_u64().unwrap_or_default();
    format!(
        "\nvoters: {}; {majority} make a majority{}\n",
        states.join(", "),
        mine.unwrap_or_default()
    )
}

/// The members of an answer, one a line.
pub(crate) fn listing(members: &[Value]) -> String {
    let rows = members.iter().map(row);
    let rows: Vec<_> = [HEADINGS.map(str::to_owned)].into_iter().chain(rows).collect();
    table(&rows)
}

fn row(member: &Value) -> [String; 8] {
    let text = |field: &str| member[field].as_str().unwrap_or("?").to_owned();
    let name = member["name"].as_str().or_else(|| member["id"].as_str()).unwrap_or("?");
    let mark = if member["self"] == true { " (this node)" } else { "" };
    // A millisecond is all that a table needs to tell.
    let since = text("since").chars().take(19).collect();
    let entries = member["lag_entries"].as_u64().unwrap_or_default();
    let lag = match entries {
        0 => "none".to_owned(),
        _ => format!("{entries} in {:.0} ms", member["lag_ms"].as_f64().unwrap_or_default()),
    };
    let equal = match member["equal"].as_bool() {
        Some(true) => "yes",
        Some(false) => "no",
        None => "?",
    };
    let incarnation = member["incarnation"].as_u64().unwrap_or_default().to_string();
    let (name, equal) = (format!("{name}{mark}"), equal.to_owned());
    [name, text("state"), since, text("address"), text("http"), incarnation, lag, equal]
}

/// The widest that a column gets, in characters. A longer cell is shown whole and moves the rest of its row:
/// otherwise one name from somebody who is no node would make all rows as long.
const COLUMN_CHARS_MAX: usize = 64;

/// Rows with each column as wide as its widest cell.
fn table(rows: &[[String; 8]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let width = |column| width(column).unwrap_or_default().min(COLUMN_CHARS_MAX);
    let widths: Vec<usize> = (0..8).map(width).collect();
    let line = |row: &[String; 8]| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}  "));
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    rows.iter().map(line).collect()
}

/// `likewise leave`
pub(super) fn leave(args: &LeaveArgs) -> Result<(), ClientError> {
    let client = Client::of(&args.node)?;
    let answer = client.post("/v1/cluster/leave", "application/json", b"")?;
    let name = answer["leaving"].as_str().unwrap_or("?").to_owned();
    super::print(format!("{name} is leaving: it hands over what its peers lack, and stops\n"))
}

/// `likewise forget`
pub(super) fn forget(args: &ForgetArgs) -> Result<(), ClientError> {
    let client = Client::of(&args.node)?;
    client.delete(&format!("/v1/cluster/members/{}", encoded(&args.name)))?;
    super::print(format!("{} is forgotten by all members\n", args.name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn voters_are_shown_in_a_line_where_there_are_any() {
        let answer = json!({
            "voters": [{ "name": "a", "state": "active" }, { "name": "b", "state": "fresh" }],
            "majority": 2, "standing": "active",
        });
        let line = "\nvoters: a active, b fresh; 2 make a majority; this node is active\n";
        assert_eq!(voters(&answer), line);
        assert_eq!(voters(&json!({ "voters": [] })), "");
        assert_eq!(voters(&json!({ "voters": [1] })), "\nvoters: ? ?; 0 make a majority\n");
    }

    #[test]
    fn one_long_name_makes_no_other_row_long() {
        let long = "n".repeat(70_000);
        let table = listing(&[json!({ "name": long }), json!({ "name": "a", "state": "alive" })]);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[1].starts_with(&long) && lines[2].len() < 200, "{}", lines[2].len());
        assert!(lines[2].starts_with("a ") && lines[2].contains("  alive"));
    }
}
