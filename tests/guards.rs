//! Code written for an item's own type. It compiles and does the same with a guard of such an item.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufWriter, Cursor, Read, Seek, Write};
use std::panic::{self, RefUnwindSafe, UnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ebbtide::buffers::PooledBuffer;
use ebbtide::{BufferPool, OwnedPooled, Pool, Pooled};

fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().copied().map(u32::from).sum()
}

fn double(bytes: &mut [u8]) {
    bytes.iter_mut().for_each(|byte| *byte *= 2);
}

fn append(bytes: &mut Vec<u8>) {
    bytes.push(1);
}

fn len_of(bytes: impl AsRef<[u8]>) -> usize {
    bytes.as_ref().len()
}

fn clear(mut bytes: impl AsMut<[u8]>) {
    bytes.as_mut().fill(0);
}

fn greet(to: &mut impl Write) -> io::Result<()> {
    writeln!(to, "hello")
}

fn greet_any(to: &mut dyn Write) -> io::Result<()> {
    to.write_all(b"hello").and_then(|()| to.flush())
}

fn greet_in_text(to: &mut impl fmt::Write) -> fmt::Result {
    to.write_str("hello").and_then(|()| to.write_char('!'))
}

fn add(to: &mut impl Extend<u8>) {
    to.extend([1, 2, 3]);
}

