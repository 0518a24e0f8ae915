//! The program with the counting allocator.

use std::mem;
use std::process::Command;
use std::sync::Mutex;

/// A vector under a mutex has the size of its type, and 8 bytes for each item beside the item's own 24 and 64.
#[test]
fn a_known_pool_has_its_memory_use() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_ebbtide-benches-counting"));
    let output = program.args(["--sample", "mutex-vec", "weight"]).output().expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    let line = String::from_utf8_lossy(&output.stdout);
    let number = |name: &str| -> f64 {
        let fields = line.split_whitespace().filter_map(|field| field.split_once('='));
        let (_, number) = fields.into_iter().find(|(key, _)| *key == name).unwrap_or_else(|| panic!("{name}: {line}"));
        number.parse().unwrap_or_else(|_| panic!("{name}: {line}"))
    };
    assert_eq!(number("unused_bytes"), mem::size_of::<Mutex<Vec<Box<[u8; 24]>>>>() as f64);
    let (used, item) = (number("used_bytes"), number("item_bytes"));
    assert!(used >= number("unused_bytes") + 24.0 + 64.0 + 8.0, "{line}");
    assert!((95.0..97.0).contains(&item), "{line}");
}

#[test]
fn a_program_that_does_not_count_says_so() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_ebbtide-benches"));
    let output = program.args(["--sample", "mutex-vec", "weight"]).output().expect("the program runs");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("counting allocator"));
}
