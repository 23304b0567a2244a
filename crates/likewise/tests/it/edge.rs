//! What stands between clients and the routes: TLS, other origins, rate limits, the access log, ends of connections.

use likewise::Config;
use likewise::config::settings::Settings;

use crate::api::client::Served;

mod access_log;
mod certificates;
mod connections;
mod cors;
mod rates;
mod reloading;
mod settings;
mod tls;

/// The settings of a node for a test, with these over them.
fn config(settings: Settings) -> Config {
    let common = Settings {
        name: Some("test-node".to_owned()),
        http: Some("127.0.0.1:0".to_owned()),
        in_memory: Some(true),
        ..Settings::default()
    };
    Config::new(common.overlaid(&settings)).unwrap()
}

fn served(settings: Settings) -> Served {
    Served::start_with(config(settings))
}

fn texts(texts: &[&str]) -> Option<Vec<String>> {
    Some(texts.iter().map(|&text| text.to_owned()).collect())
}
