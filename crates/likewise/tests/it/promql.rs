//! What a query of Prometheus names, and whether a node has it. This is no parser: `promtool` judges the
//! grammar; here names are found by their prefix.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::str::Chars;

/// How the names of our metrics begin.
const PREFIXES: [&str; 2] = ["likewise_", "process_"];

/// Words that are followed by a list of labels.
const LISTS: [&str; 4] = ["by", "without", "on", "ignoring"];

/// Labels that Prometheus adds to every metric.
const OF_TARGETS: [&str; 2] = ["job", "instance"];

/// What a query names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Metrics, with what is asked of their labels.
    pub(crate) metrics: Vec<(String, Vec<Matcher>)>,
    /// Labels that stand by themselves, as after `by`.
    pub(crate) labels: BTreeSet<String>,
}

/// What is asked of a label.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Matcher {
    label: String,
    /// Empty where only the label is named, as in a document.
    operator: String,
    value: String,
}

/// The metrics of a node, with the values of their labels.
#[derive(Debug, Default)]
pub(crate) struct Known(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

/// Finds what a query names.
pub(crate) fn named(query: &str) -> Named {
    let mut found = Named::default();
    let mut chars = query.chars().peekable();
    while let Some(&next) = chars.peek() {
        match next {
            '"' => drop(quoted(&mut chars)),
            '{' => drop(matchers(&mut chars)),
            _ if is_of_word(next) => word(&mut chars, &mut found),
            _ => drop(chars.next()),
        }
    }
    found
}

fn word(chars: &mut Peekable<Chars<'_>>, found: &mut Named) {
    let word = take_while(chars, is_of_word);
    take_while(chars, char::is_whitespace);
    let next = chars.peek().copied();
    if PREFIXES.iter().any(|prefix| word.starts_with(prefix)) {
        let matchers = if next == Some('{') { matchers(chars) } else { Vec::new() };
        found.metrics.push((word, matchers));
    } else if LISTS.contains(&word.as_str()) && next == Some('(') {
        let list = take_while(chars, |c| c != ')');
        let labels = list.trim_start_matches('(').split(',').map(|label| label.trim().to_owned());
        found.labels.extend(labels.filter(|label| !label.is_empty()));
    }
}

/// Reads from `{` to `}`.
fn matchers(chars: &mut Peekable<Chars<'_>>) -> Vec<Matcher> {
    let mut matchers = Vec::new();
    chars.next();
    while let Some(&next) = chars.peek() {
        if next == '}' {
            chars.next();
            break;
        }
        if !is_of_word(next) {
            chars.next();
            continue;
        }
        let label = take_while(chars, is_of_word);
        let operator = take_while(chars, |c| "=!~ ".contains(c)).trim().to_owned();
        let value = if chars.peek() == Some(&'"') { quoted(chars) } else { String::new() };
        matchers.push(Matcher { label, operator, value });
    }
    matchers
}

fn quoted(chars: &mut Peekable<Chars<'_>>) -> String {
    let mut text = String::new();
    chars.next();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => text.extend(chars.next()),
            _ => text.push(c),
        }
    }
    text
}

fn take_while(chars: &mut Peekable<Chars<'_>>, fits: impl Fn(char) -> bool) -> String {
    let mut text = String::new();
    while let Some(c) = chars.next_if(|c| fits(*c)) {
        text.push(c);
    }
    text
}

const fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

impl Known {
    /// Adds what stands on a node's page of metrics.
    pub(crate) fn add(&mut self, page: &str) {
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            // A sample is written as a selector is.
            for (metric, matchers) in named(line).metrics {
                let labels = self.0.entry(metric).or_default();
                for Matcher { label, value, .. } in matchers {
                    labels.entry(label).or_default().insert(value);
                }
            }
        }
    }

    /// What `named` names and no node has.
    pub(crate) fn unknown(&self, named: &Named) -> Vec<String> {
        let mut unknown = Vec::new();
        let mut labels: BTreeSet<&str> = OF_TARGETS.into();
        for (metric, matchers) in &named.metrics {
            let Some(known) = self.0.get(metric) else {
                unknown.push(format!("no node has {metric}"));
                continue;
            };
            labels.extend(known.keys().map(String::as_str));
            for Matcher { label, operator, value } in matchers {
                if OF_TARGETS.contains(&label.as_str()) {
                    continue;
                }
                match known.get(label) {
                    None => unknown.push(format!("{metric} has no label {label}")),
                    Some(values) if ["=", "!="].contains(&operator.as_str()) => {
                        if !values.contains(value) {
                            unknown.push(format!("{metric} has no {label} {value:?}: {values:?}"));
                        }
                    }
                    Some(_) => {}
                }
            }
        }
        let nowhere = named.labels.iter().filter(|label| !labels.contains(label.as_str()));
        unknown.extend(nowhere.map(|label| format!("none of the metrics has a label {label}")));
        unknown
    }
}

#[test]
fn a_misspelt_metric_label_or_value_is_found() {
    let mut known = Known::default();
    known.add(
        "# HELP likewise_links Open links.\n\
         likewise_links{direction=\"outgoing\"} 2\n\
         likewise_links{direction=\"incoming\"} 2\n\
         process_open_fds 9\n\
         # EOF\n",
    );
    let unknown = |query: &str| known.unknown(&named(query));
    for good in [
        "sum by (job, direction) (likewise_links{job=~\"$job\", direction!=\"incoming\"}) > 3",
        "likewise_links / on (instance) process_open_fds or up{likewise_x=\"process_y\"}",
        "label_values(likewise_links, job)",
        "likewise_links{direction}",
        "likewise_links{direction=~\"out.*\"} unless vector(1)",
    ] {
        assert_eq!(unknown(good), Vec::<String>::new(), "{good}");
    }
    for (bad, expected) in [
        ("rate(likewise_link[5m])", "no node has likewise_link"),
        ("likewise_links{way=\"incoming\"}", "likewise_links has no label way"),
        ("likewise_links{direction=\"in\"}", "likewise_links has no direction \"in\""),
        ("sum by (peer) (likewise_links)", "none of the metrics has a label peer"),
        ("process_open_fds and on(direction) process_fds", "no node has process_fds"),
        ("likewise_links{direction}, likewise_links{peer}", "likewise_links has no label peer"),
    ] {
        let found = unknown(bad);
        assert!(found.iter().any(|problem| problem.starts_with(expected)), "{bad}: {found:?}");
    }
}
