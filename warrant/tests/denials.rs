//! The table of denials in `docs/denials.md` is the same as the list in the code.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::fmt::Write as _;

use warrant::{Component, Denial};

fn page() -> String {
    let mut page = String::from(
        "# Denials\n\nAll reasons for which Portcullis denies a request, in order of precedence: the first that holds is the answer.\n\
         Generated from `warrant/src/denial.rs`: `WRITE_DOCS=1 cargo test -p warrant --test denials` writes it again.\n\n\
         | code | status | raised by | title | what was found | what to do |\n|---|---|---|---|---|---|\n",
    );
    for denial in Denial::ALL {
        let raised_by: Vec<_> =
            denial.raised_by().iter().map(|component: &Component| component.name()).collect();
        let (code, status, title) = (denial.code(), denial.status(), denial.title());
        let (meaning, cure) = (denial.meaning(), denial.cure());
        writeln!(page, "| `{code}` | {status} | {} | {title} | {meaning} | {cure} |", raised_by.join(", "))
            .unwrap();
    }
    page
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the page is a source; a developer asks for it to be written")]
fn the_page_has_the_same_denials_as_the_list() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/denials.md");
    if std::env::var("WRITE_DOCS").is_ok() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/denials.md differs; WRITE_DOCS=1 cargo test -p warrant --test denials");
}
