//~ error lifetime may not live long enough
use ebbtide::bounded::Pooled;

pub fn shrink<'p, 's: 'p>(
    guard: Pooled<'p, &'static str, Any>, //~ instead: guard: Pooled<'p, &'s str, Any>,
) -> Pooled<'p, &'s str, Any> {
    guard
}

pub struct Any;

impl<'s> ebbtide::Recycle<&'s str> for Any {
    fn create(&self) -> &'s str {
        ""
    }

    fn recycle(&self, _: &mut &'s str) -> bool {
        true
    }
}
