//! libFuzzer's way into [`likewise_fuzz::http::http_parameters`](fn@likewise_fuzz::http::http_parameters).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::http::http_parameters(data));
