//! The names of Cedar entities, made through Cedar's interface and never by pasting text.

use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy::{EntityId, EntityTypeName, EntityUid};

/// A member of every enumeration, because Cedar has no empty ones. No policy may name it.
pub(super) const RESERVED: &str = "-";

/// The types of our entities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Type {
    Action,
    Agent,
    Group,
    Key,
    Posture,
    Route,
}

impl Type {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Action => "Action",
            Self::Agent => "Agent",
            Self::Group => "Group",
            Self::Key => "Key",
            Self::Posture => "Posture",
            Self::Route => "Route",
        }
    }

    /// The entity of this type and name; `None` only if Cedar rejected the name of the type.
    pub(super) fn entity(self, id: &str) -> Option<EntityUid> {
        static TYPES: LazyLock<Vec<Option<EntityTypeName>>> =
            LazyLock::new(|| ALL.iter().map(|kind| EntityTypeName::from_str(kind.name()).ok()).collect());
        let position = ALL.iter().position(|kind| *kind == self)?;
        TYPES.get(position)?.clone().map(|kind| EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
    }
}

const ALL: [Type; 6] = [Type::Action, Type::Agent, Type::Group, Type::Key, Type::Posture, Type::Route];
