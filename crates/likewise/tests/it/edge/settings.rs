//! What each setting may be, and what is said of what it may not be.

use likewise::Config;
use likewise::config::edge::CorsOrigins;
use likewise::config::settings::Settings;

use super::config;

fn parsed(text: &str) -> Result<Config, String> {
    let settings: Settings = toml::from_str(text).unwrap();
    Config::new(settings).map_err(|error| error.to_string())
}

#[test]
fn a_bad_value_is_answered_with_setting_value_and_remedy() {
    let origin = |value: &str, remedy: &str| {
        (format!("cors-origins = ['{value}']"), format!("cors-origins is {value:?}: {remedy}"))
    };
    let other = |text: &str, expected: &str| (text.to_owned(), expected.to_owned());
    let usual = "use a scheme, a host and where needed a port";
    for (text, expected) in [
        origin("shop.example", usual),
        origin("https://shop.example/", usual),
        origin("https://shop.example/path", usual),
        origin("https://", usual),
        origin("https://*.shop.example", usual),
        origin("https://u@shop.example", usual),
        origin("https://shop.example:", usual),
        origin("https://shop.example:0", usual),
        origin("https://shop.example:080", usual),
        origin("https://[::1", usual),
        origin("null", usual),
        origin("https://Shop.example", "write it in small letters"),
        origin("https://shop.example:443", "leave out the port"),
        origin("http://shop.example:80", "leave out the port"),
        other("cors-origins = []", "cors-origins is \"\": name the origins"),
        other("cors-origins = ['*', 'https://a']", "cors-origins is \"*,https://a\": * is every"),
        other("tls-certificate-file = 'c'", "tls-certificate-file is \"c\": set tls-key-file too"),
        other("tls-key-file = 'k'", "tls-key-file is \"k\": set tls-certificate-file too"),
        other("rate-limit = 0", "rate-limit is \"0\": use a number from 1 to 1000000"),
        other("rate-limit = 1000001", "rate-limit is \"1000001\": use a number from 1"),
        other("rate-limit = 1\nrate-limit-burst = 0", "rate-limit-burst is \"0\": use a number"),
        other("rate-limit-burst = 5", "rate-limit-burst is \"5\": set rate-limit too"),
        other("trusted-proxies = ['proxy']", "trusted-proxies is \"proxy\": use an IP address"),
        other("trusted-proxies = ['10.0.0.0/33']", "trusted-proxies is \"10.0.0.0/33\": use"),
        other("connection-age-max = '10'", "connection-age-max is \"10\": use a number and a unit"),
        other("connection-age-max = '1ms'", "connection-age-max is \"1ms\": use a time from 100ms"),
        other("connection-age-max = '366days'", "connection-age-max is \"366days\": use a time"),
        other("drain-delay = 'soon'", "drain-delay is \"soon\": use a number and a unit"),
        other("drain-delay = '11m'", "drain-delay is \"11m\": use at most 10m"),
    ] {
        let problem = parsed(&text).unwrap_err();
        assert!(problem.starts_with(&expected), "{text}: {problem}");
    }
}

#[test]
fn good_values_are_taken_and_the_default_is_nothing() {
    let origins = "cors-origins = ['https://shop.example', 'http://localhost:3000', 'http://[::1]:8', 'app://x']";
    match parsed(origins).unwrap().edge.cors {
        Some(CorsOrigins::Listed(list)) => assert_eq!(list.len(), 4),
        other => panic!("{other:?}"),
    }
    assert_eq!(parsed("cors-origins = ['*']").unwrap().edge.cors, Some(CorsOrigins::Any));
    let rate = parsed("rate-limit = 7").unwrap().edge.rate.unwrap();
    assert_eq!((rate.per_second, rate.burst), (7, 7));
    let networks =
        parsed("trusted-proxies = ['10.1.2.3/8', '::ffff:192.0.2.1', 'fd00::/8']").unwrap();
    let networks: Vec<String> =
        networks.edge.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/8", "192.0.2.1/32", "fd00::/8"]);
    assert_eq!(config(Settings::default()).edge, likewise::config::edge::EdgeConfig::default());
}
