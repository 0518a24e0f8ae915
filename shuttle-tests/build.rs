//! Builds this package, and no other, with `cfg(loom)` on top of shuttle.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cfg=loom");
    println!("cargo::rustc-cfg=loom_is_shuttle");
}
