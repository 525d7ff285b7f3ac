//! Generates ENTRIES.md from the types.

use std::fmt::Write as _;

use serde_json::Value;

use super::Entry;
use super::define::{DocumentedMember, DocumentedObject};

/// The text of ENTRIES.md: every kind of entry, and every object inside entries.
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

The ledger has a closed set of entry kinds. This page is generated from the types in `src/entry`, and a test compares it.

An entry is one JSON object in the canonical form of RFC 8785. It has at most 65,535 bytes and no newline at its end.
Numbers are integers within ±(2^53-1). No member is ever absent; a member without a value is `null`, if the table allows
`null`. An entry of an unknown kind, or with an unknown member, does not verify.

A *digest* is `sha256:` and 64 lower-case hexadecimal digits.
";

const STAMPS: [(&str, &str, &str); 3] = [
    ("kind", "string", "The kind, as in the heading."),
    (
        "nonce",
        "string",
        "16 random bytes in base64url, so that nobody can confirm a guess with the public leaf hash.",
    ),
    ("time", "integer, not negative", "Milliseconds since 1970, never less than in the entry before."),
];

fn member(name: &'static str, shape: &str, meaning: &str) -> DocumentedMember {
    DocumentedMember { name, shape: shape.to_owned(), schema: Value::Null, meaning: meaning.to_owned() }
}

fn section(page: &mut String, object: &DocumentedObject, stamps: &[DocumentedMember]) {
    let mut members: Vec<&DocumentedMember> = object.members.iter().chain(stamps).collect();
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
        assert_eq!(kinds.len(), 18);
        for object in kinds.iter().chain(&objects) {
            assert!(object.members.is_sorted_by(|a, b| a.name < b.name), "{}", object.name);
        }
    }

    /// `UPDATE=1 cargo test -p ledger` writes the page again.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test may ask how it was called")]
    fn the_page_matches_the_types() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("ENTRIES.md");
        if std::env::var("UPDATE").is_ok() {
            crate::durable::replace(&path, table().as_bytes()).unwrap();
        }
        let matches = std::fs::read_to_string(&path).unwrap() == table();
        assert!(matches, "ENTRIES.md does not match the types: run `UPDATE=1 cargo test -p ledger`");
    }
}
