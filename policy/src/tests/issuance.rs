//! Tests of `issuance.cedar`, grants and subjects: who may have what, with which limits, and that nothing is issued that is
//! wider than what was asked for or permitted.

use std::collections::BTreeSet;

use proptest::prelude::*;
use warrant::mint::read_details;
use warrant::{Denial, Detail, Seconds};

use super::fixture::{NOW, assert_fault, assert_sound, built, bundle, edit, faults, files, told};
use crate::authoring::Tested;
use crate::issuing::{Issue, NotIssued, Wanted, issue};
use crate::{
    Bundle, Files, GrantLimits, GrantTerms, HolderKeyOrigin, IssueQuery, PermittedGrant, Posture,
    StarterQuery,
};

const FILE: &str = "issuance.cedar";
const TESTS: &str = "issuance.test.yaml";

const PAYER: &str = "spiffe://shop/ns/shop/sa/payer";

const GRANTS: &str = r#"  grants:
    small:
      details: [{type: execution, hosts: [payments.shop, localhost], methods: [POST], paths: ["/v1/payments/**"], args: {amount: {range: [1, 100]}}}]
    large:
      details: [{type: execution, hosts: [payments.shop], methods: [GET, POST], paths: ["/v1/**"]}]
      environment: {region: [eu-1, eu-2], zone: [a]}
      attestation: ["sha256:1111111111111111111111111111111111111111111111111111111111111111"]
  notes:"#;

const LIMITS: &str = r#"@lifetime("60s") @use("1") @depth("1")"#;

fn with(policies: &str) -> Files {
    let mut files = files();
    edit(&mut files, "mesh.yaml", "  notes:", GRANTS);
    files.insert(FILE.to_owned(), policies.as_bytes().to_vec());
    files
}

/// A permit of the small grant under this condition.
fn small(when: &str) -> String {
    format!(
        "@id(\"small\") @grant(\"small\") {LIMITS} permit (principal in Group::\"payments-agents\", action == Action::\"issue\", resource){when};\n"
    )
}

fn with_tests(policies: &str, cases: &str) -> Files {
    let mut files = with(policies);
    let text = format!(
        "apiVersion: portcullis.dev/v1alpha1\nkind: IssuanceTests\ngiven: {{holder: \"{PAYER}\", grant: small}}\ncases:\n{cases}"
    );
    files.insert(TESTS.to_owned(), text.into_bytes());
    files
}

fn query(holder: &str) -> IssueQuery {
    IssueQuery {
        holder: holder.to_owned(),
        key: HolderKeyOrigin::Own,
        token: Some("https://idp.shop".to_owned()),
        starter: None,
        roots: 0,
        posture: Posture::Normal,
        now: Seconds::new(NOW),
    }
}

fn policies(bundle: &Bundle, query: &IssueQuery) -> Result<Vec<String>, Denial> {
    let decided = bundle.issuance().decide(query);
    decided.map(|all| all.into_iter().map(|one| one.policy).collect()).map_err(|denied| denied.denial)
}

fn details(json: &str) -> Vec<Detail> {
    read_details(json.as_bytes()).unwrap()
}

#[test]
fn with_comments_only_nothing_is_issued() {
    assert_eq!(policies(&bundle(&files()), &query(PAYER)), Err(Denial::PolicyDenied));
}

#[test]
fn a_permit_says_who_may_have_which_grant_and_all_its_limits() {
    let bundle = bundle(&with(&small("")));
    let permitted = bundle.issuance().decide(&query(PAYER)).unwrap();
    let limits = GrantLimits { lifetime: 60, uses: Some(1), depth: 1 };
    let only = PermittedGrant { policy: "issuance/small".to_owned(), grant: "small".to_owned(), limits };
    assert_eq!(permitted, [only]);
    assert_eq!(policies(&bundle, &query("agent:stranger")), Err(Denial::PolicyDenied));
}

