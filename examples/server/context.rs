//! The state of a request while it is answered: pooled or fresh.
//!
//! [`Clear`] resets it on its way back into the pool. `tests.rs` checks that nothing of a request is left for the next.

use std::fmt::{Debug, Write};
use std::ops::DerefMut;

use ebbtide::{Clear, Pool, Pooled};
use hyper::HeaderMap;
use hyper::body::Buf;

/// A word of the request's body.
#[derive(Debug, Default)]
pub(crate) struct Word {
    text: String,
    line: usize,
}

impl Clear for Word {
    fn clear(&mut self) {
        let Self { text, line } = self;
        text.clear();
        *line = 0;
    }
}

/// A distinct word, and its lines.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    text: String,
    lines: Vec<usize>,
}

impl Clear for Tally {
    fn clear(&mut self) {
        let Self { text, lines } = self;
        text.clear();
        lines.clear();
    }
}

/// A step of the work on a request, for the trace.
#[derive(Debug, Default)]
pub(crate) struct Step {
    name: String,
    items: usize,
}

impl Clear for Step {
    fn clear(&mut self) {
        let Self { name, items } = self;
        name.clear();
        *items = 0;
    }
}

/// A request and its results.
#[derive(Debug)]
pub(crate) struct Context<S: Supply> {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    words: Vec<S::Of<Word>>,
    tallies: Vec<S::Of<Tally>>,
    trace: Vec<S::Of<Step>>,
    /// The response's body, until it is sent.
    pub(crate) reply: String,
}

impl<S: Supply> Default for Context<S> {
    fn default() -> Self {
        Self {
            headers: HeaderMap::new(),
            body: Vec::new(),
            words: Vec::new(),
            tallies: Vec::new(),
            trace: Vec::new(),
            reply: String::new(),
        }
    }
}

/// The destructuring names every field, so that none is forgotten. Clearing the lists returns their items to their
/// pools.
impl<S: Supply> Clear for Context<S> {
    fn clear(&mut self) {
        let Self { headers, body, words, tallies, trace, reply } = self;
        headers.clear();
        body.clear();
        words.clear();
        tallies.clear();
        trace.clear();
        reply.clear();
    }
}

impl<S: Supply> Context<S> {
    /// Answers a request whose headers and body are here. The reply has the user, the ten most frequent words with the
    /// first line of each, and the trace.
    pub(crate) fn answer(&mut self, path: &str) {
        let text = std::str::from_utf8(&self.body).unwrap_or_default();
        for (number, line) in text.lines().enumerate() {
            for word in line.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
                let mut next = S::supply::<Word>();
                next.text.extend(word.chars().flat_map(char::to_lowercase));
                next.line = number + 1;
                self.words.push(next);
            }
        }
        self.step("words", self.words.len());

        self.words.sort_unstable_by(|a, b| (&a.text, a.line).cmp(&(&b.text, b.line)));
        for equal in self.words.chunk_by(|a, b| a.text == b.text) {
            let mut tally = S::supply::<Tally>();
            tally.text.push_str(&equal[0].text);
            tally.lines.extend(equal.iter().map(|word| word.line));
            self.tallies.push(tally);
        }
        self.step("tallies", self.tallies.len());

        self.tallies.sort_unstable_by(|a, b| b.lines.len().cmp(&a.lines.len()).then_with(|| a.text.cmp(&b.text)));
        let user = self.headers.get("x-user").and_then(|user| user.to_str().ok()).unwrap_or("nobody");
        // Writing to a `String` can't fail.
        let _ = writeln!(self.reply, "{path} for {user}, {} headers", self.headers.len());
        for tally in self.tallies.iter().take(10) {
            let _ = writeln!(self.reply, "{} {} {}", tally.lines.len(), tally.text, tally.lines[0]);
        }
        for step in &self.trace {
            let _ = writeln!(self.reply, "{}: {}", step.name, step.items);
        }
    }

    fn step(&mut self, name: &str, items: usize) {
        let mut step = S::supply::<Step>();
        step.name.push_str(name);
        step.items = items;
        self.trace.push(step);
    }
}

// ---- Pooled or fresh -------------------------------------------------------------------------------------------------

/// A type with its own pool.
pub(crate) trait Reused: Clear + Debug + Default + Send + 'static {
    fn pool() -> &'static Pool<Self>;
}

macro_rules! reused {
    ($($item:ty),*) => {$(
        impl Reused for $item {
            fn pool() -> &'static Pool<Self> {
                static POOL: Pool<$item> = Pool::new();
                &POOL
            }
        }
    )*};
}

reused! { Word, Tally, Step, Context<FromPools> }

/// The source of contexts and small objects.
pub(crate) trait Supply: Debug + Sized + 'static {
    type Of<T: Reused>: DerefMut<Target = T> + Debug + Send;
    type Context: DerefMut<Target = Context<Self>> + Send;

    fn supply<T: Reused>() -> Self::Of<T>;
    fn context() -> Self::Context;
}

/// Takes them from pools.
#[derive(Debug)]
pub(crate) enum FromPools {}

impl Supply for FromPools {
    type Of<T: Reused> = Pooled<'static, T>;
    type Context = Pooled<'static, Context<Self>>;

    fn supply<T: Reused>() -> Self::Of<T> {
        T::pool().get()
    }

    fn context() -> Self::Context {
        Context::pool().get()
    }
}

/// Makes fresh ones.
#[derive(Debug)]
pub(crate) enum Fresh {}

impl Supply for Fresh {
    type Of<T: Reused> = Box<T>;
    type Context = Box<Context<Self>>;

    fn supply<T: Reused>() -> Self::Of<T> {
        Box::default()
    }

    fn context() -> Self::Context {
        Box::default()
    }
}

/// A context whose reply is being sent as the response's body. When the reply was sent or the client is gone, the
/// context returns.
pub(crate) struct Reply<S: Supply> {
    context: S::Context,
    sent: usize,
}

impl<S: Supply> Reply<S> {
    pub(crate) fn new(context: S::Context) -> Self {
        Self { context, sent: 0 }
    }
}

impl<S: Supply> Buf for Reply<S> {
    fn remaining(&self) -> usize {
        self.context.reply.len() - self.sent
    }

    fn chunk(&self) -> &[u8] {
        &self.context.reply.as_bytes()[self.sent..]
    }

    fn advance(&mut self, count: usize) {
        self.sent += count;
    }
}
