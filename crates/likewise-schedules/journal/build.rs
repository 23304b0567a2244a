//! Chooses the threads of `likewise-schedules` in `likewise-journal/src/sync.rs`, for this package alone.

#![allow(clippy::print_stdout, reason = "a build script speaks to cargo so")]

fn main() {
    println!("cargo:rustc-cfg=schedules");
    println!("cargo:rerun-if-changed=build.rs");
}
