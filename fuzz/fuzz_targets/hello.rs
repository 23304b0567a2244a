//! libFuzzer's way into [`likewise_fuzz::stream::hello`](fn@likewise_fuzz::stream::hello).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::stream::hello(data));
