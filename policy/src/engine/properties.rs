//! Properties of a decision, for random policies and questions. A failure prints its seed.

use std::fmt::Write as _;

use cedar_policy::{Authorizer, Decision, PolicySet};
use proptest::prelude::*;

use super::ask::Principal;
use super::{context, stack};
use crate::arguments::{ArgumentValue, Arguments};
use crate::tests::fixture::{Ask, PAY, PAY_FILE, bundle, edit, files};
use crate::{Bundle, NotPermitted, Permitted, Posture};

/// Conditions that hold, do not hold, or fail, depending on the question.
const CONDITIONS: &[&str] = &[
    "context.args.amount > 10",
    "context.args.amount < 100",
    "context.args.amount * 9223372036854775807 > 0",
    "context.warrant.depth == 0",
    "context.posture == Posture::\"restricted\"",
    "context.warrant.root in Group::\"payments-agents\"",
    "context.args has note && context.args.note == \"x\"",
    "context.path like \"/v1/*\"",
];

const SCOPES: &[&str] =
    &["principal", "principal in Group::\"payments-agents\"", "principal == Agent::\"agent:a\""];

#[derive(Clone, Debug)]
struct Drawn {
    permits: bool,
    scope: usize,
    condition: usize,
    is_unless: bool,
}

impl Drawn {
    fn text(&self, id: usize) -> String {
        let effect = if self.permits { "permit" } else { "forbid" };
        let keyword = if self.is_unless { "unless" } else { "when" };
        format!(
            "@id(\"p{id}\") {effect} ({}, action, resource) {keyword} {{ {} }};",
            SCOPES[self.scope], CONDITIONS[self.condition]
        )
    }
}

fn drawn() -> impl Strategy<Value = Drawn> {
    (any::<bool>(), 0..SCOPES.len(), 0..CONDITIONS.len(), any::<bool>())
        .prop_map(|(permits, scope, condition, is_unless)| Drawn { permits, scope, condition, is_unless })
}

#[derive(Clone, Debug)]
struct DrawnQuestion {
    who: usize,
    amount: i64,
    note: Option<&'static str>,
    is_restricted: bool,
}

fn question() -> impl Strategy<Value = DrawnQuestion> {
    let note = prop_oneof![Just(None), Just(Some("x")), Just(Some("y"))];
    (0_usize..3, 0_i64..200, note, any::<bool>())
        .prop_map(|(who, amount, note, is_restricted)| DrawnQuestion { who, amount, note, is_restricted })
}

impl DrawnQuestion {
    fn ask(&self, route: &'static str) -> Ask {
        let who = ["agent:a", "spiffe://shop/ns/shop/sa/payer", "agent:stranger"][self.who];
        let posture = if self.is_restricted { Posture::Restricted } else { Posture::Normal };
        let mut args: Vec<_> = vec![("amount".to_owned(), ArgumentValue::Long(self.amount))];
        args.extend(self.note.map(|note| ("note".to_owned(), ArgumentValue::Text(note.to_owned()))));
        Ask {
            route,
            posture,
            root: who,
            args: args.into_iter().collect::<Arguments>(),
            ..Ask::by(Principal::Agent(who.to_owned()))
        }
    }
}

const NAMES: [&str; 3] = ["pay", "route-1", "route-2"];

/// A bundle of three routes with these policies, and one caller each.
fn with(policies: [&[(usize, Drawn)]; 3]) -> Bundle {
    let mut files = files();
    let args = "args: {amount: {from: body:/amount, type: natural}, note: {from: body:/note, type: string, optional: true}}";
    for (name, policies) in NAMES.into_iter().zip(policies) {
        let mut members = format!("{args}\n  callers: [\"agent:a\"]");
        if !policies.is_empty() {
            members.push_str("\n  policy: |");
        }
        for (id, policy) in policies {
            write!(members, "\n    {}", policy.text(*id)).unwrap();
        }
        let text = PAY
            .replace("callers: [\"group:payments-agents\"]", &members)
            .replace("name: pay", &format!("name: {name}"));
        let text = if name == "pay" { text } else { text.replace("/v1/payments/", &format!("/v1/{name}/")) };
        let file = if name == "pay" { PAY_FILE.to_owned() } else { format!("routes/platform/{name}.yaml") };
        files.insert(file, text.into_bytes());
    }
    edit(
        &mut files,
        "mesh.cedar",
        "// nothing",
        "@id(\"frozen\") forbid (principal, action, resource) when { context.posture == Posture::\"restricted\" && context.warrant.depth > 3 };\n// nothing",
    );
    bundle(&files)
}

