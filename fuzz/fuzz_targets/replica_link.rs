//! libFuzzer's way into [`likewise_fuzz::replica::replica_link`](fn@likewise_fuzz::replica::replica_link).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::replica::replica_link(data));
