//! Tests of `operators.cedar`: who may call the API, which names exist, and that its tests are run.

use super::fixture::{assert_fault, assert_sound, built, bundle, edit, faults, files, told};
use crate::authoring::Tested;
use crate::{
    Bundle, Files, OperatorAction, OperatorContext, OperatorPrincipal, OperatorQuery, OperatorResource,
    Stance, tightens,
};
use warrant::{Denial, RevocationKind, Seconds};

const FILE: &str = "operators.cedar";
const TESTS: &str = "operators.test.yaml";

fn with(policies: &str) -> Files {
    let mut files = files();
    files.insert(FILE.to_owned(), policies.as_bytes().to_vec());
    files
}

fn with_tests(policies: &str, cases: &str) -> Files {
    let mut files = with(policies);
    let text = format!("apiVersion: portcullis.dev/v1alpha1\nkind: OperatorTests\ncases:\n{cases}");
    files.insert(TESTS.to_owned(), text.into_bytes());
    files
}

fn person(name: &str) -> OperatorPrincipal {
    OperatorPrincipal::Person(name.to_owned())
}

fn agent(name: &str) -> OperatorPrincipal {
    OperatorPrincipal::Agent(name.to_owned())
}

fn halt(principal: OperatorPrincipal, resource: OperatorResource) -> OperatorQuery {
    OperatorQuery {
        principal,
        groups: Vec::new(),
        action: OperatorAction::SetPosture,
        resource,
        context: OperatorContext {
            stance: Some(Stance::Halted),
            reason: Some("incident 7".to_owned()),
            ..OperatorContext::default()
        },
    }
}

fn revoke(principal: OperatorPrincipal, kind: RevocationKind) -> OperatorQuery {
    OperatorQuery {
        action: OperatorAction::Revoke,
        context: OperatorContext {
            kind: Some(kind),
            value: Some("x".to_owned()),
            stance: None,
            reason: Some("lost".to_owned()),
        },
        ..halt(principal, OperatorResource::Mesh)
    }
}

fn route(name: &str) -> OperatorResource {
    OperatorResource::Route(name.to_owned())
}

fn answer(bundle: &Bundle, query: &OperatorQuery) -> Result<Vec<String>, (Denial, Vec<String>)> {
    let decided = bundle.operators().decide(query);
    decided.map(|permitted| permitted.policies).map_err(|denied| (denied.denial, denied.policies))
}

const NOBODY: Result<Vec<String>, (Denial, Vec<String>)> = Err((Denial::PolicyDenied, Vec::new()));

fn by(policy: &str) -> Result<Vec<String>, (Denial, Vec<String>)> {
    Ok(vec![format!("operators/{policy}")])
}

#[test]
fn with_comments_only_nobody_may_call() {
    let bundle = bundle(&files());
    assert_eq!(answer(&bundle, &halt(person("local"), OperatorResource::Mesh)), NOBODY);
}

