//! The Cedar schema of `issuance.cedar`: one action, the holder, and what is known of the request.

use cedar_policy::Schema;
use serde_json::{Value, json};

use super::compile::IssuanceNames;
use crate::documents::Posture;
use crate::engine::names::{KnownNames, Type};
use crate::engine::schema::{entity, optional, record, string, with_reserved};

/// The one action.
pub(super) const ISSUE: &str = "issue";

const TYPES: &[Type] = &[Type::Agent, Type::Group, Type::Mesh, Type::Posture];

impl<'a> IssuanceNames<'a> {
    pub(super) fn schema(&self) -> Result<Schema, String> {
        Schema::from_json_value(self.to_json()).map_err(|error| error.to_string())
    }

    /// The names that its policies may use.
    pub(super) fn known(&self) -> KnownNames<'a> {
        KnownNames {
            types: TYPES,
            members: vec![
                (Type::Action, vec![ISSUE]),
                (Type::Group, self.groups.clone().unwrap_or_default()),
                (Type::Mesh, self.mesh.into_iter().collect()),
                (Type::Posture, Posture::ALL.into_iter().map(Posture::name).collect()),
            ],
        }
    }

    /// As Cedar's JSON. What is not known is open, so that a fault elsewhere is not reported here too.
    pub(super) fn to_json(&self) -> Value {
        let entities = json!({
            "Agent": {"memberOfTypes": ["Group"]},
            "Group": match &self.groups {
                Some(groups) => json!({"enum": with_reserved(groups.iter().copied())}),
                None => json!({}),
            },
            "Mesh": match self.mesh {
                Some(mesh) => json!({"enum": [mesh]}),
                None => json!({}),
            },
            "Posture": {"enum": with_reserved(Posture::ALL.into_iter().map(Posture::name))},
        });
        let applies = json!({"principalTypes": ["Agent"], "resourceTypes": ["Mesh"], "context": context()});
        let actions = json!({ISSUE: {"appliesTo": applies}});
        json!({"": {"entityTypes": entities, "actions": actions}})
    }
}

fn context() -> Value {
    let starter =
        record([("iss", string()), ("sub", string()), ("may_act", json!({"type": "Boolean"}))].into_iter());
    let members = [
        ("cnf", string()),
        ("now", json!({"type": "Extension", "name": "datetime"})),
        ("posture", entity(Type::Posture)),
        ("roots", json!({"type": "Long"})),
        ("starter", optional(starter)),
        ("token", optional(record([("iss", string())].into_iter()))),
    ];
    record(members.into_iter())
}
