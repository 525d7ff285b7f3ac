//! A call of the API, as `operators.cedar` and its tests see it: closed lists of words, and one value for the question.

use warrant::RevocationKind;

use super::scalars;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OperatorPrincipal {
    /// A workload, by the SPIFFE ID of its certificate.
    Agent(String),
    /// A person or service by token, `<iss>|<sub>`, or `local` for the server's Unix socket.
    Person(String),
}

impl OperatorPrincipal {
    /// The caller with this name: a workload has a SPIFFE ID, a person or service is `<iss>|<sub>` or `local`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if scalars::is_spiffe_id(name) {
            return Some(Self::Agent(name.to_owned()));
        }
        let is_person = name == "local"
            || name.split_once('|').is_some_and(|(iss, sub)| !iss.is_empty() && !sub.is_empty());
        is_person.then(|| Self::Person(name.to_owned()))
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Agent(name) | Self::Person(name) => name,
        }
    }
}

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($variant),+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

words! {
    /// What a caller may be permitted to do.
    OperatorAction {
        Revoke = "revoke",
        Reinstate = "reinstate",
        SetPosture = "set-posture",
        ReadDecisions = "read-decisions",
        ReadLineages = "read-lineages",
        ReadEntries = "read-entries",
        ReadProxies = "read-proxies",
        ReadFacts = "read-facts",
    }
}

words! {
    /// How much a scope is to allow. `halted` denies before any policy is asked, so only operators' policies see it.
    Stance { Normal = "normal", Restricted = "restricted", Halted = "halted" }
}

impl OperatorAction {
    /// Whether it only reads.
    pub const fn reads(self) -> bool {
        match self {
            Self::Revoke | Self::Reinstate | Self::SetPosture => false,
            Self::ReadDecisions
            | Self::ReadLineages
            | Self::ReadEntries
            | Self::ReadProxies
            | Self::ReadFacts => true,
        }
    }
}

/// Whether a call can only tighten. While no bundle is in force, only such calls and reads are permitted. A stance is
/// judged alone: from `halted` to `restricted` loosens, which the call shows by naming what it replaces.
pub const fn tightens(action: OperatorAction, stance: Option<Stance>) -> bool {
    match action {
        OperatorAction::Revoke => true,
        OperatorAction::SetPosture => matches!(stance, Some(Stance::Restricted | Stance::Halted)),
        OperatorAction::Reinstate
        | OperatorAction::ReadDecisions
        | OperatorAction::ReadLineages
        | OperatorAction::ReadEntries
        | OperatorAction::ReadProxies
        | OperatorAction::ReadFacts => false,
    }
}

/// What the call is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OperatorResource {
    Mesh,
    /// One value of a dimension: `<dimension>=<value>`.
    Environment(String),
    /// A route by its name.
    Route(String),
    /// An issuer of warrants, by its `iss`.
    Issuer(String),
}

impl OperatorResource {
    /// The resource that a test writes: `mesh`, `environment:<dimension>=<value>`, `route:<name>` or `issuer:<iss>`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text == "mesh" {
            return Some(Self::Mesh);
        }
        let (kind, name) = text.split_once(':').filter(|(_, name)| !name.is_empty())?;
        match kind {
            "environment" => name.contains('=').then(|| Self::Environment(name.to_owned())),
            "route" => Some(Self::Route(name.to_owned())),
            "issuer" => Some(Self::Issuer(name.to_owned())),
            _ => None,
        }
    }
}

/// The call's own members. A call has exactly those of its action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperatorContext {
    /// What is revoked or reinstated.
    pub kind: Option<RevocationKind>,
    /// Its path, thumbprint, lineage or holder.
    pub value: Option<String>,
    /// The posture that is set.
    pub stance: Option<Stance>,
    pub reason: Option<String>,
}

/// The question whether a caller may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorQuery {
    pub principal: OperatorPrincipal,
    /// The names of the groups that came with the caller's token, `<iss>|<value>`. The groups of `identities.yaml` are added.
    pub groups: Vec<String>,
    pub action: OperatorAction,
    pub resource: OperatorResource,
    pub context: OperatorContext,
}