#[test]
fn a_forbid_and_an_error_refuse_every_grant() {
    let forbid = "@id(\"stop\") forbid (principal, action, resource) when { context.posture == Posture::\"restricted\" };";
    let bundle = bundle(&with(&format!("{}{forbid}", small(""))));
    assert!(policies(&bundle, &query(PAYER)).is_ok());
    let restricted = IssueQuery { posture: Posture::Restricted, ..query(PAYER) };
    assert_eq!(policies(&bundle, &restricted), Err(Denial::PolicyDenied));
    let overflow = small(" when { context.roots + 9223372036854775807 > 0 }");
    let bundle = self::bundle(&with(&overflow));
    assert!(policies(&bundle, &query(PAYER)).is_ok());
    assert_eq!(policies(&bundle, &IssueQuery { roots: 1, ..query(PAYER) }), Err(Denial::PolicyError));
}

#[test]
fn a_policy_reads_roots_token_key_starter_and_time() {
    let when = " when { context.roots < 3 && context has token && context.token.iss == \"https://idp.shop\" && context.now < datetime(\"2027-01-01T00:00:00Z\") }";
    let bundle = bundle(&with(&small(when)));
    assert!(policies(&bundle, &query(PAYER)).is_ok());
    for other in [
        IssueQuery { roots: 3, ..query(PAYER) },
        IssueQuery { token: None, ..query(PAYER) },
        IssueQuery { token: Some("https://b".to_owned()), ..query(PAYER) },
        IssueQuery { now: Seconds::new(NOW + 365 * 86_400), ..query(PAYER) },
    ] {
        assert_eq!(policies(&bundle, &other), Err(Denial::PolicyDenied), "{other:?}");
    }
}

#[test]
fn a_key_beside_a_certificate_and_an_actor_whom_nobody_named_need_a_permit_that_names_the_case() {
    let starter = |may_act| {
        Some(StarterQuery { iss: "https://idp.shop".to_owned(), sub: "user:a".to_owned(), may_act })
    };
    let other_key = IssueQuery { key: HolderKeyOrigin::Other, ..query(PAYER) };
    let named = IssueQuery { starter: starter(true), ..query(PAYER) };
    let unnamed = IssueQuery { starter: starter(false), ..query(PAYER) };
    let plain = bundle(&with(&small("")));
    assert!(policies(&plain, &named).is_ok());
    assert_eq!(policies(&plain, &other_key), Err(Denial::PolicyDenied));
    assert_eq!(policies(&plain, &unnamed), Err(Denial::PolicyDenied));
    let keys = bundle(&with(&small(" when { context.cnf == \"other\" }")));
    assert!(policies(&keys, &other_key).is_ok());
    assert_eq!(policies(&keys, &query(PAYER)), Err(Denial::PolicyDenied));
    // Who means to narrow a permit does not open this case by it.
    for narrower in [" unless { context.cnf == \"certificate\" }", " when { context.cnf != \"certificate\" }"]
    {
        assert_eq!(
            policies(&bundle(&with(&small(narrower))), &other_key),
            Err(Denial::PolicyDenied),
            "{narrower}"
        );
    }
    let actors = bundle(&with(&small(" when { context has starter && !context.starter.may_act }")));
    assert!(policies(&actors, &unnamed).is_ok());
    let equal = bundle(&with(&small(" when { context has starter && context.starter.may_act == false }")));
    assert!(policies(&equal, &unnamed).is_ok());
    let either = " when { context has starter && (context.starter.may_act || context.roots < 5) }";
    assert_eq!(policies(&bundle(&with(&small(either))), &unnamed), Err(Denial::PolicyDenied));
    // Reading something else of the starter does not name the case.
    let reads = bundle(&with(&small(" when { context has starter && context.starter.sub == \"user:a\" }")));
    assert!(policies(&reads, &named).is_ok());
    assert_eq!(policies(&reads, &unnamed), Err(Denial::PolicyDenied));
}

