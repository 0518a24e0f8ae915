//! Any sequence of calls, over several threads that take turns, does what a plain model of the pool says.
//!
//! Takes turns, so it says nothing about calls that overlap: for those see `stress.rs` and the loom models. The same
//! sequences are driven by coverage in `fuzz/`, by `ci/fuzz`.

#[path = "../common/mod.rs"]
mod common;
mod machine;
mod reference;

use machine::Case;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_does_what_the_model_says(case in cases()) {
        case.run();
    }
}

/// Random bytes, three at a time, so that a failing case shrinks step by step.
fn cases() -> impl Strategy<Value = Case> {
    prop::collection::vec(any::<[u8; 3]>(), 2..80).prop_map(|triples| Case::read(triples.as_flattened()))
}