fn numbered(drawn: &[Drawn]) -> Vec<(usize, Drawn)> {
    drawn.iter().cloned().enumerate().collect()
}

/// Cedar's answer when it is given every policy of every route at once.
fn unsliced(
    bundle: &Bundle,
    question: &DrawnQuestion,
    route: &'static str,
) -> (bool, Vec<String>, Vec<String>) {
    let all: std::collections::BTreeMap<_, _> = bundle
        .routes()
        .iter()
        .flat_map(|route| route.slice().policies.policies())
        .map(|policy| (policy.id().to_string(), policy.clone()))
        .collect();
    let set = PolicySet::from_policies(all.into_values()).unwrap();
    let found = bundle.route_named(route).unwrap();
    let answer = stack::on_a_deep_stack(|| {
        question.ask(route).with(|query| {
            let (request, entities) = context::request(found.slice(), route, &bundle.groups, query).unwrap();
            let response = Authorizer::new().is_authorized(&request, &set, &entities);
            let mut reasons: Vec<_> = response.diagnostics().reason().map(ToString::to_string).collect();
            let mut errors: Vec<_> =
                response.diagnostics().errors().map(|error| super::decide::error_of(error).0).collect();
            reasons.sort();
            errors.sort();
            (response.decision() == Decision::Allow, reasons, errors)
        })
    });
    answer.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn sliced_and_unsliced_answer_alike(one in prop::collection::vec(drawn(), 0..4), two in prop::collection::vec(drawn(), 0..4), three in prop::collection::vec(drawn(), 0..4), questions in prop::collection::vec(question(), 8)) {
        let bundle = with([&numbered(&one), &numbered(&two), &numbered(&three)]);
        for question in &questions {
            for route in NAMES {
                let (allows, reasons, errors) = unsliced(&bundle, question, route);
                match question.ask(route).of(&bundle) {
                    Ok(decided) => prop_assert_eq!((true, decided.policies, vec![]), (allows, reasons, errors)),
                    Err(refused) if errors.is_empty() => prop_assert_eq!((false, refused.policies), (allows, reasons)),
                    Err(refused) => prop_assert_eq!((refused.denial, refused.policies), (warrant::Denial::PolicyError, errors)),
                }
            }
        }
    }

    #[test]
    fn one_more_forbid_never_allows_more(policies in prop::collection::vec(drawn(), 0..4), more in drawn(), questions in prop::collection::vec(question(), 12)) {
        let forbid = Drawn { permits: false, ..more };
        let (base, added) = (numbered(&policies), [numbered(&policies), vec![(99, forbid)]].concat());
        let (base, added) = (with([&base, &[], &[]]), with([&added, &[], &[]]));
        for question in &questions {
            let before: Result<Permitted, NotPermitted> = question.ask("pay").of(&base);
            let after: Result<Permitted, NotPermitted> = question.ask("pay").of(&added);
            prop_assert!(before.is_ok() || after.is_err(), "{:?} became {:?}", before, after);
        }
    }

    #[test]
    fn the_order_of_policies_does_not_matter(policies in prop::collection::vec(drawn(), 1..6), questions in prop::collection::vec(question(), 12)) {
        let forward = numbered(&policies);
        let backward: Vec<_> = forward.iter().rev().cloned().collect();
        let (one, other) = (with([&forward, &[], &[]]), with([&backward, &[], &[]]));
        for question in &questions {
            prop_assert_eq!(format!("{:?}", question.ask("pay").of(&one)), format!("{:?}", question.ask("pay").of(&other)));
        }
    }
}
