//! Which callers the policies permit, and which they deny and why.

use warrant::Denial;

use super::fixture::{Ask, bundle, edited, files, with_policy};
use crate::arguments::ArgumentValue;
use crate::{Bundle, Posture, Principal};

const PAYER: &str = "spiffe://shop/ns/shop/sa/payer";

fn agent(name: &str) -> Principal {
    Principal::Agent(name.to_owned())
}

fn denial(bundle: &Bundle, ask: &Ask) -> (Denial, Vec<String>) {
    let refused = ask.of(bundle).unwrap_err();
    (refused.denial, refused.policies)
}

#[test]
fn only_callers_are_permitted() {
    let bundle = bundle(&files());
    for name in [PAYER, "spiffe://shop/ns/batch/sa/a"] {
        assert_eq!(Ask::by(agent(name)).of(&bundle).unwrap().policies, ["pay/caller:group:payments-agents"]);
    }
    for name in
        ["spiffe://shop/ns/x/sa/y", "agent:a", "-", "spiffe://shop/ns/batch", "\"), action, resource);"]
    {
        assert_eq!(denial(&bundle, &Ask::by(agent(name))), (Denial::PolicyDenied, vec![]), "{name}");
    }
}

#[test]
fn a_key_is_in_no_group_and_has_no_name() {
    let by = |caller: &str| bundle(&edited("routes/platform/hello.yaml", "agent:demo", caller));
    let hello = |principal| Ask { route: "hello", action: "GET", ..Ask::by(principal) };
    let key = Principal::Key(PAYER.to_owned());
    for caller in ["group:payments-agents", PAYER] {
        assert!(hello(agent(PAYER)).of(&by(caller)).is_ok(), "{caller}");
        assert_eq!(denial(&by(caller), &hello(key.clone())), (Denial::PolicyDenied, vec![]), "{caller}");
    }
    let once = edited("routes/platform/hello.yaml", "use: any", "use: once");
    let mut anyone = once.clone();
    super::fixture::edit(&mut anyone, "routes/platform/hello.yaml", "agent:demo", "any-holder");
    assert_eq!(hello(key).of(&bundle(&anyone)).unwrap().policies, ["hello/caller:any-holder"]);
}

#[test]
fn a_key_on_a_route_without_keys_is_internal() {
    assert_eq!(
        denial(&bundle(&files()), &Ask::by(Principal::Key("x".to_owned()))),
        (Denial::Internal, vec![])
    );
}

const LIMIT: &str = r#"
@id("limit") @reason("above the limit") @cure("ask for less")
forbid (principal, action, resource) when { context.args.amount > 10000 };
"#;

#[test]
fn a_forbid_overrides_a_permit_and_says_why() {
    let bundle = bundle(&with_policy("amount: {from: body:/amount, type: natural}", LIMIT));
    let with = |amount| Ask::by(agent(PAYER)).arg("amount", ArgumentValue::Long(amount));
    assert!(with(10_000).of(&bundle).is_ok());
    let refused = with(10_001).of(&bundle).unwrap_err();
    assert_eq!((refused.denial, refused.policies), (Denial::PolicyDenied, vec!["pay/limit".to_owned()]));
    assert_eq!(
        (refused.reason.as_deref(), refused.cure.as_deref()),
        (Some("above the limit"), Some("ask for less"))
    );
}

#[test]
fn policies_are_sorted_and_the_first_gives_the_reason() {
    let text: String = ["c", "a", "b"].map(|id| format!("@id(\"{id}\") @reason(\"{id} says no\") forbid (principal, action, resource) when {{ context.args.amount > 1 }};\n")).concat();
    let bundle = bundle(&with_policy("amount: {from: body:/amount, type: natural}", &text));
    for _ in 0..20 {
        let refused = Ask::by(agent(PAYER)).arg("amount", ArgumentValue::Long(2)).of(&bundle).unwrap_err();
        assert_eq!(
            (refused.policies, refused.reason.as_deref()),
            (vec!["pay/a".to_owned(), "pay/b".to_owned(), "pay/c".to_owned()], Some("a says no"))
        );
    }
}

