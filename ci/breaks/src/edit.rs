//! Where an edit applies, and what comes out.

use std::iter;
use std::ops::Range;

use crate::tokens::{Token, same, tokens};

/// What to put in the place of what.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edit {
    /// The file, from the project's root.
    pub(crate) file: String,
    /// How the items begin in which `find` is looked for; each ends with its braces, or at a semicolon before any. Without
    /// it that is the whole file.
    pub(crate) within: Option<String>,
    /// The tokens that are replaced. They are there once.
    pub(crate) find: String,
    pub(crate) replace: String,
}

/// A file's text, taken apart once for all that is looked for in it.
#[derive(Debug)]
pub(crate) struct Source {
    text: String,
    tokens: Vec<Token>,
}

impl Source {
    pub(crate) fn new(text: String) -> Result<Self, String> {
        Ok(Self { tokens: tokens(&text)?, text })
    }

    /// The text with all these edits, which are edits of this file.
    pub(crate) fn apply(&self, edits: &[&Edit]) -> Result<String, String> {
        let mut places = Vec::new();
        for edit in edits {
            if same(&edit.find, &edit.replace) {
                return Err(format!("nothing changes: `{}`", edit.find));
            }
            tokens(&edit.replace)?;
            places.push((locate(&self.tokens, edit)?, edit.replace.as_str()));
        }
        places.sort_by_key(|(bytes, _)| bytes.start);
        if places.windows(2).any(|pair| pair[0].0.end > pair[1].0.start) {
            return Err("two edits overlap".to_owned());
        }
        let mut text = self.text.clone();
        for (bytes, replace) in places.into_iter().rev() {
            text.replace_range(bytes, replace);
        }
        Ok(text)
    }
}

/// The bytes that `find` matches.
fn locate(all: &[Token], edit: &Edit) -> Result<Range<usize>, String> {
    let find = tokens(&edit.find)?;
    let whole = 0..all.len();
    let scopes: Vec<_> = match &edit.within {
        None => iter::once(whole).collect(),
        Some(within) => {
            let begin = tokens(within)?;
            matches(all, &begin, &whole).map(|at| at..end_of_item(all, at + begin.len())).collect()
        }
    };
    if scopes.is_empty() {
        return Err(format!("nothing begins with `{}`", edit.within.as_deref().unwrap_or_default()));
    }
    let mut found: Vec<usize> = scopes.iter().flat_map(|scope| matches(all, &find, scope)).collect();
    found.sort_unstable();
    found.dedup();
    match found[..] {
        [at] => Ok(all[at].bytes.start..all[at + find.len() - 1].bytes.end),
        [] => Err(format!("not found: `{}`", edit.find)),
        _ => Err(format!("found {} times: `{}`", found.len(), edit.find)),
    }
}

/// Where in the scope these tokens are.
fn matches<'a>(all: &'a [Token], find: &'a [Token], scope: &Range<usize>) -> impl Iterator<Item = usize> + 'a {
    let start = scope.start;
    let windows = if find.is_empty() { [].windows(1) } else { all[scope.clone()].windows(find.len()) };
    windows.enumerate().filter_map(move |(at, window)| {
        let same = window.iter().zip(find).all(|(token, wanted)| token.text == wanted.text);
        same.then_some(start + at)
    })
}

/// The end of an item whose first tokens end at `at`: that of its braces, or a semicolon before any.
fn end_of_item(all: &[Token], at: usize) -> usize {
    let mut depth = 0;
    for (index, token) in all.iter().enumerate().skip(at) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth <= 0 {
                    return index + 1;
                }
            }
            ";" if depth == 0 => return index + 1,
            _ => {}
        }
    }
    all.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "
        /// Gives `a + 1`.
        fn one(a: [u8; 2]) -> u8 {
            // The first.
            a[0] // and no other
                + 1
        }
        fn two(a: u8) -> u8 { a + 1 }
        fn one_more(a: u8) -> u8 { a + 1 + 2 }
        trait Get { fn get(&self); }
    ";

    fn apply(text: &str, edits: &[&Edit]) -> Result<String, String> {
        Source::new(text.to_owned())?.apply(edits)
    }

    fn edit(within: Option<&str>, find: &str, replace: &str) -> Edit {
        let (find, replace) = (find.to_owned(), replace.to_owned());
        Edit { file: String::new(), within: within.map(str::to_owned), find, replace }
    }

    #[test]
    fn tokens_match_across_comments_and_line_breaks() {
        let result = apply(SOURCE, &[&edit(None, "a[0] /* or */ +\n1", "a[1]")]).expect("it applies");
        assert_eq!(result, SOURCE.replace("a[0] // and no other\n                + 1", "a[1]"));
    }

    #[test]
    fn what_is_not_there_or_there_twice_is_an_error() {
        let error = |find| apply(SOURCE, &[&edit(None, find, "b")]).expect_err("it does not apply");
        assert_eq!(error("a - 1"), "not found: `a - 1`");
        assert_eq!(error("a + 1"), "found 2 times: `a + 1`");
        assert_eq!(error(""), "not found: ``");
        assert!(error("a + (").contains("a + ("));
    }

    #[test]
    fn a_search_within_an_item_ends_with_it() {
        let result = apply(SOURCE, &[&edit(Some("fn two"), "a + 1", "a")]).expect("it applies");
        assert_eq!(result, SOURCE.replace("{ a + 1 }", "{ a }"));
        let error = |within, find| apply(SOURCE, &[&edit(Some(within), find, "")]).expect_err("it does not apply");
        assert_eq!(error("fn one", "a + 1"), "not found: `a + 1`");
        assert_eq!(error("fn three", "a + 1"), "nothing begins with `fn three`");
        assert_eq!(error("trait Get", "fn one"), "not found: `fn one`");
        assert_eq!(error("fn", "a + 1"), "found 2 times: `a + 1`");
    }

    #[test]
    fn of_several_items_one_may_have_it() {
        let result = apply(SOURCE, &[&edit(Some("fn"), "+ 1 + 2", "+ 3")]).expect("it applies");
        assert_eq!(result, SOURCE.replace("+ 1 + 2", "+ 3"));
    }

    #[test]
    fn several_edits_apply_at_once_and_must_not_overlap() {
        let (first, second) = (edit(Some("fn two"), "a + 1", "b"), edit(Some("fn two"), "a: u8", "b: u8"));
        let result = apply(SOURCE, &[&first, &second]).expect("they apply");
        assert_eq!(result, SOURCE.replace("fn two(a: u8) -> u8 { a + 1 }", "fn two(b: u8) -> u8 { b }"));
        let error = apply(SOURCE, &[&first, &edit(Some("fn two"), "+ 1", "")]).expect_err("they overlap");
        assert_eq!(error, "two edits overlap");
    }

    #[test]
    fn what_is_put_in_is_whole_and_something_else() {
        let error = |replace| apply(SOURCE, &[&edit(Some("fn two"), "a + 1", replace)]).expect_err("it does not apply");
        assert!(error("if a {").contains("if a {"));
        assert_eq!(error("a + /* one */ 1"), "nothing changes: `a + 1`");
    }
}
