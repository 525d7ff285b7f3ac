//! The names of Cedar entities, made through Cedar's interface and never by pasting text.

use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy::{EntityId, EntityTypeName, EntityUid};

/// A member of every enumeration, because Cedar has no empty ones. No policy may name it.
pub(super) const RESERVED: &str = "-";

/// The names that a text may use, to suggest the one that was probably meant.
#[derive(Clone, Debug)]
pub(super) struct KnownNames<'a> {
    pub(super) types: &'a [Type],
    /// The members of actions and of enumerations.
    pub(super) members: Vec<(Type, Vec<&'a str>)>,
}

impl<'a> KnownNames<'a> {
    pub(super) fn members(&self, of: Type) -> impl Iterator<Item = &'a str> {
        self.members.iter().filter(move |(kind, _)| *kind == of).flat_map(|(_, names)| names.iter().copied())
    }
}

/// The types of our entities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Type {
    Action,
    Agent,
    Environment,
    Group,
    Issuer,
    Key,
    Kind,
    Mesh,
    Person,
    Posture,
    Route,
    Team,
}

impl Type {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Action => "Action",
            Self::Agent => "Agent",
            Self::Environment => "Environment",
            Self::Group => "Group",
            Self::Issuer => "Issuer",
            Self::Key => "Key",
            Self::Kind => "Kind",
            Self::Mesh => "Mesh",
            Self::Person => "Person",
            Self::Posture => "Posture",
            Self::Route => "Route",
            Self::Team => "Team",
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

const ALL: [Type; 12] = [
    Type::Action,
    Type::Agent,
    Type::Environment,
    Type::Group,
    Type::Issuer,
    Type::Key,
    Type::Kind,
    Type::Mesh,
    Type::Person,
    Type::Posture,
    Type::Route,
    Type::Team,
];
