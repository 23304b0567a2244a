//! libFuzzer's way into [`likewise_fuzz::client::import_lines`](fn@likewise_fuzz::client::import_lines).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::client::import_lines(data));
