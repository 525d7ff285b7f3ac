//! Budgets: of memory, of bytes sent to the proxy, and of what a reader must hold in the head.

use portcullis_tests::agent::hello;
use portcullis_tests::programs;
use portcullis_tests::world::World;
use std::fs;
use std::path::Path;

const MEBIBYTE: u64 = 1 << 20;

#[tokio::test]
async fn the_server_idles_under_thirty_megabytes() {
    let world = World::start().await;
    world.allows(&world.agent.asks(&hello(), "GET", "/hello/you")).await;
    let resident = world.court.program.resident_bytes();
    println!("resident after one request: {} KiB ({})", resident / 1024, programs::portcullis().display());
    assert!(resident < 30 * MEBIBYTE, "{resident} bytes");
}

#[test]
fn the_gates_module_is_at_most_500_kilobytes() {
    let module = programs::module();
    let size = fs::metadata(&module).unwrap().len();
    println!("{}: {size} bytes", module.display());
    assert!((1..=500 * 1024).contains(&size), "{size} bytes");
}

#[test]
fn the_median_rust_file_has_less_than_two_hundred_lines() {
    let mut lines = Vec::new();
    count_lines(&programs::repository(), &mut lines);
    lines.sort_unstable();
    let median = lines[lines.len() / 2];
    println!("{} Rust files, median {median} lines, longest {}", lines.len(), lines[lines.len() - 1]);
    assert!(median < 200);
}

fn count_lines(directory: &Path, lines: &mut Vec<usize>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            count_lines(&path, lines);
        } else if name.ends_with(".rs") {
            lines.push(fs::read_to_string(&path).unwrap().lines().count());
        }
    }
}
