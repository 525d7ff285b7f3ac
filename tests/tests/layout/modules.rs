//! The table of modules in ARCHITECTURE.md is made from the headers of the source files.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use portcullis_tests::programs;

use crate::sources::{self, SourceFile};

/// The crates, in the order in which the page shows them.
const CRATES: [&str; 9] = [
    "digest",
    "warrant",
    "policy",
    "ledger",
    "console/verifier",
    "console/verifier/module",
    "console/proof-page",
    "authz-server",
    "wasm-filter",
];

const BEGIN: &str =
    "<!-- Made from the headers of the files by `WRITE_DOCS=1 cargo test --workspace --test layout`. -->\n";
const END: &str = "<!-- End of the table of modules. -->\n";

#[test]
#[expect(clippy::disallowed_methods, reason = "the page is a source; a developer asks for it to be written")]
fn the_page_lists_each_module_with_the_first_sentence_of_its_header() {
    let path = programs::repository().join("ARCHITECTURE.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has the mark where the table begins");
    let (_, after) = rest.split_once(END).expect("the page has the mark where the table ends");
    let made = format!("{before}{BEGIN}\n{}\n{END}{after}", tables());
    if std::env::var("WRITE_DOCS").is_ok() {
        fs::write(&path, &made).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap();
    assert!(
        written == made,
        "the modules in ARCHITECTURE.md differ: WRITE_DOCS=1 cargo test --workspace --test layout"
    );
}

#[test]
fn every_source_file_says_what_lives_there() {
    let mut counted = 0;
    for file in CRATES.iter().flat_map(|name| sources::below(&format!("{name}/src"))) {
        assert!(!file.header().is_empty(), "{} has no `//!` header", file.path.display());
        counted += 1;
    }
    assert!(counted > 300, "{counted} files were read: this test shows nothing");
}

/// One table a crate, one row a module.
fn tables() -> String {
    let mut text = String::new();
    for name in CRATES {
        let files = sources::below(&format!("{name}/src"));
        let root = files.iter().find(|file| file.path.ends_with("src/lib.rs")).expect("a crate has a root");
        writeln!(text, "### `{name}`\n\n{}\n", root.header()).unwrap();
        let modules = modules(&files, name);
        if modules.is_empty() {
            continue;
        }
        writeln!(text, "| module | what lives there |\n|---|---|").unwrap();
        for (module, header) in modules {
            writeln!(text, "| `{module}` | {} |", first_sentence(&header)).unwrap();
        }
        text.push('\n');
    }
    text
}

/// The modules at the root of a crate, by name, with their headers.
fn modules(files: &[SourceFile], name: &str) -> BTreeMap<String, String> {
    let mut modules = BTreeMap::new();
    for file in files.iter().filter(|file| !file.is_for_tests()) {
        let below = file.path.strip_prefix(format!("{name}/src")).unwrap();
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let module = match parts.as_slice() {
            [one] => one.strip_suffix(".rs").unwrap(),
            [folder, root] if root == "mod.rs" => folder,
            _ => continue,
        };
        if !matches!(module, "lib" | "main" | "testing") {
            modules.insert(module.to_owned(), file.header());
        }
    }
    modules
}

fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text.trim_end_matches('.'), |(first, _)| first)
}

#[test]
fn a_header_is_cut_after_its_first_sentence() {
    assert_eq!(first_sentence("What lives here. What it may not know."), "What lives here");
    assert_eq!(first_sentence("What lives in `src/lib.rs`, and why."), "What lives in `src/lib.rs`, and why");
}
