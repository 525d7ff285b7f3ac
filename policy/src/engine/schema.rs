//! The Cedar schema of each route, with all names that a policy may use. So a misspelt name is a fault when
//! the bundle is built, and is not silently ignored later.

use std::collections::BTreeSet;

use cedar_policy::Schema;
use serde_json::{Map, Value, json};

use super::names::{KnownNames, RESERVED, Type};
use crate::documents::Posture;
use crate::documents::arguments::{ArgumentType, DeclaredArgument};
use crate::documents::require::Require;

/// The names and types from which a schema is made.
#[derive(Clone, Debug)]
pub(crate) struct Shape<'a> {
    /// The routes that a policy may name.
    pub(crate) routes: Vec<&'a str>,
    /// The groups that a policy may name; `None` if the groups are not known: then it may name any.
    pub(crate) groups: Option<Vec<&'a str>>,
    pub(crate) actions: BTreeSet<&'a str>,
    /// Whether a delegated key may be the principal.
    pub(crate) has_keys: bool,
    /// What only a route's own policies can read; `None` for mesh-wide policies.
    pub(crate) own: Option<Own<'a>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Own<'a> {
    pub(crate) args: &'a [DeclaredArgument],
    pub(crate) environment: Vec<&'a str>,
    pub(crate) conditions: Vec<&'a str>,
}

impl<'a> Own<'a> {
    /// Of a route with these arguments and requirements.
    pub(crate) fn of(args: &'a [DeclaredArgument], require: &'a Require) -> Self {
        Self {
            args,
            environment: require.environment.iter().map(|(key, _)| key.as_str()).collect(),
            conditions: require.conditions.iter().map(|condition| condition.name.as_str()).collect(),
        }
    }
}

impl<'a> Shape<'a> {
    /// The shape of one route.
    pub(crate) fn of_route(
        name: &'a str,
        groups: Option<Vec<&'a str>>,
        actions: BTreeSet<&'a str>,
        has_keys: bool,
        own: Own<'a>,
    ) -> Self {
        Self { routes: vec![name], groups, actions, has_keys, own: Some(own) }
    }

    pub(super) fn schema(&self) -> Result<Schema, String> {
        Schema::from_json_value(self.to_json()).map_err(|error| error.to_string())
    }

    /// The names that its policies may use.
    pub(super) fn names(&self) -> KnownNames<'a> {
        KnownNames {
            types: &[Type::Agent, Type::Group, Type::Key, Type::Posture, Type::Route],
            members: vec![
                (Type::Action, self.actions.iter().copied().collect()),
                (Type::Group, self.groups.clone().unwrap_or_default()),
                (Type::Route, self.routes.clone()),
                (Type::Posture, Posture::ALL.into_iter().map(Posture::name).collect()),
            ],
        }
    }

    /// As Cedar's JSON. It is made of values, so that a name in it can never be read as anything else.
    pub(crate) fn to_json(&self) -> Value {
        let holders = json!({"memberOfTypes": ["Group"]});
        let entities = json!({
            "Agent": holders, "Key": holders,
            "Group": match &self.groups {
                Some(groups) => json!({"enum": with_reserved(groups.iter().copied())}),
                None => json!({}),
            },
            "Route": {"enum": with_reserved(self.routes.iter().copied())},
            "Posture": {"enum": with_reserved(Posture::ALL.into_iter().map(Posture::name))},
        });
        let principals = if self.has_keys { json!(["Agent", "Key"]) } else { json!(["Agent"]) };
        let applies =
            json!({"principalTypes": principals, "resourceTypes": ["Route"], "context": self.context()});
        let actions: Map<_, _> =
            self.actions.iter().map(|action| ((*action).to_owned(), json!({"appliesTo": applies}))).collect();
        json!({"": {"entityTypes": entities, "actions": actions}})
    }

    fn context(&self) -> Value {
        let mut members = Map::new();
        members.insert("posture".to_owned(), entity(Type::Posture));
        members.insert("now".to_owned(), json!({"type": "Extension", "name": "datetime"}));
        members.insert("warrant".to_owned(), warrant());
        for name in ["method", "host", "path"] {
            members.insert(name.to_owned(), string());
        }
        if let Some(own) = &self.own {
            members.insert(
                "args".to_owned(),
                record(own.args.iter().map(|argument| (argument.name.as_str(), argument_type(argument)))),
            );
            members
                .insert("environment".to_owned(), record(own.environment.iter().map(|key| (*key, string()))));
            members
                .insert("conditions".to_owned(), record(own.conditions.iter().map(|key| (*key, string()))));
        }
        json!({"type": "Record", "attributes": members})
    }
}

pub(super) fn with_reserved<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    std::iter::once(RESERVED).chain(names).collect()
}

pub(super) fn entity(kind: Type) -> Value {
    json!({"type": "Entity", "name": kind.name()})
}

pub(super) fn string() -> Value {
    json!({"type": "String"})
}

pub(super) fn record<'a>(members: impl Iterator<Item = (&'a str, Value)>) -> Value {
    let members: Map<_, _> = members.map(|(name, kind)| (name.to_owned(), kind)).collect();
    json!({"type": "Record", "attributes": members})
}

pub(super) fn optional(mut kind: Value) -> Value {
    if let Value::Object(members) = &mut kind {
        members.insert("required".to_owned(), Value::Bool(false));
    }
    kind
}

fn argument_type(argument: &DeclaredArgument) -> Value {
    let kind = match argument.kind {
        ArgumentType::Long | ArgumentType::Natural => json!({"type": "Long"}),
        ArgumentType::String => string(),
        ArgumentType::Bool => json!({"type": "Boolean"}),
        ArgumentType::Strings => json!({"type": "Set", "element": string()}),
    };
    if argument.is_optional { optional(kind) } else { kind }
}

fn warrant() -> Value {
    let attr = ["run", "agent", "purpose"].map(|name| (name, optional(string())));
    record(
        [
            ("depth", json!({"type": "Long"})),
            ("issuer", string()),
            ("root", entity(Type::Agent)),
            ("started_by", optional(record([("iss", string()), ("sub", string())].into_iter()))),
            ("attr", record(attr.into_iter())),
        ]
        .into_iter(),
    )
}
