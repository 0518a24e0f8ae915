//! `async-channel`, filled with the items. A woken waiter looks into the queue again, where a newcomer may have been
//! faster.

use ::async_channel::{Receiver, Sender};
use ebbtide::Clear;

use crate::contender::Bounded;
use crate::contenders::allocate::Owned;
use crate::item::Buffer;

pub(crate) struct Channel(Sender<Owned<Buffer>>, Receiver<Owned<Buffer>>);

impl Bounded for Channel {
    const NAME: &'static str = "async-channel";
    const OVERTAKES: bool = true;
    type Guard<'p> = Owned<Buffer>;

    fn new(items: usize) -> Self {
        let (sender, receiver) = ::async_channel::bounded(items);
        let channel = Self(sender, receiver);
        (0..items).for_each(|_| channel.put(Owned::default()));
        channel
    }

    fn try_get(&self) -> Option<Owned<Buffer>> {
        self.1.try_recv().ok()
    }

    #[inline]
    fn get(&self) -> Owned<Buffer> {
        self.1.recv_blocking().expect("nobody closes it")
    }

    #[inline]
    async fn get_async(&self) -> Owned<Buffer> {
        self.1.recv().await.expect("nobody closes it")
    }

    #[inline]
    fn put(&self, mut item: Owned<Buffer>) {
        item.clear();
        self.0.try_send(item).expect("there is room for all");
    }
}
