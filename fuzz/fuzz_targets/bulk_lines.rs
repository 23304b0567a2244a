//! libFuzzer's way into [`likewise_fuzz::http::bulk_lines`](fn@likewise_fuzz::http::bulk_lines).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::http::bulk_lines(data));
