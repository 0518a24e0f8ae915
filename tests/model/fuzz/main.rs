//! Any bytes are a sequence of calls (see `machine.rs`). `ci/fuzz` builds and runs this.

#![no_main]

#[path = "../../common/mod.rs"]
mod common;
#[path = "../machine.rs"]
mod machine;
#[path = "../reference.rs"]
mod reference;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| machine::Case::read(bytes).run());
