//! Where the programs of the control planes are. `./dev peers` builds them and lists them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use crate::programs::repository;

/// Each program or folder of files, by its name in the list.
static PEERS: LazyLock<BTreeMap<String, PathBuf>> = LazyLock::new(|| {
    let list = Command::new(repository().join("dev")).args(["peers", "--list"]).output();
    let list = String::from_utf8(list.expect("./dev can be run").stdout).expect("paths are text");
    let line = |line: &str| {
        let mut words = line.split(' ');
        Some((words.next()?.to_owned(), PathBuf::from(words.nth(1)?)))
    };
    list.lines().filter_map(line).collect()
});

/// The path of a program, or of a folder of files like `istio/files`.
///
/// # Panics
/// When it is not built.
pub(super) fn peer(name: &str) -> PathBuf {
    PEERS.get(name).cloned().unwrap_or_else(|| panic!("{name} is not built: run ./dev peers"))
}
