//! libFuzzer's way into [`likewise_fuzz::http::http_body`](fn@likewise_fuzz::http::http_body).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::http::http_body(data));
