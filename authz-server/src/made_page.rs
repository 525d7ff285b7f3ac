//! For tests: what of the guide is made from the code, a table in a page or a whole file. `WRITE_DOCS=1` writes it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Two tables may be in one page.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Asserts that the page has this table between its two marks. `begin` says how it is made again.
#[expect(clippy::disallowed_methods, reason = "the page is a source; a developer asks for it to be written")]
pub(crate) fn assert_has_table(page: &str, [begin, end]: [&str; 2], table: &str) {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let before_all = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = before_all.split_once(begin).expect("the page has the mark where the table begins");
    let (_, after) = rest.split_once(end).expect("the page has the mark where the table ends");
    let made = format!("{before}{begin}\n{table}\n{end}{after}");
    if std::env::var("WRITE_DOCS").is_ok() {
        std::fs::write(&path, &made).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written == made, "docs/{page} differs: {begin}The table is now\n{table}");
}

/// Asserts that this file of the guide, which is made from the code as a whole, is this text.
pub(crate) fn assert_is_file(name: &str, text: &str) {
    assert_is_source(&format!("docs/{name}"), text);
}

/// The same for any file of the repository.
#[expect(clippy::disallowed_methods, reason = "the file is a source; a developer asks for it to be written")]
pub(crate) fn assert_is_source(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    if std::env::var("WRITE_DOCS").is_ok() {
        std::fs::write(&path, text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "{name} differs: make it again with WRITE_DOCS=1 cargo test --package authz-server --lib"
    );
}