#[test]
fn a_limit_that_is_missing_or_misspelt_is_a_fault_and_never_no_limit() {
    let permit = |annotations: &str| {
        with(&format!(
            "@id(\"a\") @grant(\"small\") {annotations} permit (principal in Group::\"payments-agents\", action, resource);"
        ))
    };
    assert_sound(&permit(LIMITS));
    for (annotations, what) in [
        ("@lifetime(\"60s\") @use(\"1\")", "a permit without `@depth`"),
        ("@lifetime(\"2h\") @use(\"1\") @depth(\"1\")", "`@lifetime(\"2h\")` is not a limit"),
        ("@lifetime(\"60s\") @use(\"0\") @depth(\"1\")", "`@use(\"0\")` is not a limit"),
        ("@lifetime(\"60s\") @use(\"1\") @depth(\"8\")", "`@depth(\"8\")` is not a limit"),
        ("@lifetime @use(\"1\") @depth(\"1\")", "`@lifetime(\"\")` is not a limit"),
    ] {
        assert_fault(&permit(annotations), FILE, what);
    }
    let misspelt = told(&faults(&permit("@lifetime(\"60s\") @uses(\"1\") @depth(\"1\")")));
    assert!(misspelt.contains("unknown annotation `@uses`") && misspelt.contains("a permit without `@use`"));
    let of = |text: &str| with(text);
    assert_fault(
        &of(&format!("{LIMITS} permit (principal in Group::\"payments-agents\", action, resource);")),
        FILE,
        "a permit without `@grant`",
    );
    assert_fault(
        &of(&small("").replace("\"small\") @lifetime", "\"smal\") @lifetime")),
        FILE,
        "the grant `smal` is not defined",
    );
    assert_fault(&of("@use(\"1\") forbid (principal, action, resource);"), FILE, "a forbid with `@use`");
    assert_fault(&of(&small(" when { context.rots < 3 }")), FILE, "rots");
    assert_fault(&of(&small("").replace("payments-agents", "payments-agent")), FILE, "payments-agent");
    assert_fault(&of(&small("").replace("\"issue\"", "\"mint\"")), FILE, "mint");
    let mut without = files();
    without.remove(FILE);
    assert_fault(&without, FILE, "the file is missing");
}

#[test]
fn the_same_annotations_are_unknown_elsewhere() {
    let mut files = files();
    files.insert(
        "operators.cedar".to_owned(),
        b"@grant(\"small\") permit (principal == Person::\"local\", action, resource);".to_vec(),
    );
    assert_fault(&files, "operators.cedar", "unknown annotation `@grant`");
}

#[test]
fn a_grant_has_details_as_a_warrant_has_them() {
    let edited = |from: &str, to: &str| {
        let mut files = with(&small(""));
        edit(&mut files, "mesh.yaml", from, to);
        files
    };
    for (from, to, what) in [
        ("range: [1, 100]", "rang: [1, 100]", "these are not valid details of a warrant"),
        ("paths: [\"/v1/**\"]", "paths: [\"v1/*x\"]", "these are not valid details of a warrant"),
        ("    small:", "    Small:", "`Small` is not a valid name for a grant"),
        ("attestation: [\"sha256:1", "attestation: [\"sha256:g", "is not a valid measurement"),
        ("environment: {region:", "environment: {\"a\\\\b\":", "is not a valid name for a dimension"),
        (
            "      details: [{type: execution, hosts: [payments.shop], ",
            "      detail: [{type: execution, hosts: [payments.shop], ",
            "unknown key `detail`",
        ),
    ] {
        assert_fault(&edited(from, to), "mesh.yaml", what);
    }
}

