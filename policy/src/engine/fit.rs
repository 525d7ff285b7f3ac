//! Checks that a question has the shape for which a route's policies were validated.
//!
//! Cedar can check this against its schema, but it builds and walks a typed copy of every value: half the
//! cost of a judgement. Our values already have their types, so only names and kinds have to be compared. A
//! property test ensures that both give the same answer.

use std::collections::{BTreeMap, BTreeSet};

use super::ask::{PolicyQuery, Principal};
use super::schema::Shape;
use crate::arguments::ArgumentValue;
use crate::documents::arguments::ArgumentType;

#[derive(Debug)]
pub(super) struct Fit {
    actions: BTreeSet<String>,
    has_keys: bool,
    /// Each with its type, and whether it may be absent.
    args: BTreeMap<String, (ArgumentType, bool)>,
    environment: BTreeSet<String>,
    conditions: BTreeSet<String>,
}

impl Fit {
    /// `None` for the mesh-wide shape, which is not of one route.
    pub(super) fn of(shape: &Shape<'_>) -> Option<Fit> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let own = shape.own.as_ref()?;
        let args = own.args.iter();
        Some(Fit {
            actions: shape.actions.iter().map(|action| (*action).to_owned()).collect(),
            has_keys: shape.has_keys,
            args: args.map(|arg| (arg.name.clone(), (arg.kind, arg.is_optional))).collect(),
            environment: owned(&own.environment),
            conditions: owned(&own.conditions),
        })
    }

    pub(super) fn admits(&self, query: &PolicyQuery<'_>) -> bool {
        let has_its_type = |(name, value): (&str, &ArgumentValue)| {
            self.args.get(name).is_some_and(|(kind, _)| is_of(value, *kind))
        };
        let is_present = |(name, (_, is_optional)): (&String, &(ArgumentType, bool))| {
            *is_optional || query.args.iter().any(|(given, _)| given == name)
        };
        self.actions.contains(query.action)
            && (self.has_keys || matches!(query.principal, Principal::Agent(_)))
            && query.args.iter().all(has_its_type)
            && self.args.iter().all(is_present)
            && query.environment.keys().eq(&self.environment)
            && query.conditions.keys().eq(&self.conditions)
    }
}

fn is_of(value: &ArgumentValue, kind: ArgumentType) -> bool {
    match value {
        ArgumentValue::Long(_) => matches!(kind, ArgumentType::Long | ArgumentType::Natural),
        ArgumentValue::Text(_) => kind == ArgumentType::String,
        ArgumentValue::Bool(_) => kind == ArgumentType::Bool,
        ArgumentValue::Texts(_) => kind == ArgumentType::Strings,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use cedar_policy::{Context, Request, Schema};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::context::{context, now, principal};
    use super::super::names::Type;
    use super::*;
    use crate::tests::fixture::{Ask, PAY_FILE, bundle, edited};

    const CALLERS: &str = "callers: [\"group:payments-agents\"]";
    const ARGS: &str = "args:
    num: {from: body:/n, type: natural}
    text: {from: body:/t, type: string, optional: true}
    flag: {from: body:/b, type: bool, optional: true}
    set: {from: body:/s, type: strings, optional: true}
  ";

    fn values() -> impl Strategy<Value = BTreeMap<String, ArgumentValue>> {
        let value = prop_oneof![
            any::<i64>().prop_map(ArgumentValue::Long),
            ".{0,4}".prop_map(ArgumentValue::Text),
            any::<bool>().prop_map(ArgumentValue::Bool),
            vec(".{0,2}", 0..3).prop_map(ArgumentValue::Texts),
        ];
        vec((select(vec!["num", "text", "flag", "set", "other"]), value), 0..5)
            .prop_map(|all| all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn names() -> impl Strategy<Value = BTreeMap<String, String>> {
        vec(select(vec!["region", "zone"]), 0..3)
            .prop_map(|all| all.into_iter().map(|name| (name.to_owned(), "x".to_owned())).collect())
    }

    proptest! {
        #[test]
        fn it_admits_exactly_what_the_schema_admits(
            holder in select(vec!["mtls", "proof"]),
            is_key in any::<bool>(),
            action in select(vec!["POST", "GET"]),
            args in values(),
            mut environment in names(),
            mut conditions in names(),
            usual in any::<bool>(),
        ) {
            if usual {
                environment = [("region".to_owned(), "eu-1".to_owned())].into();
                conditions = [("zone".to_owned(), "open".to_owned())].into();
            }
            let mut files = edited(PAY_FILE, CALLERS, &format!("{ARGS}{CALLERS}"));
            let require = format!("holder: {holder}, environment: {{region: [eu-1]}}, conditions: [{{name: zone, equals: open, maxAge: 5m}}],");
            crate::tests::fixture::edit(&mut files, PAY_FILE, "holder: mtls,", &require);
            let bundle = bundle(&files);
            let schema = Schema::from_json_value(crate::authoring::View::of(&bundle).schema("pay").unwrap()).unwrap();
            let who = "somebody".to_owned();
            let ask = Ask::by(if is_key { Principal::Key(who) } else { Principal::Agent(who) });
            let args = args.into_iter().collect();
            ask.with(|query| {
                let query = PolicyQuery { action, args: &args, environment: &environment, conditions: &conditions, ..*query };
                let fit = bundle.route_named("pay").unwrap().slice().fit.admits(&query);
                let request = Request::new(
                    principal(&query).unwrap(),
                    Type::Action.entity(action).unwrap(),
                    Type::Route.entity("pay").unwrap(),
                    Context::from_pairs(context(&query).unwrap().into_iter().chain([now(&query)])).unwrap(),
                    Some(&schema),
                );
                prop_assert_eq!(fit, request.is_ok(), "{:?}: {:?}", query, request.err().map(|e| e.to_string()));
                Ok(())
            })?;
        }
    }
}
