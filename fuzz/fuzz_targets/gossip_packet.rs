//! libFuzzer's way into [`likewise_fuzz::gossip::gossip_packet`](fn@likewise_fuzz::gossip::gossip_packet).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::gossip::gossip_packet(data));
