//! libFuzzer's way into [`likewise_fuzz::http::http_connection`](fn@likewise_fuzz::http::http_connection).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::http::http_connection(data));
