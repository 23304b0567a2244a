//! libFuzzer's way into [`likewise_fuzz::settings::peers_file`](fn@likewise_fuzz::settings::peers_file).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::settings::peers_file(data));
