//! libFuzzer's way into [`likewise_fuzz::access::jwks_file`](fn@likewise_fuzz::access::jwks_file).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::access::jwks_file(data));
