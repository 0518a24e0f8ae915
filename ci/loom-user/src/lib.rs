//! A tiny server core with a pool in it, as a user of the crate would write and test it.

use ebbtide::Pool;

/// Answers requests with a pooled scratch buffer.
#[derive(Debug)]
pub struct Server {
    scratch: Pool<Vec<u8>>,
}

impl Server {
    /// A server without scratch buffers.
    pub fn new() -> Self {
        Self { scratch: Pool::new() }
    }

    /// The request, reversed.
    pub fn answer(&self, request: &[u8]) -> Vec<u8> {
        let mut scratch = self.scratch.get();
        assert!(scratch.is_empty(), "a buffer with another request in it");
        scratch.extend_from_slice(request);
        scratch.reverse();
        scratch.clone()
    }

    /// Drops unused buffers.
    pub fn tick(&self) {
        self.scratch.advance();
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, loom))]
mod tests {
    use loom::sync::Arc;
    use loom::thread;

    use super::Server;

    #[test]
    fn answers_are_not_mixed_up() {
        let mut model = loom::model::Builder::new();
        // With two preemptions, each thread can be interrupted inside the other's operation.
        model.preemption_bound = Some(2);
        model.check(|| {
            let server = Arc::new(Server::new());
            let other = Arc::clone(&server);
            let thread = thread::spawn(move || assert_eq!(other.answer(b"abc"), b"cba"));
            assert_eq!(server.answer(b"12"), b"21");
            server.tick();
            thread.join().unwrap();
            assert_eq!(server.answer(b"xy"), b"yx");
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Server;

    #[test]
    fn answers() {
        let server = Server::new();
        assert_eq!(server.answer(b"abc"), b"cba");
        server.tick();
        assert_eq!(server.answer(b"12"), b"21");
    }
}
