//! libFuzzer's way into [`likewise_fuzz::edge::client_address`](fn@likewise_fuzz::edge::client_address).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::edge::client_address(data));
