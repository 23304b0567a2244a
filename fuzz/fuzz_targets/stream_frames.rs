//! libFuzzer's way into [`likewise_fuzz::stream::stream_frames`](fn@likewise_fuzz::stream::stream_frames).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::stream::stream_frames(data));
