//! libFuzzer's way into [`likewise_fuzz::gossip::gossip_notice`](fn@likewise_fuzz::gossip::gossip_notice).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::gossip::gossip_notice(data));
