//! libFuzzer's way into [`likewise_fuzz::journal::journal`](fn@likewise_fuzz::journal::journal).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::journal::journal(data));
