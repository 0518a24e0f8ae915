//! Builds and drops binary trees, node by node, with `Box` and with a `BoxPool`.
//!
//! A tree's nodes are new each time, and only their memory is worth keeping. In the first part, one thread builds trees
//! and drops them. In the second part, a thread builds trees and sends them to another one, which reads and drops them:
//! the memory comes back from there.
//!
//! ```text
//! cargo run --release --example trees
//! cargo run --release --example trees -- --depth 16
//! cargo run --release --example trees -- --help
//! ```
//!
//! Rounds of both kinds alternate. In each round the sum of all keys is checked.

mod common;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Instant;

use common::{Failure, Flag, median};
use ebbtide::{BoxPool, PooledBox};

/// Trees in the channel of the second part.
const IN_FLIGHT: usize = 4;

/// Defines a node whose children are in boxes of this type, made by this function.
macro_rules! tree {
    ($name:ident, $boxed:ty, $new:expr) => {
        struct $name {
            key: u64,
            children: Option<[$boxed; 2]>,
        }

        impl Tree for $boxed {
            fn build(depth: usize, key: u64) -> Self {
                let child = |side| Self::build(depth - 1, 2 * key + side);
                $new($name { key, children: (depth > 0).then(|| [child(0), child(1)]) })
            }

            fn sum(&self) -> u64 {
                let children = self.children.iter().flatten().map(Tree::sum).fold(0, u64::wrapping_add);
                children.wrapping_add(self.key)
            }
        }
    };
}

trait Tree: Send + Sized + 'static {
    /// Builds a tree of this depth, whose root has this key.
    fn build(depth: usize, key: u64) -> Self;

    /// The sum of all keys.
    fn sum(&self) -> u64;
}

static NODES: BoxPool<PooledNode> = BoxPool::new();

tree!(BoxedNode, Box<BoxedNode>, Box::new);
tree!(PooledNode, PooledBox<PooledNode>, |node| NODES.insert(node));

/// Builds and drops trees on one thread. Returns the sum of their keys.
fn here<T: Tree>(depth: usize, trees: usize) -> u64 {
    (0..trees).map(|_| T::build(depth, 1).sum()).fold(0, u64::wrapping_add)
}

/// Builds trees on this thread, and drops them on another.
fn there<T: Tree>(depth: usize, trees: usize) -> u64 {
    let (sender, receiver) = sync_channel::<T>(IN_FLIGHT);
    let reader = thread::spawn(move || receiver.iter().map(|tree| tree.sum()).fold(0, u64::wrapping_add));
    for _ in 0..trees {
        sender.send(T::build(depth, 1)).expect("the reader runs until there is no sender");
    }
    drop(sender);
    reader.join().expect("no panic")
}

/// How trees are built and dropped.
type Way = fn(usize, usize) -> u64;

fn run() -> Result<(), Failure> {
    let (mut depth, mut trees, mut rounds) = (10, 500, 11);
    let mut flags = [
        Flag::number("--depth", "depth of a tree", &mut depth, 0..=24),
        Flag::number("--trees", "trees in a round", &mut trees, 1..=1_000_000),
        Flag::number("--rounds", "rounds of each kind", &mut rounds, 1..=1000),
    ];
    common::parse("Builds and drops binary trees with Box and with a BoxPool.", &mut flags)?;
    let nodes = (2 << depth) - 1;
    let sum = (1..=nodes).fold(0, u64::wrapping_add).wrapping_mul(trees as u64);

    let parts: [(&str, [Way; 2]); 2] = [
        ("built and dropped on one thread", [here::<PooledBox<PooledNode>>, here::<Box<BoxedNode>>]),
        ("built here, dropped there", [there::<PooledBox<PooledNode>>, there::<Box<BoxedNode>>]),
    ];
    let mut out = io::stdout();
    writeln!(out, "{:32} {:>16} {:>16} {:>22}", "ns per node", "BoxPool", "Box", "BoxPool over Box")?;
    for (title, ways) in parts {
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (way, times) in ways.iter().zip(&mut times) {
                let start = Instant::now();
                let found = way(depth, trees);
                times.push(start.elapsed().as_nanos() as f64 / (nodes * trees as u64) as f64);
                if found != sum {
                    return Err(format!("the keys add up to {found}, not {sum}").into());
                }
            }
        }
        let ratios: Vec<_> = times[0].iter().zip(&times[1]).map(|(pooled, boxed)| pooled / boxed).collect();
        let [pooled, boxed] = times.map(median);
        writeln!(
            out,
            "{title:32} {pooled:16.1} {boxed:16.1} {:>22}",
            format!("{:.2}, median of pairs", median(ratios))
        )?;
    }
    Ok(writeln!(out, "\nmemory for {} nodes was allocated by the pool in all rounds", NODES.stats().created)?)
}

fn main() -> ExitCode {
    common::exit("trees", run())
}
