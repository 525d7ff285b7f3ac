//! Tests of policies that would harm the process or deceive readers: both a build and a server with a validly signed bundle refuse
//! them, and name the reason.

use super::fixture::{PAY_FILE, TestKey, built, faults, files, opened, told, with_policy};
use crate::bundles;
use crate::{BundleRefusal, Signing};

const AMOUNT: &str = "amount: {from: body:/amount, type: natural}";

fn hostile() -> Vec<(&'static str, String)> {
    vec![
        (
            "32 deep",
            format!(
                "permit (principal, action, resource) when {{ {}1 == 1{} }};",
                "(".repeat(150),
                ")".repeat(150)
            ),
        ),
        (
            "256 operators",
            format!("permit (principal, action, resource) when {{ 1{} > 0 }};", " + 1".repeat(600)),
        ),
        (
            "256 operators",
            format!(
                "permit (principal, action, resource) when {{ {}context.args.amount > 0 }};",
                "!".repeat(600)
            ),
        ),
        ("bytes", format!("// {}", "x".repeat(1024 * 1024))),
        (
            "U+202E",
            "// \u{202e} hidden\npermit (principal, action, resource) when { context.args.amount > 1 };"
                .to_owned(),
        ),
        ("a template slot", "forbid (principal == ?principal, action, resource);".to_owned()),
        (
            "limited to something other than this route",
            "permit (principal, action, resource == Route::\"hello\") when { context.args.amount > 1 };"
                .to_owned(),
        ),
    ]
}

#[test]
fn hostile_policies_are_refused_at_build() {
    for (what, text) in hostile().iter().filter(|(what, _)| *what != "bytes") {
        let faults = faults(&with_policy(AMOUNT, text));
        assert!(faults.iter().any(|fault| fault.what.contains(what)), "`{what}`:\n{}", told(&faults));
    }
    // A text of one megabyte is refused earlier: the document is too long.
    let (_, text) = &hostile()[3];
    assert!(told(&faults(&with_policy(AMOUNT, text))).contains("the maximum is 256 KiB"));
}

/// A compromised build machine could sign this: the files are packed without any check.
#[test]
fn hostile_policies_in_a_signed_bundle_are_refused_by_a_server() {
    let key = TestKey::new(10);
    let trust = super::fixture::trust(1, &[10]);
    let now = super::fixture::NOW;
    let terms = Signing {
        version: 1,
        not_before: now - 1,
        expires: now + 100,
        trust: &trust,
        next: &trust,
        chain: &[],
        signers: &[&key],
    };
    let good =
        built(&with_policy(AMOUNT, "permit (principal, action, resource) when { context.args.amount > 1 };"));
    for (what, text) in hostile() {
        let mut packed = good.packed().clone();
        let name = "routes/payments/pay.json";
        let mut document: serde_json::Value = serde_json::from_slice(&packed[name]).unwrap();
        document["spec"]["policy"] = text.into();
        packed.insert(name.to_owned(), serde_json::to_vec(&document).unwrap());
        let refusal = opened(&bundles::sign("shop", packed, &terms).unwrap().parcel).unwrap_err();
        let BundleRefusal::Unsound { faults } = &refusal else { panic!("{what}: {refusal}") };
        let what = if what == "bytes" { "it has" } else { what };
        assert!(
            faults.iter().any(|fault| fault.what.contains(what) && fault.line == 0),
            "`{what}`:\n{}",
            told(faults)
        );
    }
    assert!(opened(&bundles::sign("shop", good.packed().clone(), &terms).unwrap().parcel).is_ok());
    assert!(files().contains_key(PAY_FILE));
}

/// The largest allowed policy gives the same answer on every thread, however small its stack is.
#[test]
fn the_largest_allowed_policy_has_one_answer() {
    use super::fixture::Ask;
    use crate::Principal;
    use crate::arguments::ArgumentValue;

    let sum = format!(
        "permit (principal, action, resource) when {{ {}context.args.amount{}{} > 0 }};",
        "(".repeat(31),
        " + 1".repeat(252),
        ")".repeat(31)
    );
    let bundle = super::fixture::bundle(&with_policy(AMOUNT, &sum));
    let asked = || {
        format!(
            "{:?}",
            Ask::by(Principal::Agent("agent:x".to_owned())).arg("amount", ArgumentValue::Long(1)).of(&bundle)
        )
    };
    let here = asked();
    assert!(here.starts_with("Ok"), "{here}");
    for stack in [64 * 1024, 512 * 1024, 8 * 1024 * 1024, 64 * 1024 * 1024] {
        let there = std::thread::scope(|scope| {
            std::thread::Builder::new().stack_size(stack).spawn_scoped(scope, asked).unwrap().join().unwrap()
        });
        assert_eq!(there, here, "on a stack of {stack} bytes");
    }
}
