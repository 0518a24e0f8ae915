//! Any sequence of calls, on several threads that take turns, matches a simple model of the pool.
//!
//! Calls never overlap here. For overlapping calls see `stress.rs` and the loom models. `ci/fuzz` drives the same
//! sequences by coverage.

#[path = "../common/mod.rs"]
mod common;
mod machine;
mod reference;

use machine::Case;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_matches_the_model(case in cases()) {
        case.run();
    }
}

/// Random bytes, three at a time, so that a failing case shrinks step by step.
fn cases() -> impl Strategy<Value = Case> {
    prop::collection::vec(any::<[u8; 3]>(), 2..80).prop_map(|triples| Case::read(triples.as_flattened()))
}