/// Cedar itself would allow each of these, because it skips a policy that fails.
#[test]
fn an_error_inside_a_forbid_denies() {
    for (condition, amount) in [
        ("context.args.amount * 9223372036854775807 > 0", 2),
        ("context.args.amount + 9223372036854775807 > 0", 1),
        (
            "-(context.args.amount - 9223372036854775807) - 9223372036854775807 > 9223372036854775807 + context.args.amount",
            1,
        ),
    ] {
        let bundle = bundle(&with_policy(
            "amount: {from: body:/amount, type: natural}",
            &format!("@id(\"sum\") forbid (principal, action, resource) when {{ {condition} }};"),
        ));
        let refused =
            Ask::by(agent(PAYER)).arg("amount", ArgumentValue::Long(amount)).of(&bundle).unwrap_err();
        assert_eq!(
            (refused.denial, refused.policies),
            (Denial::PolicyError, vec!["pay/sum".to_owned()]),
            "{condition}"
        );
    }
}

#[test]
fn what_does_not_fit_the_schema_is_internal() {
    let bundle = bundle(&with_policy("amount: {from: body:/amount, type: natural}", LIMIT));
    for ask in [
        Ask::by(agent(PAYER)),
        Ask::by(agent(PAYER)).arg("amount", ArgumentValue::Text("7".to_owned())),
        Ask::by(agent(PAYER)).arg("amount", ArgumentValue::Long(7)).arg("more", ArgumentValue::Bool(true)),
        Ask { action: "GET", ..Ask::by(agent(PAYER)).arg("amount", ArgumentValue::Long(7)) },
    ] {
        assert_eq!(denial(&bundle, &ask), (Denial::Internal, vec![]));
    }
}

#[test]
fn an_absent_optional_is_seen_by_has() {
    let text = "@id(\"note\") forbid (principal, action, resource) when { context.args has note && context.args.note == \"x\" };";
    let bundle = bundle(&with_policy("note: {from: body:/note, type: string, optional: true}", text));
    assert!(Ask::by(agent(PAYER)).of(&bundle).is_ok());
    assert_eq!(
        denial(&bundle, &Ask::by(agent(PAYER)).arg("note", ArgumentValue::Text("x".to_owned()))),
        (Denial::PolicyDenied, vec!["pay/note".to_owned()])
    );
}

#[test]
fn the_whole_context_can_be_read() {
    let text = r#"
permit (principal, action == Action::"POST", resource == Route::"pay") when {
  context.posture == Posture::"normal" && context.now < datetime("2027-01-01T00:00:00Z") && context.method == "POST" &&
  context.host == "payments.shop" && context.path like "/v1/payments/*" && context.warrant.depth == 0 &&
  context.warrant.issuer == "https://authority.shop" && context.warrant.root in Group::"payments-agents" &&
  context.warrant has started_by && context.warrant.started_by.sub == "ann" &&
  context.warrant.attr has purpose && context.warrant.attr.purpose == "refund" && context.args.tags.contains("a")
};"#;
    let files = edited(
        super::fixture::PAY_FILE,
        "callers: [\"group:payments-agents\"]",
        &super::fixture::policy_block("tags: {from: body:/tags, type: strings}", text),
    );
    let bundle = bundle(&files);
    let good = || Ask {
        starter: Some("ann"),
        purpose: Some("refund"),
        root: PAYER,
        ..Ask::by(agent("agent:x")).arg("tags", ArgumentValue::Texts(vec!["a".to_owned()]))
    };
    assert_eq!(good().of(&bundle).unwrap().policies.len(), 1);
    for ask in [
        Ask { posture: Posture::Restricted, ..good() },
        Ask { starter: None, ..good() },
        Ask { purpose: None, ..good() },
        Ask { root: "agent:x", ..good() },
        Ask { depth: 1, ..good() },
        good().arg("tags", ArgumentValue::Texts(vec![])),
    ] {
        assert_eq!(denial(&bundle, &ask), (Denial::PolicyDenied, vec![]));
    }
}

#[test]
fn mesh_wide_policies_forbid_on_every_route() {
    let bundle = bundle(&edited(
        "mesh.cedar",
        "// nothing",
        "@id(\"frozen\") @reason(\"restricted\") forbid (principal, action, resource) when { context.posture == Posture::\"restricted\" };\n// nothing",
    ));
    for (route, action, name) in [("pay", "POST", PAYER), ("hello", "GET", "agent:demo")] {
        let ask = |posture| Ask { route, action, posture, ..Ask::by(agent(name)) };
        assert!(ask(Posture::Normal).of(&bundle).is_ok());
        let refused = ask(Posture::Restricted).of(&bundle).unwrap_err();
        assert_eq!(
            (refused.denial, refused.policies, refused.reason.as_deref()),
            (Denial::PolicyDenied, vec!["mesh/frozen".to_owned()], Some("restricted"))
        );
    }
}
