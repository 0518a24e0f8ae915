//! One field, and what its attribute says.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Member, Path, Result};

/// How a field is cleared.
enum How {
    /// By its own `Clear`.
    Clear,
    /// `skip`: not at all.
    Skip,
    /// `default`: it becomes its default value.
    Default,
    /// `with = path`: by a function.
    With(Path),
}

pub(crate) struct Field<'a> {
    pub(crate) member: Member,
    /// The variable that borrows the field.
    pub(crate) name: Ident,
    pub(crate) ty: &'a syn::Type,
    how: How,
}

impl<'a> Field<'a> {
    pub(crate) fn all(fields: &'a syn::Fields) -> Result<Vec<Self>> {
        fields.members().zip(fields).map(|(member, field)| Self::read(member, field)).collect()
    }

    fn read(member: Member, field: &'a syn::Field) -> Result<Self> {
        let name = match &member {
            Member::Named(name) => format_ident!("__{}", name, span = field.ty.span()),
            Member::Unnamed(index) => format_ident!("__{}", index, span = field.ty.span()),
        };
        Ok(Self { member, name, ty: &field.ty, how: how(&field.attrs)? })
    }

    /// Whether the field's type must implement `Clear`.
    pub(crate) fn is_cleared_by_itself(&self) -> bool {
        matches!(self.how, How::Clear)
    }

    pub(crate) fn clear(&self) -> TokenStream {
        let Self { name, ty, .. } = self;
        let span = ty.span();
        match &self.how {
            How::Clear => quote_spanned! { span => <#ty as ::ebbtide::Clear>::clear(#name); },
            How::Skip => TokenStream::new(),
            How::Default => quote_spanned! { span => *#name = <#ty as ::core::default::Default>::default(); },
            How::With(path) => quote_spanned! { path.span() => #path(#name); },
        }
    }

    /// Calls `weight` or `used`. A field without `Clear` counts with its own size.
    pub(crate) fn bytes(&self, method: &Ident) -> TokenStream {
        let Self { name, ty, .. } = self;
        let span = ty.span();
        if self.is_cleared_by_itself() {
            quote_spanned! { span => <#ty as ::ebbtide::Clear>::#method(#name) }
        } else {
            quote_spanned! { span => ::core::mem::size_of_val::<#ty>(#name) }
        }
    }
}

fn how(attributes: &[syn::Attribute]) -> Result<How> {
    let mut how = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("clear")) {
        attribute.parse_nested_meta(|meta| {
            let found = if meta.path.is_ident("skip") {
                How::Skip
            } else if meta.path.is_ident("default") {
                How::Default
            } else if meta.path.is_ident("with") {
                How::With(meta.value()?.parse()?)
            } else {
                return Err(meta.error("expected `skip`, `default` or `with = path`"));
            };
            match how.replace(found) {
                None => Ok(()),
                Some(_) => Err(meta.error("a field has one of `skip`, `default` and `with = path`")),
            }
        })?;
        if how.is_none() {
            return Err(Error::new_spanned(attribute, "expected `skip`, `default` or `with = path`"));
        }
    }
    Ok(how.unwrap_or(How::Clear))
}
