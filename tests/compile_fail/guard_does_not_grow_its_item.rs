//~ error lifetime may not live long enough
pub fn grow<'p, 's: 'p>(
    guard: ebbtide::Pooled<'p, &'s str, Any>, //~ instead: guard: ebbtide::Pooled<'p, &'static str, Any>,
) -> ebbtide::Pooled<'p, &'static str, Any> {
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
