//! Whether a question has the shape for which a route's policies were validated.
//!
//! Cedar would ask the same of its schema, by building and walking a typed copy of every value: half of what a judgement
//! costs. Our values have their types already, so only names and kinds are left to compare; a property test holds the two
//! to the same answer.

use std::collections::{BTreeMap, BTreeSet};

use super::ask::{Asked, Principal};
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
    /// `None` for a shape that is no route's.
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

    pub(super) fn admits(&self, asked: &Asked<'_>) -> bool {
        let is_kind = |(name, value): (&str, &ArgumentValue)| {
            self.args.get(name).is_some_and(|(kind, _)| is_of(value, *kind))
        };
        let is_there = |(name, (_, is_optional)): (&String, &(ArgumentType, bool))| {
            *is_optional || asked.args.iter().any(|(given, _)| given == name)
        };
        self.actions.contains(asked.action)
            && (self.has_keys || matches!(asked.principal, Principal::Agent(_)))
            && asked.args.iter().all(is_kind)
            && self.args.iter().all(is_there)
            && asked.environment.keys().eq(&self.environment)
            && asked.conditions.keys().eq(&self.conditions)
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

    use super::super::context::{context, principal};
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
        fn it_admits_what_the_schema_admits(
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
            ask.with(|asked| {
                let asked = Asked { action, args: &args, environment: &environment, conditions: &conditions, ..*asked };
                let fit = bundle.route_named("pay").unwrap().slice().fit.admits(&asked);
                let request = Request::new(
                    principal(&asked).unwrap(),
                    Type::Action.entity(action).unwrap(),
                    Type::Route.entity("pay").unwrap(),
                    Context::from_pairs(context(&asked).unwrap()).unwrap(),
                    Some(&schema),
                );
                prop_assert_eq!(fit, request.is_ok(), "{:?}: {:?}", asked, request.err().map(|e| e.to_string()));
                Ok(())
            })?;
        }
    }
}