fn orders<T: Ord>(one: &T, other: &T) -> Ordering {
    assert!(one == other && one.partial_cmp(other).is_some());
    one.cmp(other)
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The same code for a `Vec<u8>` and its guards. The argument makes an empty one.
macro_rules! code_for_a_vec {
    ($($name:ident: $new:expr;)*) => { $(
        #[test]
        fn $name() -> io::Result<()> {
            let mut bytes = $new;
            bytes.extend_from_slice(b"abc");
            bytes.extend([1]);
            bytes.extend(&[2]);
            add(&mut bytes);
            append(&mut bytes);
            assert_eq!(bytes.len(), 9);
            bytes.clear();

            write!(bytes, "{}", 12)?;
            bytes.write_all(b"34")?;
            greet(&mut bytes)?;
            greet_any(&mut bytes)?;
            assert_eq!(io::copy(&mut &b"copied"[..], &mut bytes)?, 6);
            assert_eq!((&b"read"[..]).read_to_end(&mut bytes)?, 4);
            assert_eq!(std::str::from_utf8(&bytes), Ok("1234hello\nhellocopiedread"));
            bytes.truncate(4);

            assert_eq!((bytes[0], &bytes[1..], sum(&bytes)), (b'1', &b"234"[..], 202));
            bytes[0] = 1;
            bytes[1..].fill(1);
            double(&mut bytes);
            let mut seen = 0;
            for byte in &bytes {
                seen += byte;
            }
            for byte in &mut bytes {
                *byte += 1;
            }
            for byte in &*bytes {
                seen += byte;
            }
            assert_eq!((seen, bytes.first(), bytes.iter().max()), (20, Some(&3), Some(&3)));

            let slice: &mut [u8] = bytes.as_mut();
            slice[0] = 4;
            let whole: &mut Vec<u8> = bytes.as_mut();
            whole.push(5);
            double(bytes.as_mut());
            append(bytes.as_mut());
            let slice: &[u8] = bytes.as_ref();
            let whole: &Vec<u8> = bytes.as_ref();
            assert_eq!((slice, whole.len(), sum(bytes.as_ref())), (&[8, 6, 6, 6, 10, 1][..], 6, 37));
            assert_eq!((len_of(&bytes), AsRef::<[u8]>::as_ref(&bytes).len()), (6, 6));
            AsMut::<[u8]>::as_mut(&mut bytes).reverse();
            clear(&mut bytes);
            assert_eq!((format!("{bytes:?}"), sum(&bytes)), ("[0, 0, 0, 0, 0, 0]".to_owned(), 0));

            let bytes = panic::catch_unwind(move || bytes).expect("no panic");
            let mut bytes = BufWriter::new(bytes).into_inner()?;
            bytes.push(7);
            let mut cursor = Cursor::new(bytes);
            let mut last = [1];
            cursor.seek(io::SeekFrom::End(-1))?;
            cursor.read_exact(&mut last)?;
            assert_eq!(last, [7]);
            assert_eq!(len_of(cursor.into_inner()), 7);
            clear($new);

            assert!(orders(&$new, &$new).is_eq() && hash_of(&$new) == hash_of(&Vec::<u8>::new()));
            assert_eq!(Borrow::<Vec<u8>>::borrow(&$new), &[]);
            Ok(())
        }
    )* };
}

/// The same for a `String`.
macro_rules! code_for_a_string {
    ($($name:ident: $new:expr;)*) => { $(
        #[test]
        fn $name() {
            use fmt::Write as _;
            let mut text = $new;
            write!(text, "{}", 12).expect("no error");
            greet_in_text(&mut text).expect("no error");
            text.push_str("ab");
            text.extend(['c']);
            assert_eq!((&b"read"[..]).read_to_string(&mut text).ok(), Some(4));
            let part: &str = &text[2..];
            assert_eq!((part, text.len()), ("hello!abcread", 15));
            text.as_mut().make_ascii_uppercase();
            let bytes: &[u8] = text.as_ref();
            let name: &OsStr = text.as_ref();
            let path: &Path = text.as_ref();
            assert_eq!((bytes.len(), name.len(), path.as_os_str().len(), len_of(&text)), (15, 15, 15, 15));
            assert!(File::open(&text).is_err() && File::open(&*text).is_err());
            assert_eq!((text.to_string(), format!("{text:>16}")), ("12HELLO!ABCREAD".into(), " 12HELLO!ABCREAD".into()));
            text.clear();
        }
    )* };
}

/// The same for other types: one that converts to a path, and one with methods of the same names.
macro_rules! code_for_others {
    ($name:ident: $path:expr, $option:expr, $boxed:expr, $array:expr;) => {
        #[test]
        fn $name() {
            let mut path = $path;
            path.push("there is no such file");
            assert!(File::open(&path).is_err() && File::open(&*path).is_err());

            let mut option = $option;
            *option.as_mut().expect("there is one") += 1;
            assert_eq!((option.as_ref().copied(), option.take()), (Some(2), Some(2)));

            let (mut boxed, mut array) = ($boxed, $array);
            boxed.as_mut().push(1);
            array.as_mut()[0] = boxed.as_ref().len();
            array.as_mut().reverse();
            assert_eq!((array.as_ref().len(), array[1]), (2, 1));
        }
    };
}

fn bytes() -> Arc<Pool<Vec<u8>>> {
    Arc::new(Pool::new())
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

code_for_a_vec! {
    a_vec_itself: Vec::<u8>::new();
    a_guard_of_a_vec: leak(bytes()).get();
    an_owned_guard_of_a_vec: bytes().get_owned();
    a_buffer: leak(BufferPool::new()).get(0);
    an_owned_buffer: Arc::new(BufferPool::new()).get_owned(0);
}

code_for_a_string! {
    a_string_itself: String::new();
    a_guard_of_a_string: leak(Pool::<String>::new()).get();
    an_owned_guard_of_a_string: Arc::new(Pool::<String>::new()).get_owned();
}

code_for_others! { others_themselves: PathBuf::new(), Some(1), Box::new(vec![]), [0; 2]; }
code_for_others! {
    guards_of_others:
    leak(Pool::<PathBuf>::new()).get(),
    leak(Pool::with(|| Some(1))).get(),
    leak(Pool::with(|| Box::new(vec![]))).get(),
    leak(Pool::with(|| [0; 2])).get();
}

#[cfg(feature = "bytes")]
mod bytes_mut {
    use bytes::{BufMut, BytesMut};
    use ebbtide::Pool;

    macro_rules! code_for_bytes_mut {
        ($name:ident: $new:expr;) => {
            #[test]
            fn $name() {
                let mut bytes = $new;
                bytes.put_u16(1);
                bytes.extend_from_slice(b"ab");
                bytes.as_mut()[0] = 2;
                super::double(bytes.as_mut());
                assert_eq!((bytes.as_ref().len(), super::sum(bytes.as_ref()), super::len_of(&bytes)), (4, 396, 4));
                assert_eq!(bytes.split().freeze().len(), 4);
            }
        };
    }
    code_for_bytes_mut! { bytes_mut_itself: BytesMut::new(); }
    code_for_bytes_mut! { a_guard_of_bytes_mut: super::leak(Pool::with(BytesMut::new)).get(); }
}

#[cfg(feature = "bounded")]
mod bounded {
    use super::*;
    use ebbtide::BoundedPool;

    code_for_a_vec! {
        a_guard_of_a_vec: leak(BoundedPool::<Vec<u8>>::new(3)).get().expect("not closed");
        an_owned_guard_of_a_vec: Arc::new(BoundedPool::<Vec<u8>>::new(3)).get_owned().expect("not closed");
    }

    code_for_a_string! {
        a_guard_of_a_string: leak(BoundedPool::<String>::new(1)).get().expect("not closed");
        an_owned_guard_of_a_string: Arc::new(BoundedPool::<String>::new(1)).get_owned().expect("not closed");
    }

    /// The same for bounded pools.
    #[test]
    fn as_ref_and_as_mut_of_a_vec_guard_give_the_vec() {
        let pool = Arc::new(BoundedPool::<Vec<u8>>::new(2));
        let (mut one, mut other) = (pool.get().expect("not closed"), pool.get_owned().expect("not closed"));
        one.as_mut().push(1);
        other.as_mut().push(1);
        assert_eq!((one.as_ref().capacity() > 0, other.as_ref().capacity() > 0), (true, true));
    }

    #[test]
    fn guards_are_unwind_safe_as_boxes_are() {
        is_unwind_safe::<ebbtide::bounded::Pooled<'static, u8, Guarded>>();
        is_unwind_safe::<ebbtide::bounded::OwnedPooled<u8, Guarded>>();
        is_unwind_safe::<BoundedPool<u8>>();
        is_unpin::<ebbtide::bounded::OwnedPooled<std::marker::PhantomPinned, fn() -> std::marker::PhantomPinned>>();
    }
}

/// Guards compare and hash by their items, wherever those are.
#[test]
fn guards_of_equal_items_are_equal() {
    let pool = bytes();
    let (mut one, other) = (pool.get(), pool.get());
    assert!(one == other && hash_of(&one) == hash_of(&other) && hash_of(&one) == hash_of(&*one));
    one.push(1);
    assert!(one != other && one > other);
}

/// A guard prints the address of its item, not its own.
#[test]
fn a_guard_points_to_its_item() {
    let guard = leak(bytes()).get();
    assert_eq!(format!("{guard:p}"), format!("{:p}", &*guard));
}

/// A guard of a `Vec` has one `AsRef` and `AsMut`, so no type annotation is needed. A `Vec` itself needs one.
#[test]
fn as_ref_and_as_mut_of_a_vec_guard_give_the_vec() {
    let (pool, buffers) = (bytes(), Arc::new(BufferPool::new()));
    let (mut one, mut other) = (pool.get(), pool.get_owned());
    let (mut buffer, mut owned) = (buffers.get(0), buffers.get_owned(0));
    for vec in [one.as_mut(), other.as_mut(), buffer.as_mut(), owned.as_mut()] {
        vec.push(1);
    }
    for vec in [one.as_ref(), other.as_ref(), buffer.as_ref(), owned.as_ref()] {
        assert!(vec.capacity() > 0 && *vec == [1]);
    }
}

fn is_unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
fn is_unpin<T: Unpin>() {}

/// A recycler that is not unwind safe by its type.
type Guarded = Box<dyn Fn() -> u8 + Send + Sync>;

/// A guard gives access to the item only, so its recycler doesn't matter.
#[test]
fn guards_are_unwind_safe_as_boxes_are() {
    is_unwind_safe::<Box<u8>>();
    is_unwind_safe::<Pooled<'static, u8, Guarded>>();
    is_unwind_safe::<OwnedPooled<u8, Guarded>>();
    is_unwind_safe::<PooledBuffer>();
    is_unwind_safe::<PooledBuffer<Arc<BufferPool>>>();
    is_unwind_safe::<(Pool<u8>, BufferPool)>();
}

#[test]
fn guards_are_unpin_as_boxes_are() {
    use std::marker::PhantomPinned;
    is_unpin::<Box<PhantomPinned>>();
    is_unpin::<Pooled<'static, PhantomPinned, fn() -> PhantomPinned>>();
    is_unpin::<OwnedPooled<PhantomPinned, fn() -> PhantomPinned>>();
    is_unpin::<Pool<PhantomPinned, fn() -> PhantomPinned>>();
}
