//! Writes all files of `warrant/vectors/` again: `cargo run -p warrant --example write_vectors`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a developer runs it, and it may stop at any fault"
)]

#[path = "../tests/common/mod.rs"]
mod common;

#[expect(
    clippy::disallowed_methods,
    reason = "the files are sources: a developer writes them and git keeps them"
)]
fn main() {
    let folder = common::vectors_folder();
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let all = common::cases::all();
    for vector in &all {
        std::fs::write(folder.join(common::file_name(vector)), common::file_text(vector)).unwrap();
    }
    println!("{} vectors in {}", all.len(), folder.display());
}
