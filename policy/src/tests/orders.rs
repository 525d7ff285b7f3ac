//! The order of keys and files does not change a bundle; the order of lists and policies does.

use super::fixture::{built, bundle, files};
use super::permuted::{What, permuted};
use crate::{Bundle, Files};

#[test]
fn the_order_of_keys_and_of_files_does_not_change_what_is_signed() {
    let sound = built(&rich());
    for seed in 0..8 {
        let other = permuted(sound.packed(), What::Keys, seed);
        assert_ne!(other.get("routes/payments/pay.yaml"), rich().get("routes/payments/pay.yaml"));
        assert_eq!(built(&other).packed(), sound.packed(), "seed {seed}");
        assert_eq!(bundle(&other).digest(), bundle(&rich()).digest(), "seed {seed}");
    }
}

#[test]
fn another_order_of_lists_and_policies_makes_another_bundle() {
    let names: std::collections::BTreeSet<String> = (0..8)
        .map(|seed| {
            let other: Bundle = bundle(&permuted(built(&rich()).packed(), What::Everything, seed));
            other.digest().to_string()
        })
        .collect();
    assert!(names.len() > 4, "few of 8 orders differ: {names:?}");
}

/// The small bundle with more lists and policies, which can be put in another order.
fn rich() -> Files {
    let mut all = files();
    let policies = "callers: [\"group:payments-agents\", \"agent:a\", \"agent:b\"]\n  policy: |\n    @id(\"one\") forbid (principal, action, resource) when { context.method == \"GET\" };\n    @id(\"two\") forbid (principal, action, resource) when { context.warrant.depth > 3 };\n    @id(\"three\")\n    permit (principal == Agent::\"agent:c\", action, resource);";
    super::fixture::edit(
        &mut all,
        super::fixture::PAY_FILE,
        "callers: [\"group:payments-agents\"]",
        policies,
    );
    all
}
