//! `#[derive(Clear)]` for the pool crate [`ebbtide`](https://docs.rs/ebbtide). Use it through that crate's feature
//! `derive`; `ebbtide::Clear` documents it.

mod expand;
mod field;

use proc_macro::TokenStream;

/// Implements [`ebbtide::Clear`](https://docs.rs/ebbtide/latest/ebbtide/trait.Clear.html), which lists the attributes.
#[proc_macro_derive(Clear, attributes(clear))]
pub fn derive_clear(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    expand::clear(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
