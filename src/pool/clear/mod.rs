//! `Clear`: how a value is emptied between two users.

mod collections;
mod parts;
mod values;

pub(super) use collections::{entry, weight};

/// Empties a value and keeps its storage, so that the next user sees nothing of the last one.
///
/// Implemented for the standard collections, `String`, `OsString` and `PathBuf`. Tree maps and linked lists have no
/// storage to keep, so they are only emptied. An `Option` becomes `None`. Numbers, `bool`, `char`, `()`, `Duration` and
/// references to strings and slices become their default value. Boxes, arrays, tuples, cells, locks and `Cursor`s clear
/// what they contain. With the features of these names, also for the collections of `bytes`, `hashbrown`, `indexmap` and
/// `smallvec`, and for `http::HeaderMap`.
///
/// For a type of your own, derive it with the feature `derive`:
///
#[cfg_attr(feature = "derive", doc = "```")]
#[cfg_attr(not(feature = "derive"), doc = "```ignore")]
/// use ebbtide::{Clear, Pool};
///
/// #[derive(Clear, Default)]
/// struct Request {
///     path: String,
///     headers: Vec<(String, String)>,
///     #[clear(skip)]
///     id: u64,
/// }
///
/// static REQUESTS: Pool<Request> = Pool::new();
///
/// REQUESTS.get().path.push_str("/secret");
/// assert_eq!(REQUESTS.get().path, "");
/// ```
///
/// # Deriving
///
/// The derived `clear` clears every field, one added later included. Weights and costs are sums over the fields. If the
/// type of a field has no `Clear`, the field is an error. Then one of these says what to do with it:
///
/// | attribute | the field |
/// | --- | --- |
/// | `#[clear(skip)]` | stays as it is, so the next user sees it |
/// | `#[clear(default)]` | becomes `Default::default()` |
/// | `#[clear(with = path)]` | is passed to this function, as `&mut` |
///
/// Generic types that contain each other cannot all derive: of one of these fields, an attribute must say what to do. Nor
/// can a packed struct, if its fields have an alignment.
///
/// An enum becomes its `Default`. If that is the variant that it has, the fields of the variant are cleared instead.
///
#[cfg_attr(feature = "derive", doc = "```")]
#[cfg_attr(not(feature = "derive"), doc = "```ignore")]
/// use std::sync::Arc;
/// use std::time::Instant;
/// use ebbtide::Clear;
///
/// #[derive(Clear, Debug, Default, PartialEq)]
/// enum Body<T> {
///     #[default]
///     Empty,
///     Full(Vec<T>),
/// }
///
/// #[derive(Clear)]
/// struct Job<T> {
///     body: Body<T>,
///     #[clear(default)]
///     client: Arc<str>,
///     #[clear(with = restart)]
///     began: Instant,
/// }
///
/// fn restart(began: &mut Instant) {
///     *began = Instant::now();
/// }
///
/// let mut job = Job { body: Body::Full(vec![1]), client: "Ada".into(), began: Instant::now() };
/// job.clear();
/// assert_eq!((job.body, &*job.client), (Body::Empty, ""));
/// ```
#[diagnostic::on_unimplemented(
    note = "for a type of your own, write `#[derive(ebbtide::Clear)]`, which needs the feature `derive` of `ebbtide`",
    note = "a field with `#[clear(skip)]`, `#[clear(default)]` or `#[clear(with = path)]` needs no `Clear`",
    note = "`Pool::new` clears its items; `Pool::with` does not clear them, and `Pool::with_recycle` takes a `Recycle` \
            of your own"
)]
pub trait Clear {
    /// Empties the value.
    ///
    /// ```
    /// use ebbtide::Clear;
    ///
    /// let mut pair = (vec![1, 2, 3], String::from("abc"));
    /// Clear::clear(&mut pair);
    /// assert_eq!(pair, (vec![], String::new()));
    /// assert!(pair.0.capacity() >= 3);
    /// ```
    fn clear(&mut self);

