//! libFuzzer's way into [`likewise_fuzz::state::delta`](fn@likewise_fuzz::state::delta).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::state::delta(data));
