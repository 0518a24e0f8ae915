//! Rust source as a list of tokens, without whitespace and comments.

use std::ops::Range;

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

/// An identifier, a lifetime's name, a literal, a delimiter, or one character of an operator.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) text: String,
    /// Its bytes in the source.
    pub(crate) bytes: Range<usize>,
}

/// The tokens of a source. Comments are no tokens, and doc comments aren't either.
pub(crate) fn tokens(source: &str) -> Result<Vec<Token>, String> {
    let stream: TokenStream = source.parse().map_err(|error| format!("{error}: {source:.200}"))?;
    let mut tokens = Vec::new();
    flatten(stream, source, &mut tokens);
    Ok(tokens)
}

/// Whether two sources differ in whitespace and comments only. What isn't Rust must be equal.
pub(crate) fn same(one: &str, other: &str) -> bool {
    match (tokens(one), tokens(other)) {
        (Ok(one), Ok(other)) => one.iter().map(|token| &token.text).eq(other.iter().map(|token| &token.text)),
        _ => one == other,
    }
}

fn flatten(stream: TokenStream, source: &str, into: &mut Vec<Token>) {
    let add = |text: String, span: Span, into: &mut Vec<Token>| into.push(Token { text, bytes: span.byte_range() });
    for tree in stream {
        // A doc comment comes as an attribute, each token of which spans the comment.
        let text = &source[tree.span().byte_range()];
        if text.starts_with("//") || text.starts_with("/*") {
            continue;
        }
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                add(open.to_owned(), group.span_open(), into);
                flatten(group.stream(), source, into);
                add(close.to_owned(), group.span_close(), into);
            }
            TokenTree::Ident(ident) => add(ident.to_string(), ident.span(), into),
            TokenTree::Punct(punct) => add(punct.to_string(), punct.span(), into),
            TokenTree::Literal(literal) => add(literal.to_string(), literal.span(), into),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        tokens(source).expect("tokens").into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_whitespace_are_no_tokens() {
        let plain = texts("fn get(&self) -> u8 { self.0 / 2 }");
        let commented = "//! File.\n/// Item.\nfn get(&self) /* why */\n    -> u8 {\n    // Half.\n    self.0 /\n 2\n}";
        assert_eq!(texts(commented), plain);
        assert!(same(commented, "fn get(&self) -> u8 { self.0 / 2 }"));
        assert!(!same(commented, "fn get(&self) -> u8 { self.0 / 3 }"));
    }

    #[test]
    fn an_attribute_is_tokens_unless_it_is_a_comment() {
        assert_eq!(texts("#[doc = \"a\"] struct A;").len(), 9);
        assert_eq!(texts("/// a\nstruct A;"), ["struct", "A", ";"]);
    }

    #[test]
    fn bytes_are_those_of_the_source() {
        let source = "/* µ */ let x = y;";
        let found = tokens(source).expect("tokens");
        assert_eq!(&source[found[3].bytes.clone()], "y");
    }
}
