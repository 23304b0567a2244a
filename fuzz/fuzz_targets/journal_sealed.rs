//! libFuzzer's way into [`likewise_fuzz::journal::journal_sealed`](fn@likewise_fuzz::journal::journal_sealed).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::journal::journal_sealed(data));
