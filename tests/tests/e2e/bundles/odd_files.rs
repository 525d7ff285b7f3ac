//! A bundle's directory may contain anything. The server reads regular files of a reasonable size and refuses
//! everything else by name, and it neither waits for a file nor fills its memory with one.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use portcullis_tests::agent::hello;
use portcullis_tests::condition::until;
use portcullis_tests::world::World;
use rustix::fs::{CWD, FileType, Mode, mknodat};

/// What takes the place of a file, and what the server says about it.
type OddFile = (fn(&Path), &'static str);

const ODD_FILES: [OddFile; 6] = [
    (fifo, "it is a FIFO, and only regular files are read"),
    (|path| symlink("/dev/zero", path).unwrap(), "it is a symbolic link, and only regular files are read"),
    (|path| symlink(path, path).unwrap(), "it is a symbolic link, and only regular files are read"),
    (|path| drop(UnixListener::bind(path).unwrap()), "it is a socket, and only regular files are read"),
    (|path| fs::create_dir(path).unwrap(), "it is a directory, and only regular files are read"),
    (endless, "it is too long: the maximum is 16777216 bytes"),
];

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
}

/// A file of a terabyte that takes no space.
fn endless(path: &Path) {
    let file = fs::OpenOptions::new().write(true).create_new(true).open(path).unwrap();
    file.set_len(1 << 40).unwrap();
}

#[tokio::test]
async fn an_odd_file_in_the_bundles_directory_is_refused_by_name_and_the_server_goes_on_looking() {
    let world = World::start().await;
    let place = world.home.file("bundle");
    let manifest = place.join("manifest.json");
    let aside = place.join("manifest.aside");
    for (make, expected) in ODD_FILES {
        rename(&manifest, &aside);
        make(&manifest);
        let state = world.server.wait_for_bundle_state(expected).await;
        assert!(state.contains("manifest.json"), "{state}");
        world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
        remove(&manifest);
        rename(&aside, &manifest);
        // It looks again, and the active bundle is what it finds.
        until("the server to be content again", async || {
            Some(world.server.bundle_state().await).filter(|state| !state.contains("manifest.json"))
        })
        .await;
    }
    let memory = world.server.process.most_memory();
    println!("the server's memory was at most {} MiB", memory >> 20);
    assert!(memory < 300 << 20, "{memory}");
    world.end().await;
}

fn remove(path: &Path) {
    if fs::symlink_metadata(path).unwrap().is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) }
        .unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn rename(from: &Path, to: &Path) {
    fs::rename(from, to).unwrap();
}
