//! The code blocks of the guides, and the shell in which a reader types their commands.

use std::path::Path;
use std::process::{Command, Output};

use crate::programs::portcullis;

/// The blocks of this kind in a page, in its order. The kind is all that stands behind the three backticks.
#[must_use]
pub fn blocks(page: &str, kind: &str) -> Vec<String> {
    let begin = format!("```{kind}\n");
    page.split(&begin).skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
}

/// Every block of a page, in its order: its kind, and its text.
///
/// # Panics
/// When a block does not end.
#[must_use]
pub fn all_blocks(page: &str) -> Vec<(String, String)> {
    let fences = page.split("\n```").collect::<Vec<_>>();
    assert!(fences.len() % 2 == 1, "a block does not end");
    let blocks = fences.iter().skip(1).step_by(2);
    let blocks = blocks.map(|block| block.split_once('\n').expect("a kind is on a line of its own"));
    blocks.map(|(kind, text)| (kind.to_owned(), text.to_owned())).collect()
}

/// The only block of this kind that contains these words.
///
/// # Panics
/// When there is none, or another one.
#[must_use]
pub fn only_block(page: &str, kind: &str, words: &str) -> String {
    let mut found = blocks(page, kind);
    found.retain(|block| block.contains(words));
    let [block] = found.as_slice() else { panic!("blocks with `{words}`: {found:?}") };
    block.clone()
}

/// What this script does there, in a shell that ends at the first command that fails. `portcullis` is the program under test.
///
/// # Panics
/// When there is no shell.
#[must_use]
pub fn shell(directory: &Path, script: &str) -> Output {
    let program = portcullis();
    let programs = program.parent().expect("a program is in a directory").display();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("set -eu; PATH={programs}:$PATH\n{script}")]).current_dir(directory);
    shell.output().expect("the shell runs")
}
