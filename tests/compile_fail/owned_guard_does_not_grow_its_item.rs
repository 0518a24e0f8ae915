//~ error lifetime may not live long enough
pub fn grow<'s>(
    guard: ebbtide::OwnedPooled<&'s str, Any>, //~ instead: guard: ebbtide::OwnedPooled<&'static str, Any>,
) -> ebbtide::OwnedPooled<&'static str, Any> {
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
