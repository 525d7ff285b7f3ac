//! The crate `policy` and the browser's verifier stay pure: nothing that they depend on does I/O for them.

use std::process::Command;

use portcullis_tests::programs;

/// What must not be among these dependencies.
const IMPURE: [&str; 4] = ["tokio", "hyper", "rustix", "axum"];

#[test]
fn the_rules_depend_on_nothing_that_does_io() {
    // Not even their tests.
    check_pure("policy", "normal,build,dev", "cedar-policy");
}

#[test]
fn the_verifier_of_browsers_depends_on_nothing_that_does_io() {
    check_pure("console-verifier-module", "normal,build", "ledger");
}

/// The tree must have the crate `known`: otherwise it is not the tree of this package.
fn check_pure(package: &str, edges: &str, known: &str) {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--package", package, "--edges", edges])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(programs::repository())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let listed = String::from_utf8(tree.stdout).unwrap();
    let names: Vec<&str> = listed.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&known), "this is not the tree of `{package}`:\n{listed}");
    let impure: Vec<_> = names.iter().filter(|name| IMPURE.contains(name)).collect();
    assert!(impure.is_empty(), "`{package}` depends on {impure:?}");
}
