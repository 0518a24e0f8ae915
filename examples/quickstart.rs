//! The README's snippets as one program.
//!
//! ```text
//! cargo run --release --example quickstart --features derive,bytes,bounded
//! ```

mod common;

use std::process::ExitCode;
use std::time::Duration;

use common::Failure;
use ebbtide::bounded::GetError;
use ebbtide::{BoundedPool, BoxPool, BufferPool, Clear, DefaultRecycle, Pool, PooledBox, Settings};

static BUFFERS: Pool<Vec<u8>> = Pool::new();

fn handle(request: &[u8]) -> usize {
    let mut buffer = BUFFERS.get();
    buffer.extend_from_slice(request);
    buffer.len()
}

/// A type of your own. A field added later is cleared too.
#[derive(Debug, Default, Clear)]
struct Request {
    path: String,
    segments: Vec<String>,
}

static REQUESTS: Pool<Request> = Pool::new();

fn depth(path: &str) -> usize {
    let request = &mut *REQUESTS.get(); // its fields can be borrowed side by side
    request.path.push_str(path);
    request.segments.extend(request.path.split('/').map(String::from));
    request.segments.len()
}

/// A closure, whose type in a `static` is a function pointer. It does not clear items.
static PAGES: Pool<Vec<u8>, fn() -> Vec<u8>> = Pool::with(|| Vec::with_capacity(4096));

/// Dropped after 5 to 10 seconds of rest.
static LINES: Pool<String> = Pool::with_settings(DefaultRecycle, Settings::new().every(Duration::from_secs(5)));

/// Buffers of at least the capacity asked for, which become `Bytes` without a copy.
static REPLIES: BufferPool = BufferPool::new();

fn reply(body: &[u8]) -> bytes::Bytes {
    let mut buffer = REPLIES.get(body.len());
    buffer.extend_from_slice(body);
    buffer.into()
}

/// At most 8 exist, in use and idle together. Threads and tasks wait in one queue.
static CONTEXTS: BoundedPool<Vec<u8>> = BoundedPool::new(8);

async fn task(request: &[u8]) -> Result<usize, GetError> {
    let mut context = CONTEXTS.get_async().await?;
    context.extend_from_slice(request);
    Ok(context.len())
}

/// `Box::new` with recycled memory, for values that are new each time.
static MESSAGES: BoxPool<String> = BoxPool::new();

fn message(text: &str) -> PooledBox<String> {
    MESSAGES.insert(text.to_owned())
}

fn run() -> Result<(), Failure> {
    common::parse("Runs the snippets of the README.", &mut [])?;
    println!("a buffer: {} bytes", handle(b"GET /"));

    println!("a path: {} segments", depth("users/ada"));
    println!("the next user of its request sees: {:?}", REQUESTS.get());

    PAGES.get().push(1);
    println!("a page, not cleared: {:?}", *PAGES.get());
    LINES.get().push_str("hello");
    println!("a line: {:?}", *LINES.get());

    println!("a reply: {:?}", reply(b"200 OK"));
    println!("a context: {} bytes", futures_lite::future::block_on(task(b"GET /"))?);
    println!("a message: {}", message("hello"));
    Ok(())
}

fn main() -> ExitCode {
    common::exit("quickstart", run())
}
