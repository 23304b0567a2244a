//! libFuzzer's way into [`likewise_fuzz::state::codec`](fn@likewise_fuzz::state::codec).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::state::codec(data));
