//! The implementation for a struct or an enum.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::visit::Visit;
use syn::{Attribute, Data, DeriveInput, Error, Generics, Result, WherePredicate, parse_quote};

use crate::field::Field;

/// The fields of a struct or of one variant, with the path that constructs it.
struct Shape<'a> {
    path: TokenStream,
    fields: Vec<Field<'a>>,
}

pub(crate) fn clear(input: &DeriveInput) -> Result<TokenStream> {
    refuse_attribute(&input.attrs)?;
    let (shapes, is_enum) = match &input.data {
        Data::Struct(data) => (vec![Shape { path: quote! { Self }, fields: Field::all(&data.fields)? }], false),
        Data::Enum(data) => {
            let shapes = data.variants.iter().map(|variant| {
                refuse_attribute(&variant.attrs)?;
                let name = &variant.ident;
                Ok(Shape { path: quote! { Self::#name }, fields: Field::all(&variant.fields)? })
            });
            (shapes.collect::<Result<Vec<_>>>()?, true)
        }
        Data::Union(data) => {
            return Err(Error::new(
                data.union_token.span,
                "a union cannot derive `Clear`: which field it has is unknown",
            ));
        }
    };

    let clear = arms(&shapes, |fields| fields.iter().map(Field::clear).collect());
    let clear = if is_enum && !shapes.is_empty() { clear_enum(&input.ident, &clear) } else { clear };
    let sum = |method: &str| {
        let method = Ident::new(method, Span::call_site());
        arms(&shapes, |fields| {
            let bytes = fields.iter().map(|field| field.bytes(&method));
            quote! { 0 #(+ #bytes)* }
        })
    };
    let (weight, used) = (sum("weight"), sum("used"));
    let shrink = arms(&shapes, |fields| {
        let (name, ty): (Vec<_>, Vec<_>) = own(fields).unzip();
        quote! { #(<#ty as ::ebbtide::Clear>::shrink(#name, max);)* }
    });
    let cost = arms(&shapes, |fields| {
        let (name, ty): (Vec<_>, Vec<_>) = own(fields).unzip();
        quote! { 0 #(+ <#ty as ::ebbtide::Clear>::clear_cost(#name))* }
    });

    let name = &input.ident;
    let generics = bounded(name, &input.generics, shapes.iter().flat_map(|shape| &shape.fields), is_enum);
    let (implemented, types, bounds) = generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        #[allow(clippy::all, deprecated, non_snake_case, unreachable_code, unused_variables, reason = "generated")]
        impl #implemented ::ebbtide::Clear for #name #types #bounds {
            fn clear(&mut self) {
                #clear
            }

            fn weight(&self) -> usize {
                ::core::cmp::Ord::max(#weight, ::core::mem::size_of_val::<Self>(self))
            }

            fn used(&self) -> usize {
                #used
            }

            fn shrink(&mut self, max: usize) {
                #shrink
            }

            fn clear_cost(&self) -> usize {
                #cost
            }
        }
    })
}

/// An enum becomes its default variant. If it is that one already, its fields are cleared.
fn clear_enum(name: &Ident, fields: &TokenStream) -> TokenStream {
    // An enum without `Default` is then an error at its name.
    let default = quote_spanned! { name.span() => <Self as ::core::default::Default>::default() };
    quote! {
        let __default = #default;
        if ::core::mem::discriminant(self) == ::core::mem::discriminant(&__default) {
            #fields
        } else {
            *self = __default;
        }
    }
}

/// A `match` with one arm for each shape, which borrows all fields.
fn arms(shapes: &[Shape<'_>], body: impl Fn(&[Field<'_>]) -> TokenStream) -> TokenStream {
    if shapes.is_empty() {
        return quote! { match *self {} };
    }
    let arms = shapes.iter().map(|Shape { path, fields }| {
        let patterns = fields.iter().map(|Field { member, name, .. }| quote! { #member: #name });
        let body = body(fields);
        quote! { #path { #(#patterns),* } => { #body } }
    });
    quote! { match self { #(#arms)* } }
}

/// The names and types of the fields that are cleared by themselves.
fn own<'a>(fields: &'a [Field<'a>]) -> impl Iterator<Item = (&'a Ident, &'a syn::Type)> {
    fields.iter().filter(|field| field.is_cleared_by_itself()).map(|field| (&field.name, field.ty))
}

/// Adds `Clear` for each field type that depends on a type parameter. So `Vec<T>` asks nothing of `T`.
fn bounded<'a>(
    name: &Ident,
    generics: &Generics,
    fields: impl Iterator<Item = &'a Field<'a>>,
    is_enum: bool,
) -> Generics {
    let mut bounded = generics.clone();
    let mut predicates: Vec<WherePredicate> = Vec::new();
    for field in fields.filter(|field| field.is_cleared_by_itself()) {
        let mut mentions = Mentions { name, generics, found: false, itself: false };
        mentions.visit_type(field.ty);
        // A type that contains itself has `Clear` if it has: to ask for that would lead in a circle.
        if mentions.found && !mentions.itself {
            let ty = field.ty;
            predicates.push(parse_quote! { #ty: ::ebbtide::Clear });
        }
    }
    if is_enum && generics.type_params().next().is_some() {
        predicates.push(parse_quote! { Self: ::core::default::Default });
    }
    if !predicates.is_empty() {
        bounded.make_where_clause().predicates.extend(predicates);
    }
    bounded
}

/// Looks for a type parameter in a type.
struct Mentions<'a> {
    name: &'a Ident,
    generics: &'a Generics,
    found: bool,
    /// Whether the type that derives is in it.
    itself: bool,
}

impl<'ast> Visit<'ast> for Mentions<'_> {
    fn visit_ident(&mut self, name: &'ast Ident) {
        self.found |= self.generics.type_params().any(|parameter| parameter.ident == *name);
        self.itself |= name == self.name;
    }

    fn visit_macro(&mut self, _: &'ast syn::Macro) {
        // What a macro in place of a type makes is unknown here.
        self.found = true;
    }
}

/// Only fields have attributes.
fn refuse_attribute(attributes: &[Attribute]) -> Result<()> {
    match attributes.iter().find(|attribute| attribute.path().is_ident("clear")) {
        Some(attribute) => Err(Error::new_spanned(attribute, "`clear` is an attribute of fields")),
        None => Ok(()),
    }
}
