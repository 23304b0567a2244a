//! libFuzzer's way into [`likewise_fuzz::edge::certificates`](fn@likewise_fuzz::edge::certificates).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::edge::certificates(data));
