//! The crate `policy` stays pure: nothing that it depends on does I/O for it.

use std::process::Command;

use portcullis_tests::programs;

/// What must not be among the dependencies of `policy`, not even of its tests.
const IMPURE: [&str; 4] = ["tokio", "hyper", "rustix", "axum"];

#[test]
fn the_rules_depend_on_nothing_that_does_io() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--package", "policy", "--edges", "normal,build,dev"])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(programs::repository())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let listed = String::from_utf8(tree.stdout).unwrap();
    let names: Vec<&str> = listed.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"cedar-policy"), "this is not the tree of `policy`:\n{listed}");
    let impure: Vec<_> = names.iter().filter(|name| IMPURE.contains(name)).collect();
    assert!(impure.is_empty(), "`policy` depends on {impure:?}");
}
