//! libFuzzer's way into [`likewise_fuzz::backup::backup_file`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| likewise_fuzz::backup::backup_file(data));
