//! libFuzzer's way into [`likewise_fuzz::client::answers`](fn@likewise_fuzz::client::answers).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::client::answers(data));
