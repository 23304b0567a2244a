//! libFuzzer's way into [`likewise_fuzz::client::load_answer`](fn@likewise_fuzz::client::load_answer).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::client::load_answer(data));
