//! libFuzzer's way into [`likewise_fuzz::state::chunk`](fn@likewise_fuzz::state::chunk).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::state::chunk(data));