#[test]
fn two_issuers_of_tokens_cannot_name_one_holder_and_a_token_serves_one_use() {
    let with = |subjects: &str| {
        let mut files = files();
        edit(
            &mut files,
            "mesh.yaml",
            "  notes:",
            &format!(
                "  callers:\n    - {{iss: \"https://idp.shop\", audience: console, jwksUri: \"https://idp.shop/keys\"}}\n  subjects:\n{subjects}  notes:"
            ),
        );
        files
    };
    let entry =
        |rest: &str| format!("    - {{jwksUri: \"https://idp.shop/keys\", audience: warrants, {rest}}}\n");
    let idp = entry("iss: \"https://idp.shop\", sub: \"user:{sub}\", as: starter");
    assert_sound(&with(&idp));
    assert_sound(&with(&format!("{idp}{}", entry("trustDomain: shop, as: holder"))));
    for (other, what) in [
        (
            entry("iss: \"https://b.shop\", sub: \"user:{sub}\", as: holder"),
            "could be those of another entry",
        ),
        (
            entry("iss: \"https://b.shop\", sub: \"user:{org}:{sub}\", as: holder"),
            "could be those of another entry",
        ),
        (entry("iss: \"https://b.shop\", sub: \"{sub}\", as: holder"), "is not a valid template of names"),
        (
            entry("iss: \"https://b.shop\", sub: \"bot:x{sub}\", as: holder"),
            "is not a valid template of names",
        ),
        (entry("iss: \"https://b.shop\", as: holder"), "neither `sub` nor `trustDomain`"),
        (
            entry("iss: \"https://b.shop\", sub: \"bot:{sub}\", trustDomain: shop, as: holder"),
            "both `sub` and `trustDomain`",
        ),
        (entry("sub: \"bot:{sub}\", as: holder"), "`iss` is missing"),
        (entry("iss: \"https://b.shop\", sub: \"bot:{sub}\""), "`as` is missing"),
        (entry("iss: \"https://b.shop\", sub: \"bot:{sub}\", as: actor"), "a value of this key"),
        (entry("trustDomain: \"Shop\", as: holder"), "is not a valid trust domain"),
        (
            entry("iss: \"https://idp.shop\", sub: \"bot:{sub}\", as: holder").replace("warrants", "console"),
            "name callers of the API too",
        ),
    ] {
        assert_fault(&with(&format!("{idp}{other}")), "mesh.yaml", what);
    }
    let both = format!(
        "{}{}",
        entry("trustDomain: shop, as: holder"),
        entry("iss: \"https://b.shop\", sub: \"spiffe://shop/user/{sub}\", as: holder")
    );
    assert_fault(&with(&both), "mesh.yaml", "could be those of another entry");
}

