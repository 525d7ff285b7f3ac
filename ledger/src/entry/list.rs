//! ENTRIES.md, made from the types.

use std::fmt::Write as _;

use super::Entry;
use super::shape::{Member, Object};

/// The page that lists every kind of entry and every object in one.
#[must_use]
pub fn table() -> String {
    let (kinds, objects) = Entry::describe();
    let mut page = String::from(INTRODUCTION);
    for kind in &kinds {
        section(&mut page, kind, &STAMPS.map(|(name, shape, meaning)| member(name, shape, meaning)));
    }
    page.push_str("\n# Objects inside entries\n");
    for object in &objects {
        section(&mut page, object, &[]);
    }
    page
}

const INTRODUCTION: &str = "# Entries

What the ledger holds: a closed set of kinds. This page is generated from the types in `src/entry`; a test compares.

An entry is one JSON object in the form of RFC 8785, with integers only, within ±(2^53-1), at most 65,535 bytes, without
a newline at its end. A member is never absent: where there is nothing to say it is `null`, if it may be. An entry of
another kind, or with another member, does not verify.

A *digest* is `sha256:` and 64 lower-case hexadecimal digits.
";

const STAMPS: [(&str, &str, &str); 3] = [
    ("kind", "string", "The kind, as in the heading."),
    ("nonce", "string", "16 random bytes in base64url: a leaf hash is public, and must not confirm a guess."),
    ("time", "integer, not negative", "Milliseconds since 1970, never less than in the entry before."),
];

fn member(name: &'static str, shape: &str, meaning: &str) -> Member {
    Member { name, shape: shape.to_owned(), meaning: meaning.to_owned() }
}

fn section(page: &mut String, object: &Object, stamps: &[Member]) {
    let mut members: Vec<&Member> = object.members.iter().chain(stamps).collect();
    members.sort_by_key(|member| member.name);
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "\n## `{}`\n\n{}\n\n| member | value | meaning |\n|---|---|---|\n",
        object.name, object.meaning
    );
    for member in members {
        let _ = writeln!(page, "| `{}` | {} | {} |", member.name, member.shape, member.meaning);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_declared_in_canonical_order() {
        let (kinds, objects) = Entry::describe();
        assert_eq!(kinds.len(), 16);
        for object in kinds.iter().chain(&objects) {
            assert!(object.members.is_sorted_by(|a, b| a.name < b.name), "{}", object.name);
        }
    }

    /// `UPDATE=1 cargo test -p ledger` writes the page anew.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test may ask how it was called")]
    fn the_page_is_that_of_the_types() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("ENTRIES.md");
        if std::env::var("UPDATE").is_ok() {
            crate::durable::replace(&path, table().as_bytes()).unwrap();
        }
        let is_that = std::fs::read_to_string(&path).unwrap() == table();
        assert!(is_that, "ENTRIES.md is of other types: run `UPDATE=1 cargo test -p ledger`");
    }
}
