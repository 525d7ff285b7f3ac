//! Limits for the server's memory and for the size of the gate's module.

use portcullis_tests::agent::hello;
use portcullis_tests::programs;
use portcullis_tests::world::World;
use std::fs;

const MEBIBYTE: u64 = 1 << 20;

#[tokio::test]
async fn the_server_idles_under_thirty_megabytes() {
    let world = World::start().await;
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    let resident = world.server.process.resident_bytes();
    println!("resident after one request: {} KiB ({})", resident / 1024, programs::portcullis().display());
    assert!(resident < 30 * MEBIBYTE, "{resident} bytes");
    world.end().await;
}

#[test]
fn the_gates_module_is_at_most_500_kilobytes() {
    let module = programs::module();
    let size = fs::metadata(&module).unwrap().len();
    println!("{}: {size} bytes", module.display());
    assert!((1..=500 * 1024).contains(&size), "{size} bytes");
}
