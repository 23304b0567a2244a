//! libFuzzer's way into [`likewise_fuzz::state::sketch`](fn@likewise_fuzz::state::sketch).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::state::sketch(data));
