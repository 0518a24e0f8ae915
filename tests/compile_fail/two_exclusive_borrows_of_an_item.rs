//~ E0499 cannot borrow `guard` as mutable more than once at a time
pub fn borrow(pool: &ebbtide::Pool<String>) {
    let mut guard = pool.get();
    let first: &mut String = &mut guard;
    let second: &mut String = &mut guard; //~ remove
    first.push('a');
    second.push('b'); //~ remove
}
