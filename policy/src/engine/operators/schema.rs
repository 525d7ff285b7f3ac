//! The Cedar schema of `operators.cedar`: principals, resources, actions, and the members of each call.

use std::collections::BTreeSet;

use cedar_policy::Schema;
use serde_json::{Map, Value, json};
use warrant::RevocationKind;

use super::super::names::{KnownNames, Type};
use super::super::schema::{entity, record, string, with_reserved};
use super::compile::OperatorNames;
use crate::documents::operators::{OperatorAction, Stance};

/// The types that its policies may name.
const TYPES: &[Type] = &[
    Type::Agent,
    Type::Environment,
    Type::Group,
    Type::Issuer,
    Type::Kind,
    Type::Mesh,
    Type::Person,
    Type::Posture,
    Type::Route,
    Type::Team,
];

impl<'a> OperatorNames<'a> {
    pub(super) fn schema(&self) -> Result<Schema, String> {
        Schema::from_json_value(self.to_json()).map_err(|error| error.to_string())
    }

    /// The names that its policies may use.
    pub(super) fn known(&self) -> KnownNames<'a> {
        let some = |names: &Option<Vec<&'a str>>| names.clone().unwrap_or_default();
        KnownNames {
            types: TYPES,
            members: vec![
                (Type::Action, words(OperatorAction::ALL, OperatorAction::word)),
                (Type::Group, some(&self.groups)),
                (Type::Issuer, some(&self.issuers)),
                (Type::Kind, words(RevocationKind::ALL, RevocationKind::word)),
                (Type::Mesh, self.mesh.into_iter().collect()),
                (Type::Posture, words(Stance::ALL, Stance::word)),
                (
                    Type::Route,
                    self.routes
                        .iter()
                        .map(|(name, _)| *name)
                        .chain(self.unread_routes.iter().copied())
                        .collect(),
                ),
                (Type::Team, some(&self.teams)),
            ],
        }
    }

    /// As Cedar's JSON. What is not known is open, so that a fault elsewhere is not reported here too.
    pub(crate) fn to_json(&self) -> Value {
        let callers = json!({"memberOfTypes": ["Group"]});
        let one_of = |names: Option<Vec<&str>>| match names {
            Some(names) => json!({"enum": names}),
            None => json!({}),
        };
        let route = record([("team", entity(Type::Team))].into_iter());
        let teams = self.teams.as_ref().map(|teams| with_reserved(teams.iter().copied()));
        let entities = json!({
            "Agent": callers, "Person": callers,
            // Groups come with tokens, so nobody knows them all.
            "Group": {},
            "Mesh": one_of(self.mesh.map(|mesh| vec![mesh])),
            "Environment": {}, "Issuer": {},
            "Route": {"shape": route},
            "Team": one_of(teams.map(|teams| teams.into_iter().collect::<BTreeSet<_>>().into_iter().collect())),
            "Posture": one_of(Some(words(Stance::ALL, Stance::word))),
            "Kind": one_of(Some(words(RevocationKind::ALL, RevocationKind::word))),
        });
        let actions: Map<_, _> = OperatorAction::ALL
            .iter()
            .map(|action| (action.word().to_owned(), json!({"appliesTo": applies_to(*action)})))
            .collect();
        json!({"": {"entityTypes": entities, "actions": actions}})
    }
}

fn applies_to(action: OperatorAction) -> Value {
    let resources: &[Type] = match action {
        OperatorAction::Revoke => &[Type::Mesh, Type::Issuer],
        OperatorAction::SetPosture => &[Type::Mesh, Type::Environment, Type::Route, Type::Issuer],
        OperatorAction::ReadDecisions | OperatorAction::ReadLineages => &[Type::Mesh, Type::Route],
        OperatorAction::Reinstate
        | OperatorAction::ReadEntries
        | OperatorAction::ReadProxies
        | OperatorAction::ReadFacts => &[Type::Mesh],
    };
    let resources: Vec<_> = resources.iter().map(|kind| kind.name()).collect();
    json!({"principalTypes": ["Agent", "Person"], "resourceTypes": resources, "context": context(action)})
}

/// The members of a call.
fn context(action: OperatorAction) -> Value {
    let members = match action {
        OperatorAction::Revoke | OperatorAction::Reinstate => {
            vec![("kind", entity(Type::Kind)), ("value", string()), ("reason", string())]
        }
        OperatorAction::SetPosture => vec![("stance", entity(Type::Posture)), ("reason", string())],
        OperatorAction::ReadDecisions
        | OperatorAction::ReadLineages
        | OperatorAction::ReadEntries
        | OperatorAction::ReadProxies
        | OperatorAction::ReadFacts => Vec::new(),
    };
    record(members.into_iter())
}

fn words<T: Copy>(all: &[T], word: impl Fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|one| word(*one)).collect()
}
