//! A `tracing` subscriber that writes down what the pools tell.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::with_default;
use tracing::{Event, Level, Subscriber};

use crate::common::lock;

/// Records each event of this crate as a line, after it has called `first`.
pub(crate) struct Scribe<F> {
    pub(crate) lines: Arc<Mutex<Vec<Line>>>,
    pub(crate) first: F,
}

impl<F: Fn() + Send + Sync + 'static> Subscriber for Scribe<F> {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "ebbtide" && *metadata.level() <= Level::DEBUG
    }

    fn event(&self, event: &Event<'_>) {
        (self.first)();
        let mut line = Line { level: *event.metadata().level(), text: String::new(), micros: 0 };
        event.record(&mut line);
        lock(&self.lines).push(line);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The fields and their values, without the time.
pub(crate) struct Line {
    pub(crate) level: Level,
    pub(crate) text: String,
    pub(crate) micros: u64,
}

impl Visit for Line {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "micros" => self.micros = value,
            _ => self.record_debug(field, &value),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text += &format!(" {}={value:?}", field.name());
    }
}

/// The events emitted while `work` runs, to a subscriber that calls `first` before it records one.
pub(crate) fn events(first: impl Fn() + Send + Sync + 'static, work: impl FnOnce()) -> Vec<Line> {
    let lines = Arc::default();
    with_default(Scribe { lines: Arc::clone(&lines), first }, work);
    std::mem::take(&mut *lock(&lines))
}

pub(crate) fn texts(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|line| &*line.text).collect()
}
