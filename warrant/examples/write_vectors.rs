//! Writes `warrant/vectors/` anew: `cargo run -p warrant --example write_vectors`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "it is run by hand, and stops where it cannot go on"
)]

#[path = "../tests/common/mod.rs"]
mod common;

#[expect(
    clippy::disallowed_methods,
    reason = "the files are sources, written by a developer and kept by git"
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
