//! libFuzzer's way into [`likewise_fuzz::stream::handshake`](fn@likewise_fuzz::stream::handshake).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::stream::handshake(data));
