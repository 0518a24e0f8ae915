//! `BufferPool` and the copy functions. These files are one program, because each program takes a second to build.

mod budget;
mod bytes;
mod classes;
mod copy;
mod grown;
mod tokio;

#[path = "../common/buffers.rs"]
mod buffers;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/counting.rs"]
mod counting;
