//! libFuzzer's way into [`likewise_fuzz::votes::kept_seats`](fn@likewise_fuzz::votes::kept_seats).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::votes::kept_seats(data));
