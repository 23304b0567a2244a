//! libFuzzer's way into [`likewise_fuzz::gossip::gossip_body`](fn@likewise_fuzz::gossip::gossip_body).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::gossip::gossip_body(data));
