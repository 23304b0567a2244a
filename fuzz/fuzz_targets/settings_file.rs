//! libFuzzer's way into [`likewise_fuzz::settings::settings_file`](fn@likewise_fuzz::settings::settings_file).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::settings::settings_file(data));
