//! The code blocks of the guide `docs/agents.md`, and of the page `docs/api.md`.

use portcullis_tests::guide::only_block;
use portcullis_tests::programs::repository;
use std::fs;

/// The Python code that delegates and proves.
pub(crate) fn library() -> String {
    block("docs/agents.md", "def delegate(")
}

/// The Python code that sends requests through Envoy.
pub(crate) fn call() -> String {
    block("docs/agents.md", "urllib.request")
}

/// The Python code that checks receipts in an upstream.
pub(crate) fn receipts() -> String {
    block("docs/api.md", "class Receipts")
}

/// The only Python block of this page that contains these words.
fn block(page: &str, words: &str) -> String {
    only_block(&fs::read_to_string(repository().join(page)).unwrap(), "python", words)
}

#[test]
fn an_agent_needs_about_thirty_lines_and_a_stock_library() {
    let library = library();
    let lines = library.lines().filter(|line| !line.trim().is_empty()).count();
    assert!((20..=35).contains(&lines), "{lines} lines");
    let imports: Vec<&str> =
        library.lines().filter(|line| line.starts_with("import ") || line.starts_with("from ")).collect();
    assert_eq!(
        imports,
        [
            "import hashlib, json, secrets, time",
            "from base64 import urlsafe_b64encode",
            "from joserfc import jws"
        ]
    );
}
