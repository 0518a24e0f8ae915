//~ error lifetime may not live long enough
pub fn shrink<'p, 's: 'p>(
    pool: &'p ebbtide::Pool<&'static str, Any>, //~ instead: pool: &'p ebbtide::Pool<&'s str, Any>,
) -> &'p ebbtide::Pool<&'s str, Any> {
    pool
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
