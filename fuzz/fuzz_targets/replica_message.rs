//! libFuzzer's way into [`likewise_fuzz::replica::replica_message`](fn@likewise_fuzz::replica::replica_message).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::replica::replica_message(data));
