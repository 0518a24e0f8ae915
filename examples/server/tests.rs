//! No request sees anything of the one before, though both are answered in the same memory.

#[path = "../../tests/common/mod.rs"]
mod common;
mod context;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{iter, panic};

use common::Dice;
use context::{Context, Fresh, FromPools, Reply, Reused, Step, Supply, Tally, Word};
use hyper::body::Buf;
use hyper::header::{HeaderName, HeaderValue};

struct Request {
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
}

impl Request {
    fn any(dice: &mut Dice) -> Request {
        let user = HeaderValue::from_str(&format!("user-{}", dice.below(1000))).unwrap();
        let mut headers = vec![(HeaderName::from_static("x-user"), user)];
        headers.truncate(dice.below(2));
        for number in 0..dice.below(5) {
            headers.push((format!("x-{number}").parse().unwrap(), HeaderValue::from_static("secret")));
        }
        let words = dice.below(300);
        let mut body: Vec<u8> = (0..words)
            .flat_map(|_| format!("w{}{}", dice.below(100), [" ", ", ", "\n"][dice.below(3)]).into_bytes())
            .collect();
        if dice.below(10) == 0 {
            body.push(0xff); // not UTF-8
        }
        Request { path: format!("/{}", dice.below(1000)), headers, body }
    }

    fn answer<S: Supply>(&self) -> S::Context {
        let mut context = S::context();
        context.headers.extend(self.headers.iter().cloned());
        context.body.extend_from_slice(&self.body);
        context.answer(&self.path);
        context
    }
}

/// Takes all idle items from a pool. Each must equal a new one.
fn assert_idle_as_new<T: Reused>() {
    let idle: Vec<_> = iter::from_fn(|| T::pool().try_get()).collect();
    assert!(!idle.is_empty(), "there are idle items");
    for item in &idle {
        assert_eq!(format!("{item:?}"), format!("{:?}", T::default()));
    }
}

fn assert_nothing_left() {
    assert_idle_as_new::<Context<FromPools>>();
    assert_idle_as_new::<Word>();
    assert_idle_as_new::<Tally>();
    assert_idle_as_new::<Step>();
}

/// The pools are `static`, so the tests take turns.
fn alone() -> MutexGuard<'static, ()> {
    static POOLS: Mutex<()> = Mutex::new(());
    POOLS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn pooled_answers_match_fresh_ones() {
    let _alone = alone();
    let mut dice = Dice::new(1);
    for _ in 0..500 {
        let request = Request::any(&mut dice);
        assert_eq!(request.answer::<FromPools>().reply, request.answer::<Fresh>().reply);
    }
}

#[test]
fn nothing_is_left_after_a_request() {
    let _alone = alone();
    let mut dice = Dice::new(2);
    for _ in 0..100 {
        drop(Request::any(&mut dice).answer::<FromPools>());
        assert_nothing_left();
    }
}

#[test]
fn nothing_is_left_after_a_panic() {
    let _alone = alone();
    let panicked = panic::catch_unwind(|| {
        let _context = Request::any(&mut Dice::new(3)).answer::<FromPools>();
        panic!("in the middle of a request");
    });
    assert!(panicked.is_err());
    assert_nothing_left();
}

#[test]
fn nothing_is_left_after_half_a_reply() {
    let _alone = alone();
    let context = Request::any(&mut Dice::new(4)).answer::<FromPools>();
    let length = context.reply.len();
    let mut reply = Reply::<FromPools>::new(context);
    reply.advance(length / 2);
    assert_eq!(reply.chunk().len(), length - length / 2);
    drop(reply); // the client is gone
    assert_nothing_left();
    assert_eq!(Reply::<FromPools>::new(FromPools::context()).remaining(), 0);
}
