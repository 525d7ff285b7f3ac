//! Views of a policy: expanded documents, schemas, recorded arguments, and the nearest permit.

use super::fixture::{Ask, PAY_FILE, built, edit, edited, policy_block, with_policy};
use crate::Principal;
use crate::arguments::ArgumentValue;
use crate::authoring::RecordedArgument;

const AMOUNT: &str = "amount: {from: body:/amount, type: natural}";

#[test]
fn a_document_is_shown_with_everything_filled_in() {
    let mut files =
        edited("teams.yaml", "    ground:", "    defaults: {holder: both, maxLifetime: 1m}\n    ground:");
    edit(&mut files, PAY_FILE, "{holder: mtls, use: once, maxLifetime: 60s}", "{use: once, maxDepth: 2}");
    assert_eq!(
        built(&files).view().expanded("pay").unwrap(),
        r#"{"apiVersion":"portcullis.dev/v1alpha1","kind":"GovernedRoute","metadata":{"name":"pay"},"spec":{"callers":["group:payments-agents"],"match":[{"hosts":["payments.shop"],"methods":["POST"],"paths":["/v1/payments/{account}"]}],"require":{"holder":"both","maxDepth":2,"maxLifetime":"60s","use":"once"}}}"#
    );
    assert_eq!(built(&files).view().expanded("nothing"), None);
}

#[test]
fn an_expanded_document_is_the_same_route() {
    let mut files = edited(
        PAY_FILE,
        "use: once",
        "use: once, issued: true, environment: {region: [eu]}, conditions: [{name: w, equals: open, maxAge: 5m}], attestation: {maxAge: 10m}",
    );
    let before = built(&files).route_named("pay").unwrap().require().clone();
    let expanded = built(&files).view().expanded("pay").unwrap();
    // JSON is YAML: the shown document can replace the written one.
    files.insert(PAY_FILE.to_owned(), expanded.clone().into_bytes());
    assert_eq!(*built(&files).route_named("pay").unwrap().require(), before);
    assert_eq!(built(&files).view().expanded("pay").unwrap(), expanded);
}

#[test]
fn a_schema_lists_the_names_that_a_policy_may_use() {
    let schema =
        built(&with_policy(AMOUNT, "permit (principal, action, resource) when { context.args.amount > 1 };"))
            .view()
            .schema("pay")
            .unwrap();
    let types = &schema[""]["entityTypes"];
    assert_eq!(types["Group"]["enum"], serde_json::json!(["-", "payments-agents"]));
    assert_eq!(types["Route"]["enum"], serde_json::json!(["-", "pay"]));
    let applies = &schema[""]["actions"]["POST"]["appliesTo"];
    assert_eq!(applies["principalTypes"], serde_json::json!(["Agent"]));
    assert_eq!(applies["context"]["attributes"]["args"]["attributes"]["amount"]["type"], "Long");
    assert!(cedar_policy::Schema::from_json_value(schema).is_ok());
}

#[test]
fn recorded_arguments_and_routes_that_read_the_body_are_listed() {
    let built = built(&with_policy(
        "amount: {from: body:/amount, type: natural, record: digest}",
        "permit (principal, action, resource) when { context.args.amount > 1 };",
    ));
    assert_eq!(
        built.view().recorded(),
        [RecordedArgument { route: "pay".to_owned(), argument: "amount".to_owned(), is_withheld: true }]
    );
    assert_eq!(built.view().reading_bodies(), ["pay"]);
}

#[test]
fn the_nearest_permit_and_its_false_part() {
    let text = "@id(\"small\") permit (principal in Group::\"payments-agents\", action, resource) when { context.host == \"payments.shop\" && context.args.amount < 100 && context.method == \"POST\" };\n@id(\"never\") permit (principal == Agent::\"agent:never\", action, resource) when { context.args.amount < 1 } unless { context.method == \"POST\" };";
    let files = edited(PAY_FILE, "callers: [\"group:payments-agents\"]", &policy_block(AMOUNT, text));
    let built = built(&files);
    let nearest = |who: &str, amount: i64| {
        let ask = Ask::by(Principal::Agent(who.to_owned())).arg("amount", ArgumentValue::Long(amount));
        ask.with(|asked| built.view().nearest("pay", asked)).map(|nearest| (nearest.policy, nearest.part))
    };
    let payer = "spiffe://shop/ns/shop/sa/payer";
    let (policy, part) = nearest(payer, 200).unwrap();
    assert_eq!((policy.as_str(), part.contains("< 100")), ("pay/small", true), "{part}");
    let (policy, part) = nearest("agent:x", 5).unwrap();
    assert_eq!((policy.as_str(), part.contains("Group::\"payments-agents\"")), ("pay/small", true), "{part}");
}

#[test]
fn faults_and_test_results_can_be_shown_as_json() {
    let mut files = with_policy(
        AMOUNT,
        "@id(\"limit\") forbid (principal, action, resource) when { context.args.amount > 1 };",
    );
    edit(&mut files, PAY_FILE, "callers:", "calers:");
    let faults = super::fixture::faults(&files);
    assert_eq!(
        serde_json::to_string(&faults[0]).unwrap(),
        r#"{"file":"routes/payments/pay.yaml","line":8,"column":3,"what":"unknown key `calers`","instead":"did you mean `callers`?"}"#
    );
    edit(&mut files, PAY_FILE, "calers:", "callers:");
    let tests = "apiVersion: portcullis.dev/v1alpha1\nkind: RouteTests\nmetadata: {name: pay}\ncases: [{name: much, request: {body: {amount: 2}}, expect: policy-denied}]\n";
    files.insert("routes/payments/pay.test.yaml".to_owned(), tests.as_bytes().to_vec());
    let built = built(&files);
    assert_eq!(
        serde_json::to_string(&built.outcomes()[0]).unwrap(),
        r#"{"route":"pay","case":"much","passed":true,"judged":{"route":"pay","denial":"policy-denied","policies":["pay/limit"],"detail":null}}"#
    );
}
