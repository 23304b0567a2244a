//! libFuzzer's way into [`likewise_fuzz::access::authorization`](fn@likewise_fuzz::access::authorization).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::access::authorization(data));
