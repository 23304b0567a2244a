//! The dashboard, the alerts and the guide for operators name only what nodes really measure: a query for a
//! metric that is not there shows an empty panel, and an alert that never fires.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::process::{PATIENCE, Process, command_of};
use super::promql::{Known, Named, named};

/// A query, the texts that name labels of its answer, and where both stand.
struct Query {
    place: String,
    query: String,
    texts: Vec<String>,
}

fn text(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All queries of the dashboard, wherever they stand.
fn of_dashboard() -> Vec<Query> {
    let dashboard: Value =
        serde_json::from_str(&text("deploy/compose/grafana/dashboards/likewise.json")).unwrap();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        for target in panel["targets"].as_array().into_iter().flatten() {
            queries.push(Query {
                place: format!("dashboard, {title}"),
                query: target["expr"].as_str().unwrap().to_owned(),
                texts: vec![target["legendFormat"].as_str().unwrap().to_owned()],
            });
        }
        if panel["type"] != "row" {
            let description = panel["description"].as_str().unwrap_or_default();
            assert!(!description.is_empty(), "{title}: a panel says what to do");
        }
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        queries.extend(variable["definition"].as_str().map(|query| Query {
            place: format!("dashboard, variable {}", variable["name"]),
            query: query.to_owned(),
            texts: Vec::new(),
        }));
    }
    queries
}

/// All queries of the alerts, each of which says how bad it is and what to do.
fn of_alerts() -> Vec<Query> {
    let alerts = text("deploy/compose/alerts.yml");
    let alerts: Value = serde_saphyr::from_str(&alerts).unwrap();
    let groups = alerts["groups"].as_array().unwrap();
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
    rules
        .map(|rule| {
            let name = rule["alert"].as_str().unwrap();
            let severity = rule["labels"]["severity"].as_str().unwrap();
            assert!(["critical", "warning"].contains(&severity), "{name}: {severity}");
            let texts = ["summary", "description"].map(|kind| {
                let text = rule["annotations"][kind].as_str();
                text.unwrap_or_else(|| panic!("{name} has no {kind}")).to_owned()
            });
            let query = rule["expr"].as_str().unwrap().to_owned();
            Query { place: format!("alert {name}"), query, texts: texts.into() }
        })
        .collect()
}

/// What the guide for operators names, between backticks.
fn of_guide() -> Vec<Query> {
    let guide = text("docs/operations.md");
    let spans = guide.split('`').skip(1).step_by(2);
    let is_metric = |span: &&str| span.starts_with("likewise_") || span.starts_with("process_");
    spans
        .filter(is_metric)
        .map(|span| Query {
            place: format!("docs/operations.md, `{span}`"),
            query: span.to_owned(),
            texts: Vec::new(),
        })
        .collect()
}

impl Query {
    /// What it names, with the labels that its texts take from the answer.
    fn named(&self) -> Named {
        let mut named = named(&self.query);
        let of_templates = self.texts.iter().flat_map(|text| text.split("{{").skip(1));
        for inside in of_templates.filter_map(|rest| rest.split("}}").next()) {
            let first = inside.split('|').next().unwrap_or_default().trim();
            let label = first.strip_prefix("$labels.").unwrap_or(first);
            if label != "$value" {
                named.labels.insert(label.to_owned());
            }
        }
        named
    }
}

fn page(node: &Process) -> String {
    let url = format!("{}/metrics", node.url);
    ureq::get(&url).call().unwrap().body_mut().read_to_string().unwrap()
}

/// A request whose answer is of no matter.
fn knock(node: &Process, path: &str) {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build();
    let agent: ureq::Agent = agent.into();
    let _ = agent.get(format!("{}{path}", node.url)).call().unwrap();
}

/// What two nodes measure that are voters of one cluster and have been asked for this and that.
fn measured() -> Known {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let voters = ["--cluster", "127.0.0.1:0", "--voters", "tested,other"];
    // Nobody is there to be told of traces: how many are lost is measured all the same.
    let traces = ["--trace-endpoint", "http://127.0.0.1:9"];
    let node = Process::start(folders[0].path(), &[&voters[..], &traces].concat());
    // There is no majority yet.
    knock(&node, "/v1/posts/p?consistency=linearizable&timeout=10ms");
    knock(&node, "/readyz");
    let cluster: Value = {
        let answer = ureq::get(format!("{}/v1/cluster", node.url)).call();
        serde_json::from_str(&answer.unwrap().body_mut().read_to_string().unwrap()).unwrap()
    };
    let address = cluster["members"][0]["address"].as_str().unwrap();
    let joining = [&voters[..], &["--join", address]].concat();
    let _other = Process::started_by(command_of("other", folders[1].path(), &joining));
    let deadline = Instant::now() + PATIENCE;
    let mut known = Known::default();
    loop {
        let page = page(&node);
        known.add(&page);
        if page.contains("likewise_cluster_equal{peer=\"other\"}") {
            return known;
        }
        assert!(Instant::now() < deadline, "the nodes did not meet:\n{page}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn dashboard_alerts_and_guide_name_only_what_is_measured() {
    let known = measured();
    let (dashboard, alerts, guide) = (of_dashboard(), of_alerts(), of_guide());
    assert!(dashboard.len() > 50 && alerts.len() > 20 && guide.len() > 20, "they are there");
    let all = dashboard.iter().chain(&alerts).chain(&guide);
    let unknown: Vec<String> = all
        .flat_map(|query| {
            let problems = known.unknown(&query.named());
            problems.into_iter().map(|problem| format!("{}: {problem}", query.place))
        })
        .collect();
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}
