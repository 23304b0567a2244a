//! libFuzzer's way into [`likewise_fuzz::access::tokens_file`](fn@likewise_fuzz::access::tokens_file).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::access::tokens_file(data));
