//! The closed set of entries: what they hold, and their one canonical form.
//!
//! An entry of an unknown kind, or with a member too many or too few, is not read: a record that some readers understand
//! and others skip is no record.

mod act;
pub(crate) mod concern;
mod decision;
mod fact;
pub(crate) mod form;
mod life;
mod list;
pub(crate) mod shape;
mod value;

use serde::Deserialize;

pub use act::{Denials, Issued, Outcome, Ungoverned};
pub use concern::concerns;
pub use content_digest::Digest;
pub use decision::{
    Answer, Burn, Burned, Checks, Condition, Decision, Details, Link, Measured, Person, Policy, Request,
    Verdict,
};
pub use fact::{Activation, Attestation, Posture, Reinstate, Revocation, State};
pub use form::{ENTRY_BYTES_AT_MOST, Stamps};
pub use life::{Archived, Gap, Init, Predecessor, Start, Stop};
pub use list::table;
pub use value::{Json, Nonce, Revoked, Scope, Stance, Text, from_hex, to_hex};

use crate::canonical::NotCanonical;
use form::{Draft, Kind};
use shape::Object;

macro_rules! entries {
    ($( $(#[doc = $doc:literal])+ $name:ident($type:ident), )+) => {
        /// One entry of the ledger, without its stamps.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[expect(clippy::large_enum_variant, reason = "nearly every entry is of the largest kind, a decision")]
        pub enum Entry { $( $(#[doc = $doc])+ $name($type), )+ }

        impl Entry {
            /// `name/1`.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self { $( Self::$name(_) => $type::KIND, )+ }
            }

            pub(crate) fn draft(&self, nonce: Nonce) -> Result<Draft, NotCanonical> {
                match self { $( Self::$name(entry) => Draft::new(entry, nonce), )+ }
            }

            /// Reads an entry from exactly its canonical bytes.
            pub fn read(bytes: &[u8]) -> Result<(Stamps, Self), NotCanonical> {
                // A wrong guess reads as nothing, and is asked again of the parser: it saves a pass over the entry.
                if let Some(found) = guess(bytes).and_then(|kind| Self::read_as(kind, bytes)).and_then(Result::ok) {
                    return Ok(found);
                }
                let kind = kind_of(bytes)?;
                Self::read_as(kind.as_bytes(), bytes)
                    .unwrap_or_else(|| Err(NotCanonical::new(format!("unknown kind `{kind}`"))))
            }

            fn read_as(kind: &[u8], bytes: &[u8]) -> Option<Result<(Stamps, Self), NotCanonical>> {
                $( if kind == $type::KIND.as_bytes() {
                    return Some(form::read::<$type>(bytes).map(|(stamps, entry)| (stamps, Self::$name(entry))));
                } )+
                None
            }

            pub(crate) fn describe() -> (Vec<Object>, Vec<Object>) {
                let mut objects = Vec::new();
                let kinds = vec![$( $type::describe(&mut objects) ),+];
                (kinds, objects)
            }
        }

        $( impl From<$type> for Entry {
            fn from(entry: $type) -> Self { Self::$name(entry) }
        } )+
    };
}

entries! {
    /// The log begins.
    Init(Init),
    /// A server begins to write.
    Start(Start),
    /// A server ended as it should.
    Stop(Stop),
    /// One request was decided.
    Decision(Decision),
    /// Many requests were denied.
    Denials(Denials),
    /// A root warrant was issued.
    Issued(Issued),
    /// Something was revoked.
    Revocation(Revocation),
    /// A revocation ended.
    Reinstate(Reinstate),
    /// A workload was attested.
    Attestation(Attestation),
    /// A condition of an environment was stated.
    Condition(State),
    /// How much is allowed at all was changed.
    Posture(Posture),
    /// A policy bundle became the active one.
    Activation(Activation),
    /// What became of a forwarded request.
    Outcome(Outcome),
    /// A request reached an upstream without a decision.
    Ungoverned(Ungoverned),
    /// What was refused while nothing could be recorded.
    Gap(Gap),
    /// Old bundles went to the archive.
    Archived(Archived),
}

impl Entry {
    /// The canonical bytes with these stamps.
    pub fn to_bytes(&self, stamps: Stamps) -> Result<Vec<u8>, NotCanonical> {
        let mut bytes = Vec::new();
        self.draft(stamps.nonce)?.stamp(stamps.time, &mut bytes);
        Ok(bytes)
    }

    /// Whether this changes what may be decided: it is acknowledged only once it is promised never to be forgotten.
    #[must_use]
    pub fn is_fact(&self) -> bool {
        match self {
            Self::Revocation(_)
            | Self::Reinstate(_)
            | Self::Attestation(_)
            | Self::Condition(_)
            | Self::Posture(_)
            | Self::Activation(_) => true,
            Self::Init(_)
            | Self::Start(_)
            | Self::Stop(_)
            | Self::Decision(_)
            | Self::Denials(_)
            | Self::Issued(_)
            | Self::Outcome(_)
            | Self::Ungoverned(_)
            | Self::Gap(_)
            | Self::Archived(_) => false,
        }
    }
}

/// What follows the first `"kind":"`, which in nearly every entry is its own.
fn guess(bytes: &[u8]) -> Option<&[u8]> {
    const MEMBER: &[u8] = b"\"kind\":\"";
    let at = memchr::memmem::find(bytes, MEMBER)?.checked_add(MEMBER.len())?;
    bytes.get(at..)?.split(|byte| *byte == b'"').next()
}

fn kind_of(bytes: &[u8]) -> Result<String, NotCanonical> {
    #[derive(Deserialize)]
    struct Peek {
        kind: String,
    }
    let peek: Peek = serde_json::from_slice(bytes).map_err(|error| NotCanonical::new(error.to_string()))?;
    Ok(peek.kind)
}
