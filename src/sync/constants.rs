//! Constants and statics, which loom's atomics cannot be in.

/// Defines a `const fn`, or a plain `fn` under loom, whose atomics cannot be created in a constant.
macro_rules! const_unless_loom {
    ($(#[$meta:meta])* $vis:vis const fn $($rest:tt)*) => {
        #[cfg(not(all(loom, feature = "loom")))]
        $(#[$meta])*
        $vis const fn $($rest)*

        #[cfg(all(loom, feature = "loom"))]
        $(#[$meta])*
        $vis fn $($rest)*
    };
}
pub(crate) use const_unless_loom;

/// Defines a `static`, or under loom one that each execution has anew.
macro_rules! static_per_execution {
    ($(#[$meta:meta])* static $name:ident: $type:ty = $value:expr;) => {
        #[cfg(not(all(loom, feature = "loom")))]
        $(#[$meta])*
        static $name: $type = $value;

        #[cfg(all(loom, feature = "loom"))]
        loom::lazy_static! {
            $(#[$meta])*
            static ref $name: $type = $value;
        }
    };
}
pub(crate) use static_per_execution;