#[test]
fn tests_of_issuance_are_run_with_the_bundle() {
    let good = "  - {name: pays, expect: allow, because: issuance/small, gets: {lifetime: 60s, use: 1, depth: 1}}
  - {name: a stranger, holder: \"agent:x\", expect: policy-denied}
  - {name: too often, roots: 3, expect: policy-denied}
  - {name: a part, grant: small, details: [{type: execution, hosts: [payments.shop], methods: [POST], paths: [\"/v1/payments/a-7\"], args: {amount: {exact: 7}}}], lifetime: 10s, expect: allow, gets: {lifetime: 10s}}
  - {name: more, details: [{type: execution, hosts: [payments.shop], methods: [POST], paths: [\"/v1/payments/**\"], args: {amount: {range: [1, 101]}}}], expect: policy-denied}\n";
    let policy = small(" when { context.roots < 3 }");
    assert_sound(&with_tests(&policy, good));
    let outcomes: Vec<_> =
        built(&with_tests(&policy, good)).outcomes().iter().map(|outcome| outcome.passed).collect();
    assert_eq!(outcomes, [true; 5]);
    for (case, what) in [
        (
            "  - {name: a, expect: policy-denied}\n",
            "the result is `allow` by issuance/small, but `policy-denied` is expected",
        ),
        (
            "  - {name: a, expect: allow, gets: {use: unlimited}}\n",
            "the warrant has lifetime 1m, use 1 and depth 1",
        ),
        ("  - {name: a, grant: large, expect: allow}\n", "the holder may not have a grant `large`"),
        ("  - {name: a, expect: allow, because: issuance/other}\n", "`because` names `issuance/other`"),
    ] {
        let tested = Tested::from_files(&with_tests(&policy, case)).unwrap();
        assert!(
            tested.failing() == 1 && told(tested.failures()).contains(what),
            "{}",
            told(tested.failures())
        );
    }
    assert_fault(
        &with_tests(&policy, "  - {name: a, expect: allow, rots: 3}\n"),
        TESTS,
        "unknown key `rots`",
    );
}

#[test]
fn of_several_grants_the_strictest_limits_and_the_common_places_hold() {
    let large = format!(
        "@id(\"large\") @grant(\"large\") {} permit (principal in Group::\"payments-agents\", action, resource);",
        LIMITS.replace("60s", "30s").replace("\"1\")", "\"5\")")
    );
    let bundle = bundle(&with(&format!("{}{large}", small(""))));
    let permitted = bundle.issuance().decide(&query(PAYER)).unwrap();
    let issued = |wanted: &Wanted| issue(wanted, &permitted, |name| bundle.grant(name));
    let one = |json: &str| Wanted { details: Some(details(json)), ..Wanted::default() };
    // A payment of 7 is within both grants.
    let both = issued(&one(r#"[{"type":"execution","hosts":["payments.shop"],"methods":["POST"],"paths":["/v1/payments/a"],"args":{"amount":{"exact":7}}}]"#)).unwrap();
    assert_eq!(both.limits, GrantLimits { lifetime: 30, uses: Some(1), depth: 1 });
    assert_eq!(both.policies, ["issuance/large", "issuance/small"]);
    assert!(both.attestation.is_some() && both.environment.len() == 2);
    // Who names one gets that one.
    let named = Wanted { grant: Some("small".to_owned()), ..both_details(&both) };
    let small = issued(&named).unwrap();
    assert_eq!((small.limits.lifetime, small.environment.len(), small.attestation), (60, 0, None));
    let all = issued(&Wanted { grant: Some("large".to_owned()), ..Wanted::default() }).unwrap();
    assert_eq!(all.details, bundle.grant("large").unwrap().details);
    // At some hosts only.
    let at = |host: &str| Some([host.to_owned()].into());
    let there =
        issued(&Wanted { grant: Some("small".to_owned()), hosts: at("localhost"), ..Wanted::default() })
            .unwrap();
    assert_eq!(there.details[0].hosts(), [Box::from("localhost")]);
    for (wanted, why) in [
        (Wanted::default(), NotIssued::Nothing),
        (Wanted { grant: Some("none".to_owned()), ..Wanted::default() }, NotIssued::Grant("none".to_owned())),
        (
            Wanted { grant: Some("small".to_owned()), hosts: at("elsewhere"), ..Wanted::default() },
            NotIssued::Hosts,
        ),
        (
            one(
                r#"[{"type":"execution","hosts":["payments.shop"],"methods":["GET"],"paths":["/v1/a"]},{"type":"execution","hosts":["payments.shop"],"methods":["DELETE"],"paths":["/v1/a"]}]"#,
            ),
            NotIssued::Detail(1),
        ),
    ] {
        assert_eq!(issued(&wanted), Err(why));
    }
}

fn both_details(issue: &Issue) -> Wanted {
    Wanted { details: Some(issue.details.clone()), ..Wanted::default() }
}

#[test]
fn grants_that_have_no_place_or_measurement_in_common_are_not_issued_together() {
    let terms = |region: &str, measurement: Option<&str>| GrantTerms {
        details: details(r#"[{"type":"execution","hosts":["a"],"methods":["GET"],"paths":["/**"]}]"#),
        environment: vec![("region".to_owned(), vec![region.to_owned()])],
        attestation: measurement.map(|one| vec![one.to_owned()]),
    };
    let permit = |grant: &str| PermittedGrant {
        policy: format!("issuance/{grant}"),
        grant: grant.to_owned(),
        limits: GrantLimits { lifetime: 60, uses: None, depth: 0 },
    };
    let wanted = Wanted { details: Some(terms("", None).details), ..Wanted::default() };
    let together = |one: GrantTerms, two: GrantTerms| {
        issue(&wanted, &[permit("one"), permit("two")], |name| Some(if name == "one" { &one } else { &two }))
            .map(drop)
    };
    assert_eq!(
        together(terms("eu", None), terms("us", None)),
        Err(NotIssued::Environment("region".to_owned()))
    );
    assert_eq!(together(terms("eu", Some("m1")), terms("eu", Some("m2"))), Err(NotIssued::Attestation));
    assert_eq!(together(terms("eu", Some("m1")), terms("eu", None)), Ok(()));
}

/// A request by number, and a constraint by number: small worlds, so that containment is often true.
#[derive(Clone, Debug)]
struct Plain {
    hosts: BTreeSet<u8>,
    methods: BTreeSet<u8>,
    /// Absent: any amount.
    amounts: Option<(i64, i64)>,
}

const HOSTS: [&str; 3] = ["a", "b", "c"];
const METHODS: [&str; 3] = ["GET", "POST", "PUT"];

fn plain() -> impl Strategy<Value = Plain> {
    let some = || proptest::collection::btree_set(0..3_u8, 1..3);
    let amounts =
        proptest::option::of((0..4_i64, 0..4_i64).prop_map(|(one, two)| (one.min(two), one.max(two))));
    (some(), some(), amounts).prop_map(|(hosts, methods, amounts)| Plain { hosts, methods, amounts })
}

impl Plain {
    fn json(&self) -> String {
        let names = |numbers: &BTreeSet<u8>, names: [&str; 3]| -> Vec<String> {
            numbers.iter().map(|number| format!("\"{}\"", names[usize::from(*number)])).collect()
        };
        let args =
            self.amounts.map(|(low, high)| format!(",\"args\":{{\"amount\":{{\"range\":[{low},{high}]}}}}"));
        format!(
            "{{\"type\":\"execution\",\"hosts\":[{}],\"methods\":[{}],\"paths\":[\"/**\"]{}}}",
            names(&self.hosts, HOSTS).join(","),
            names(&self.methods, METHODS).join(","),
            args.unwrap_or_default()
        )
    }

    fn detail(&self) -> Detail {
        details(&format!("[{}]", self.json())).remove(0)
    }

    /// Every request that it allows, one by one: the independent model.
    fn requests(&self) -> BTreeSet<(u8, u8, i64)> {
        let amounts = self.amounts.map_or(-1..=4, |(low, high)| low..=high);
        let each = |host: u8, method: u8| {
            amounts.clone().map(move |amount| (host, method, amount)).collect::<Vec<_>>()
        };
        self.hosts
            .iter()
            .flat_map(|host| self.methods.iter().flat_map(move |method| each(*host, *method)))
            .collect()
    }
}

fn requests(all: &[Plain]) -> BTreeSet<(u8, u8, i64)> {
    all.iter().flat_map(Plain::requests).collect()
}

/// What a detail of an issued root allows, read back from the root's own words.
fn allowed(details: &[Detail]) -> BTreeSet<(u8, u8, i64)> {
    let number = |name: &str, names: [&str; 3]| {
        u8::try_from(names.iter().position(|known| *known == name).unwrap()).unwrap()
    };
    let mut all = BTreeSet::new();
    for detail in details {
        let amounts = detail.args().next().map(|(_, bound)| bound.clone());
        for host in detail.hosts() {
            for method in detail.methods() {
                for amount in -1..=4_i64 {
                    let is_in = match &amounts {
                        None => true,
                        Some(warrant::Constraint::Range(low, high)) => (low..=high).contains(&&amount),
                        Some(other) => panic!("{other:?}"),
                    };
                    if is_in {
                        all.insert((number(host, HOSTS), number(method, METHODS), amount));
                    }
                }
            }
        }
    }
    all
}

fn limits() -> impl Strategy<Value = GrantLimits> {
    (1..5_u64, proptest::option::of(1..5_u32), 0..4_u64).prop_map(|(lifetime, uses, depth)| GrantLimits {
        lifetime,
        uses,
        depth,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    /// What is issued is never wider than what was asked for, nor than what is permitted, in any dimension.
    #[test]
    fn what_is_issued_is_within_what_is_asked_for_and_permitted(
        grants in proptest::collection::vec((proptest::collection::vec(plain(), 1..3), proptest::collection::btree_set(0..3_u8, 0..3), limits()), 1..4),
        asked in proptest::option::of(proptest::collection::vec(plain(), 1..3)),
        named in proptest::option::of(0..4_usize),
        hosts in proptest::option::of(proptest::collection::btree_set(0..3_u8, 1..3)),
        wanted_limits in (proptest::option::of(1..6_u64), proptest::option::of(1..6_u32), proptest::option::of(0..6_u64)),
    ) {
        let terms: Vec<_> = grants.iter().map(|(plain, regions, _)| GrantTerms {
            details: plain.iter().map(Plain::detail).collect(),
            environment: if regions.is_empty() { vec![] } else { vec![("region".to_owned(), regions.iter().map(u8::to_string).collect())] },
            attestation: None,
        }).collect();
        let permitted: Vec<_> = grants.iter().enumerate().map(|(number, (.., limits))| PermittedGrant {
            policy: format!("issuance/{number}"), grant: number.to_string(), limits: *limits,
        }).collect();
        let wanted = Wanted {
            grant: named.map(|number| number.to_string()),
            details: asked.as_ref().map(|asked| asked.iter().map(Plain::detail).collect()),
            hosts: hosts.as_ref().map(|hosts| hosts.iter().map(|host| HOSTS[usize::from(*host)].to_owned()).collect()),
            lifetime: wanted_limits.0, uses: wanted_limits.1, depth: wanted_limits.2,
        };
        let issued = issue(&wanted, &permitted, |name| terms.get(name.parse::<usize>().unwrap()));
        let Ok(Issue { details, limits, environment, policies, .. }) = issued else { return Ok(()) };
        let used: Vec<_> = policies.iter().map(|id| id.strip_prefix("issuance/").unwrap().parse::<usize>().unwrap()).collect();
        prop_assert!(!used.is_empty());
        let given = allowed(&details);
        prop_assert!(!given.is_empty());
        let permitted_requests: BTreeSet<_> = used.iter().flat_map(|number| requests(&grants[*number].0)).collect();
        prop_assert!(given.is_subset(&permitted_requests));
        if let Some(asked) = &asked {
            prop_assert!(given.is_subset(&requests(asked)));
        }
        if let Some(hosts) = &hosts {
            prop_assert!(given.iter().all(|(host, ..)| hosts.contains(host)));
        }
        if let Some(named) = named {
            prop_assert_eq!(&used, &vec![named]);
        }
        for number in &used {
            let own = grants[*number].2;
            prop_assert!(limits.lifetime <= own.lifetime && limits.depth <= own.depth);
            prop_assert!(own.uses.is_none_or(|most| limits.uses.is_some_and(|uses| uses <= most)));
            let regions = &grants[*number].1;
            let pinned = environment.first().map(|(_, values)| values.iter().map(|value| value.parse::<u8>().unwrap()).collect::<BTreeSet<_>>());
            prop_assert!(regions.is_empty() || pinned.is_some_and(|pinned| !pinned.is_empty() && pinned.is_subset(regions)));
        }
        prop_assert!(wanted.lifetime.is_none_or(|most| limits.lifetime <= most));
        prop_assert!(wanted.depth.is_none_or(|most| limits.depth <= most));
        prop_assert!(wanted.uses.is_none_or(|most| limits.uses.is_some_and(|uses| uses <= most)));
    }
}

#[test]
fn a_fault_in_a_grant_is_not_reported_twice() {
    let mut files = with(&small(""));
    edit(&mut files, "mesh.yaml", "range: [1, 100]", "rang: [1, 100]");
    assert_eq!(faults(&files).len(), 1, "{}", told(&faults(&files)));
}