    /// Returns how many bytes the value holds: its own size and its storage. It may be an estimate. The default is the
    /// value's own size.
    ///
    /// For a type with several parts, it is the sum of theirs. What the elements of a collection hold does not count.
    ///
    /// ```
    /// use ebbtide::Clear;
    ///
    /// assert_eq!(Vec::<u64>::with_capacity(100).weight(), 800 + size_of::<Vec<u64>>());
    /// assert_eq!(Vec::<u64>::with_capacity(100).weight(), (Vec::<u64>::with_capacity(100),).weight());
    /// ```
    #[inline]
    fn weight(&self) -> usize {
        size_of_val(self)
    }

    /// Returns how many bytes of its storage the value uses, before it is cleared. It may be an estimate. The default
    /// is the weight: all is used, so the value never [shrinks](crate::Pool#how-items-shrink).
    ///
    /// For a type with several parts, it is the sum of theirs.
    ///
    /// ```
    /// use ebbtide::Clear;
    ///
    /// let mut numbers: Vec<u64> = Vec::with_capacity(100);
    /// numbers.extend([1, 2, 3]);
    /// assert_eq!(numbers.used(), 24);
    /// assert_eq!((numbers, String::from("abc")).used(), 27);
    /// ```
    ///
    /// # Panics
    ///
    /// May panic, as [`Recycle::recycle`](crate::Recycle::recycle) may.
    #[inline]
    fn used(&self) -> usize {
        self.weight()
    }

    /// Gives back storage of the cleared value until it has about `max` bytes of it. The default does nothing.
    ///
    /// For a type with several parts, it shrinks each of them to `max`.
    ///
    /// ```
    /// use ebbtide::{Clear, Pool, Settings};
    ///
    /// #[derive(Default)]
    /// struct Page {
    ///     text: String,
    ///     links: Vec<usize>,
    /// }
    ///
    /// impl Clear for Page {
    ///     fn clear(&mut self) {
    ///         self.text.clear();
    ///         self.links.clear();
    ///     }
    ///
    ///     fn weight(&self) -> usize {
    ///         self.text.weight() + self.links.weight()
    ///     }
    ///
    ///     fn used(&self) -> usize {
    ///         self.text.used() + self.links.used()
    ///     }
    ///
    ///     fn shrink(&mut self, max: usize) {
    ///         self.text.shrink(max);
    ///         self.links.shrink(max);
    ///     }
    /// }
    ///
    /// let pages = Pool::with_settings(ebbtide::DefaultRecycle, Settings::new().manual());
    /// pages.put(Page { text: "x".repeat(1 << 20), links: vec![] });
    /// for _ in 0..3 {
    ///     pages.get().text.push_str("short");
    ///     pages.advance();
    /// }
    /// assert!(pages.get().text.capacity() < 100);
    /// ```
    ///
    /// # Panics
    ///
    /// May panic, as [`Recycle::recycle`](crate::Recycle::recycle) may.
    #[inline]
    fn shrink(&mut self, max: usize) {
        let _ = max;
    }

    /// Returns how many bytes [`clear`](Self::clear) goes through, however little of them is used. It may be an
    /// estimate. The default is 0.
    ///
    /// If it is far more than what is [used](Self::used), use after use, a [`Pool`](crate::Pool#how-items-shrink)
    /// replaces the value. A hash table goes through its capacity unless it is empty. For a type with several parts, it
    /// is the sum of theirs.
    ///
    /// ```
    /// use ebbtide::Clear;
    /// use std::collections::HashSet;
    ///
    /// let mut words = HashSet::with_capacity(1000);
    /// assert_eq!(words.clear_cost(), 0);
    /// words.insert("a");
    /// assert!(words.clear_cost() >= 1000);
    /// assert_eq!((words.clone(), String::from("abc")).clear_cost(), words.clear_cost());
    /// ```
    ///
    /// # Panics
    ///
    /// May panic, as [`Recycle::recycle`](crate::Recycle::recycle) may.
    #[inline]
    fn clear_cost(&self) -> usize {
        0
    }
}
