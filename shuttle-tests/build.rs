//! Turns this package, and no other, over to what it calls loom, which is shuttle.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cfg=loom");
    println!("cargo::rustc-cfg=loom_is_shuttle");
}