#[test]
fn callers_are_permitted_by_name_and_by_the_groups_of_their_token_and_of_the_identities() {
    let mut files = with(
        "@id(\"one\") permit (principal == Agent::\"spiffe://shop/ns/x/sa/y\", action, resource);
@id(\"token\") permit (principal in Group::\"https://idp.shop|sre\", action == Action::\"set-posture\", resource);
@id(\"identities\") permit (principal in Group::\"payments-agents\", action in [Action::\"revoke\", Action::\"set-posture\"], resource);",
    );
    edit(&mut files, "identities.yaml", "\"spiffe://shop/ns/batch/**\"", "\"https://idp.shop|alice\"");
    let bundle = bundle(&files);
    let mesh = || OperatorResource::Mesh;
    assert_eq!(answer(&bundle, &halt(agent("spiffe://shop/ns/x/sa/y"), mesh())), by("one"));
    // A person with the name of a workload is another caller.
    assert_eq!(answer(&bundle, &halt(person("spiffe://shop/ns/x/sa/y"), mesh())), NOBODY);
    let mut bob = halt(person("https://idp.shop|bob"), mesh());
    assert_eq!(answer(&bundle, &bob), NOBODY);
    bob.groups = vec!["https://idp.shop|sre".to_owned()];
    assert_eq!(answer(&bundle, &bob), by("token"));
    assert_eq!(answer(&bundle, &halt(person("https://idp.shop|alice"), mesh())), by("identities"));
    assert_eq!(answer(&bundle, &halt(agent("spiffe://shop/ns/shop/sa/payer"), mesh())), by("identities"));
    let reads = OperatorQuery {
        action: OperatorAction::ReadFacts,
        context: OperatorContext::default(),
        ..halt(person("https://idp.shop|alice"), mesh())
    };
    assert_eq!(answer(&bundle, &reads), NOBODY);
}

#[test]
fn a_team_may_be_permitted_its_own_routes_and_nobody_a_route_that_does_not_exist() {
    let bundle = bundle(&with(
        "@id(\"team\") permit (principal, action == Action::\"set-posture\", resource is Route) when { resource.team == Team::\"payments\" && context.reason != \"\" };",
    ));
    assert_eq!(answer(&bundle, &halt(person("local"), route("pay"))), by("team"));
    assert_eq!(answer(&bundle, &halt(person("local"), route("hello"))), NOBODY);
    assert_eq!(answer(&bundle, &halt(person("local"), OperatorResource::Mesh)), NOBODY);
    let everything = self::bundle(&with("permit (principal == Person::\"local\", action, resource);"));
    assert_eq!(answer(&everything, &halt(person("local"), route("gone"))), NOBODY);
    assert!(answer(&everything, &halt(person("local"), route("hello"))).is_ok());
}

/// However many routes there are, these few tell whether a caller may do anything at all.
#[test]
fn one_route_of_each_kind_stands_for_all_that_the_policies_cannot_tell_apart() {
    let texts = [
        "",
        "permit (principal, action, resource == Route::\"pay\");",
        "permit (principal, action, resource is Route) when { resource.team == Team::\"payments\" };",
        "permit (principal, action, resource is Route) unless { resource.team == Team::\"payments\" };",
        "permit (principal, action, resource is Route) when { resource.team == Team::\"payments\" && resource != Route::\"pay\" };",
        "permit (principal, action, resource is Route) when { resource == Route::\"hello\" || resource == Route::\"pay\" };",
    ];
    let all = ["hello", "pay"];
    for text in texts {
        let bundle = bundle(&with(&text.replacen("permit", "@id(\"p\") permit", 1)));
        let may = |name: &str| {
            let query = OperatorQuery {
                action: OperatorAction::ReadDecisions,
                context: OperatorContext::default(),
                ..halt(person("x"), route(name))
            };
            answer(&bundle, &query).is_ok()
        };
        let kinds: Vec<&str> = bundle.operators().routes_of_each_kind().collect();
        assert!(!kinds.is_empty() && kinds.iter().all(|name| all.contains(name)), "{kinds:?}");
        assert_eq!(kinds.iter().any(|name| may(name)), all.iter().any(|name| may(name)), "{text}: {kinds:?}");
    }
    let named = with("@id(\"p\") permit (principal, action, resource == Route::\"pay\");");
    assert_eq!(bundle(&named).operators().routes_of_each_kind().count(), 2);
    assert_eq!(bundle(&with("")).operators().routes_of_each_kind().count(), 1);
}

#[test]
fn policies_read_the_members_of_the_call() {
    let bundle = bundle(&with(
        "@id(\"all\") permit (principal, action, resource) when { principal == Person::\"local\" };
@id(\"no-holders\") forbid (principal, action == Action::\"revoke\", resource) when { context.kind == Kind::\"sub\" };
@id(\"no-halt\") forbid (principal, action == Action::\"set-posture\", resource == Mesh::\"shop\") when { context.stance == Posture::\"halted\" };",
    ));
    let local = || person("local");
    assert_eq!(answer(&bundle, &revoke(local(), RevocationKind::Key)), by("all"));
    let forbidden = |policy: &str| Err((Denial::PolicyDenied, vec![format!("operators/{policy}")]));
    assert_eq!(answer(&bundle, &revoke(local(), RevocationKind::Sub)), forbidden("no-holders"));
    assert_eq!(answer(&bundle, &halt(local(), OperatorResource::Mesh)), forbidden("no-halt"));
    let region = OperatorResource::Environment("region=eu-1".to_owned());
    assert_eq!(answer(&bundle, &halt(local(), region)), by("all"));
    let issuer = OperatorResource::Issuer("https://authority.shop".to_owned());
    assert_eq!(answer(&bundle, &halt(local(), issuer)), by("all"));
}

#[test]
fn a_policy_that_fails_denies_also_if_it_forbids() {
    let bundle = bundle(&with(
        "@id(\"all\") permit (principal, action, resource) when { principal == Person::\"local\" };
@id(\"fails\") forbid (principal == Person::\"local\", action, resource) when { 9223372036854775807 + 1 > 0 };",
    ));
    let found = answer(&bundle, &halt(person("local"), OperatorResource::Mesh));
    assert_eq!(found, Err((Denial::PolicyError, vec!["operators/fails".to_owned()])));
}

#[test]
fn a_call_without_the_members_of_its_action_is_not_judged() {
    let bundle = bundle(&with("permit (principal == Person::\"local\", action, resource);"));
    let whole = revoke(person("local"), RevocationKind::Key);
    assert!(answer(&bundle, &whole).is_ok());
    let internal = Err((Denial::Internal, Vec::new()));
    let context = OperatorContext { reason: None, ..whole.context.clone() };
    assert_eq!(answer(&bundle, &OperatorQuery { context, ..whole.clone() }), internal);
    let context = OperatorContext { stance: Some(Stance::Normal), ..whole.context.clone() };
    assert_eq!(answer(&bundle, &OperatorQuery { context, ..whole.clone() }), internal);
    assert_eq!(answer(&bundle, &OperatorQuery { resource: route("pay"), ..whole }), internal);
}

#[test]
fn a_misspelt_name_is_a_fault_with_the_name_that_was_meant() {
    let permit = |rest: &str| format!("permit (principal == Person::\"local\", {rest};");
    for (policy, what, instead) in [
        (permit("action == Action::\"revok\", resource)"), "there is no action `revok`", "`revoke`"),
        (permit("action, resource == Route::\"pai\")"), "there is no route `pai`", "`pay`"),
        (
            permit("action, resource == Issuer::\"https://authority.shp\")"),
            "there is no issuer `https://authority.shp`",
            "`https://authority.shop`",
        ),
        (permit("action, resource == Mesh::\"shp\")"), "there is no mesh `shp`", "`shop`"),
        (
            "permit (principal in Group::\"payments-agent\", action, resource);".to_owned(),
            "there is no group `payments-agent`",
            "`payments-agents`",
        ),
        (
            permit("action, resource is Route) when { resource.team == Team::\"paymens\" }"),
            "there is no team `paymens`",
            "`payments`",
        ),
        (
            permit("action == Action::\"revoke\", resource) when { context.kind == Kind::\"keys\" }"),
            "there is no kind `keys`",
            "`key`",
        ),
        (
            permit(
                "action == Action::\"set-posture\", resource) when { context.stance == Posture::\"halt\" }",
            ),
            "there is no posture `halt`",
            "`halted`",
        ),
    ] {
        assert_fault(&with(&policy), "operators.cedar:1:", what);
        let told = told(&faults(&with(&policy)));
        assert!(told.contains(instead), "{instead}: {told}");
    }
    assert_sound(&with("permit (principal in Group::\"https://idp.shop|anything\", action, resource);"));
}

#[test]
fn the_file_is_needed_and_has_the_bounds_of_a_routes_policies() {
    let mut without = files();
    without.remove(FILE);
    assert_fault(&without, "operators.cedar:", "the file is missing");
    let nested = format!(
        "permit (principal, action, resource) when {{ {}1 == 1{} }};",
        "(".repeat(150),
        ")".repeat(150)
    );
    assert_fault(&with(&nested), "operators.cedar:1:", "brackets nested more than 32 deep");
    assert_fault(
        &with("permit (principal, action, resource) when { context.warrant.depth == 0 };"),
        "operators.cedar:1:",
        "",
    );
}

#[test]
fn a_route_cannot_have_the_name_under_which_these_policies_are_listed() {
    let mut files = files();
    let pay = String::from_utf8(files.remove("routes/payments/pay.yaml").unwrap()).unwrap();
    let renamed = pay.replace("{name: pay}", "{name: operators}").into_bytes();
    files.insert("routes/payments/operators.yaml".to_owned(), renamed);
    assert_fault(&files, "routes/payments/operators.yaml:3:", "is not a valid name for a route");
}

const SRE: &str = "@id(\"sre\") @reason(\"only sre\") permit (principal in Group::\"https://idp.shop|sre\", action, resource);\n@id(\"never\") forbid (principal, action == Action::\"reinstate\", resource);\n";

#[test]
fn its_tests_are_run_and_say_which_policy_decided() {
    let cases = "  - {name: sre, caller: \"https://idp.shop|a\", groups: [\"https://idp.shop|sre\"], action: set-posture, resource: \"route:pay\", expect: allow, because: operators/sre}
  - {name: others, caller: local, action: revoke, expect: policy-denied}
  - {name: nobody reinstates, caller: local, action: reinstate, expect: policy-denied, because: operators/never}
";
    let built = built(&with_tests(SRE, cases));
    let outcomes = built.outcomes();
    assert_eq!(outcomes.len(), 3);
    assert!(outcomes.iter().all(|outcome| outcome.passed && outcome.route == "operators"));
    let coverage = built.coverage();
    let last = coverage.last().unwrap();
    assert_eq!(last.route, "operators");
    assert_eq!(last.policies, [("operators/never".to_owned(), 1), ("operators/sre".to_owned(), 1)]);
    assert!(built.packed().contains_key("operators.test.json"));
    // What was packed is what a server reads.
    assert!(bundle(&with_tests(SRE, cases)).files().contains_key("operators.cedar"));
}

#[test]
fn a_failing_test_refuses_the_build_and_names_the_policy() {
    let cases = "  - {name: nobody reinstates, caller: local, action: reinstate, expect: allow}\n";
    let tested = Tested::from_files(&with_tests(SRE, cases)).unwrap();
    assert_eq!(tested.failing(), 1);
    assert_eq!(
        told(&tested.passed().unwrap_err()),
        "operators.test.yaml:4:5: the case `nobody reinstates` fails: the result is `policy-denied` by operators/never, but `allow` is expected; correct the policy or the expectation"
    );
}

#[test]
fn a_policy_that_no_test_reaches_is_a_warning() {
    let warnings = built(&with(SRE)).warnings(Seconds::new(super::fixture::NOW));
    let of_operators: Vec<_> = warnings
        .iter()
        .filter(|warning| warning.fault.file.ends_with(FILE))
        .map(|warning| warning.name)
        .collect();
    assert_eq!(of_operators, ["untested-policy", "untested-policy"]);
    let open =
        built(&with("permit (principal, action, resource);")).warnings(Seconds::new(super::fixture::NOW));
    assert!(open.iter().any(|warning| warning.name == "open-permit" && warning.fault.file.ends_with(FILE)));
}

#[test]
fn a_case_says_who_calls_and_what_for() {
    let one = |case: &str| with_tests(SRE, &format!("  - {{name: a, expect: policy-denied, {case}}}\n"));
    assert_sound(&one("caller: local, action: read-facts"));
    for (case, what) in [
        ("action: read-facts", "the case has no `caller`"),
        ("caller: local", "the case has no `action`"),
        ("caller: alice, action: read-facts", "`alice` is not a caller of the API"),
        ("caller: local, action: halt", "`halt` is not a value of this key"),
        ("caller: local, action: revoke, resource: \"team:a\"", "`team:a` is not a resource of the API"),
        ("caller: local, action: revoke, kind: token", "`token` is not a value of this key"),
    ] {
        assert_fault(&one(case), "operators.test.yaml:4:", what);
    }
}

#[test]
fn only_what_tightens_is_permitted_while_no_bundle_is_in_force() {
    let tight: Vec<_> = OperatorAction::ALL
        .iter()
        .flat_map(|action| {
            [None, Some(Stance::Normal), Some(Stance::Restricted), Some(Stance::Halted)]
                .map(|stance| (*action, stance))
        })
        .filter(|(action, stance)| tightens(*action, *stance))
        .collect();
    let posture = |stance| (OperatorAction::SetPosture, Some(stance));
    let revokes = [None, Some(Stance::Normal), Some(Stance::Restricted), Some(Stance::Halted)]
        .map(|stance| (OperatorAction::Revoke, stance));
    assert_eq!(tight, [&revokes[..], &[posture(Stance::Restricted), posture(Stance::Halted)]].concat());
    let reading = OperatorAction::ALL.iter().filter(|action| action.reads());
    assert!(reading.clone().all(|action| action.word().starts_with("read-")));
    assert_eq!(reading.count(), 5);
}
