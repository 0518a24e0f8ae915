//! `#[derive(Clear)]`: every field is cleared, unless its attribute says otherwise.
#![cfg(feature = "derive")]

use std::collections::HashSet;
use std::fmt::Debug;

use ebbtide::{Clear, Pool};

/// A value without `Clear`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Opaque(u8);

/// Asserts that a value becomes a new one.
#[track_caller]
fn becomes_new<T: Clear + Default + PartialEq + Debug>(mut value: T) {
    assert_ne!(value, T::default(), "filled");
    value.clear();
    assert_eq!(value, T::default(), "cleared");
}

#[derive(Clear, Debug, Default, PartialEq)]
struct Request<'a, T> {
    path: String,
    r#type: u8,
    max: u8,
    referrer: &'a str,
    parts: Vec<T>,
}

#[derive(Clear, Debug, Default, PartialEq)]
struct Pair(String, Vec<u8>);

#[derive(Clear, Debug, Default, PartialEq)]
struct Unit;

#[derive(Clear)]
struct Fixed<const N: usize>([u8; N]);

/// `Opaque` has no `Clear`, but a `Vec<Opaque>` has.
#[test]
fn every_field_is_cleared() {
    becomes_new(Request { path: "/".into(), r#type: 1, max: 1, referrer: "a", parts: vec![Opaque(1)] });
    becomes_new(Pair("a".into(), vec![1]));
    Unit.clear();
    let mut fixed = Fixed([1; 40]);
    fixed.clear();
    assert_eq!(fixed.0, [0; 40]);
}

#[test]
fn fields_keep_their_storage() {
    let mut pair = Pair(String::with_capacity(100), Vec::with_capacity(100));
    pair.clear();
    assert!(pair.0.capacity() >= 100 && pair.1.capacity() >= 100);
}

#[derive(Clear, Debug, Default, PartialEq)]
enum Body<T> {
    #[default]
    Empty,
    Text(String),
    Parts {
        all: Vec<T>,
    },
}

#[derive(Clear)]
enum Buffer {
    Heap(Vec<u8>),
    Mapped(#[clear(skip)] Opaque),
}

impl Default for Buffer {
    fn default() -> Self {
        Self::Heap(Vec::new())
    }
}

#[derive(Clear)]
enum Never {}

#[test]
fn an_enum_becomes_its_default() {
    becomes_new(Body::<Opaque>::Text("a".into()));
    becomes_new(Body::Parts { all: vec![Opaque(1)] });
    let mut buffer = Buffer::Mapped(Opaque(1));
    buffer.clear();
    assert!(matches!(buffer, Buffer::Heap(_)));
    fn is_clear<T: Clear>() {}
    is_clear::<Never>();
}

#[test]
fn the_default_variant_keeps_its_storage() {
    let mut buffer = Buffer::Heap(vec![1; 100]);
    buffer.clear();
    assert!(matches!(&buffer, Buffer::Heap(bytes) if bytes.is_empty() && bytes.capacity() >= 100));
}

/// A type that contains itself.
#[derive(Clear, Debug, Default, PartialEq)]
enum List<T> {
    #[default]
    End,
    Item(Vec<T>, Box<List<T>>),
}

#[test]
fn a_generic_type_may_contain_itself() {
    becomes_new(List::Item(vec![Opaque(1)], Box::new(List::Item(vec![], Box::default()))));
}

/// What the compiler says of the fields, it does not say again of the derived code.
#[derive(Clear, Debug, Default, PartialEq)]
#[expect(non_snake_case, reason = "as in some protocols")]
struct Foreign {
    headerLength: u8,
    #[deprecated]
    old: u8,
}

#[test]
#[expect(deprecated, reason = "the field is filled")]
fn odd_fields_are_cleared() {
    becomes_new(Foreign { headerLength: 1, old: 1 });
}

fn to_nine(value: &mut Opaque) {
    value.0 = 9;
}

#[derive(Clear)]
struct Marked<T> {
    #[clear(skip)]
    skipped: T,
    #[clear(default)]
    default: Opaque,
    #[clear(with = to_nine)]
    with: Opaque,
    #[clear(with = Vec::pop)]
    popped: Vec<u8>,
}

#[test]
fn an_attribute_says_what_becomes_of_a_field() {
    let one = Opaque(1);
    let mut marked = Marked { skipped: one, default: one, with: one, popped: vec![1, 2] };
    marked.clear();
    let Marked { skipped, default, with, popped } = marked;
    assert_eq!((skipped, default, with), (Opaque(1), Opaque(0), Opaque(9)));
    assert_eq!(popped, [1]);
}

/// Weights, uses and costs add up, and a field shrinks as far as the whole may.
#[test]
fn weights_are_sums() {
    #[derive(Clear, Default)]
    struct Page {
        text: String,
        links: HashSet<u8>,
        #[clear(skip)]
        id: u64,
    }
    let mut page = Page { text: String::with_capacity(1000), links: HashSet::with_capacity(100), id: 7 };
    page.text.push_str("abc");
    page.links.insert(1);
    assert_eq!(page.weight(), page.text.weight() + page.links.weight() + size_of_val(&page.id));
    assert_eq!(page.used(), page.text.used() + page.links.used() + size_of_val(&page.id));
    assert_eq!(page.clear_cost(), page.links.clear_cost());
    assert!(page.clear_cost() >= 100);
    page.clear();
    page.shrink(10);
    assert!(page.text.capacity() < 100 && page.links.capacity() < 100, "{}", page.text.capacity());
    assert_eq!(page.id, 7);
}

#[test]
fn a_value_weighs_no_less_than_its_size() {
    assert_eq!(Body::<[u64; 9]>::Empty.weight(), size_of::<Body<[u64; 9]>>());
    assert!(Body::<u8>::Text(String::with_capacity(1000)).weight() >= 1000);
}

#[test]
fn a_pool_of_derived_items_needs_nothing_else() {
    static PAIRS: Pool<Pair> = Pool::new();
    PAIRS.get().0.push_str("secret");
    assert_eq!(*PAIRS.get(), Pair::default());
}

/// A `macro_rules` may write the field's types.
#[test]
fn macros_may_write_the_type() {
    macro_rules! item {
        ($name:ident, $($field:ident: $ty:ty),*) => {
            #[derive(Clear, Debug, Default, PartialEq)]
            struct $name<T> { $($field: $ty,)* of: Vec<T> }
        };
    }
    item!(Item, a: Vec<u8>, b: Option<u8>);
    becomes_new(Item { a: vec![1], b: Some(1), of: vec![()] });
}
