//! The table of denials in the docs is what the closed list says.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::fmt::Write as _;

use warrant::{Denial, Room};

fn page() -> String {
    let mut page = String::from(
        "# Denials\n\nEverything for which Portcullis refuses a request, in order of precedence: the first that holds is the answer.\n\
         Made from `warrant/src/denial.rs`; `WRITE_DOCS=1 cargo test -p warrant --test denials` writes it anew.\n\n\
         | code | status | raised by | title | what was found | what to do |\n|---|---|---|---|---|---|\n",
    );
    for denial in Denial::ALL {
        let rooms: Vec<_> = denial.raised_by().iter().map(|room: &Room| room.name()).collect();
        let (code, status, title) = (denial.code(), denial.status(), denial.title());
        let (meaning, cure) = (denial.meaning(), denial.cure());
        writeln!(page, "| `{code}` | {status} | {} | {title} | {meaning} | {cure} |", rooms.join(", "))
            .unwrap();
    }
    page
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the page is a source; a developer asks for it to be written")]
fn the_page_is_what_the_list_says() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/denials.md");
    if std::env::var("WRITE_DOCS").is_ok() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/denials.md differs; WRITE_DOCS=1 cargo test -p warrant --test denials");
}
