//~ error lifetime may not live long enough
pub fn shrink<'s>(
    guard: ebbtide::OwnedPooled<&'static str, Any>, //~ instead: guard: ebbtide::OwnedPooled<&'s str, Any>,
) -> ebbtide::OwnedPooled<&'s str, Any> {
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
