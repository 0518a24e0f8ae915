//! Any bytes are a sequence of calls; see `tests/model/machine.rs`. Built and run by `ci/fuzz`.

#![no_main]

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/model/machine.rs"]
mod machine;
#[path = "../tests/model/reference.rs"]
mod reference;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| machine::Case::read(bytes).run());
