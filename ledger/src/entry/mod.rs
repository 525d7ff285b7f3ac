//! The closed set of entry kinds: their members, and their canonical form.
//!
//! An entry of an unknown kind, or with an unknown or missing member, is an error: all readers must understand every
//! entry of the log.

mod activity;
mod burned;
mod chain;
mod checks;
mod codes;
pub(crate) mod concern;
mod decision;
pub(crate) mod define;
mod encoded_list;
pub(crate) mod encoding;
mod entries_page;
mod entries_schema;
mod fact;
mod lifecycle;
mod recorded_fact;
mod terms;
mod value;

use serde::Deserialize;

pub use activity::{Denials, Issued, OutcomeReport, Reads, UngovernedRequest};
pub use burned::{BurnKind, Burned, LeafProof, RecordedBurn};
pub use chain::{RecordedChain, RecordedLink};
pub use checks::Checks;
pub use codes::{CheckResult, DecisionOutcome, DenialCode, VerdictCode};
pub use concern::concerns;
pub use content_digest::Digest;
pub use decision::{
    Decision, HaltedScope, RecordedAttestation, RecordedBundle, RecordedCondition, RecordedRequest,
    RecordedRevocation, RecordedVerdict,
};
pub use encoded_list::EncodedList;
pub use encoding::{ENTRY_BYTES_AT_MOST, Stamps};
pub use entries_page::table;
pub use entries_schema::schemas;
pub use fact::{
    Activation, AttestationStatement, ConditionStatement, PostureChange, Reinstate, Revocation,
    RoutesOverBase, Signer,
};
pub use lifecycle::{Archived, Gap, Init, Predecessor, Restored, Start, Stop};
pub use recorded_fact::RecordedFact;
pub use terms::{Details, EarlierTerms, LinkTerms, Person, RecordedTerms, TERMS_WITHIN, Terms};
pub use value::{FactScope, IntegerJson, Nonce, Posture, RequestText, RevocationTarget};

use crate::canonical::NotCanonical;
use define::DocumentedObject;
use encoding::{EntryDraft, EntryKind};

macro_rules! entries {
    ($( $(#[doc = $doc:literal])+ $name:ident($type:ident), )+) => {
        /// One entry of the ledger, without its stamps.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[cfg_attr(
            target_pointer_width = "64", // where pointers are smaller, no variant is large
            expect(clippy::large_enum_variant, reason = "nearly every entry is a decision, the largest kind")
        )]
        pub enum Entry { $( $(#[doc = $doc])+ $name($type), )+ }

        impl Entry {
            /// `name/1`.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self { $( Self::$name(_) => $type::KIND, )+ }
            }

            pub(crate) fn draft(&self, nonce: Nonce) -> Result<EntryDraft, NotCanonical> {
                match self { $( Self::$name(entry) => EntryDraft::new(entry, nonce), )+ }
            }

            /// Reads an entry from exactly its canonical bytes.
            pub fn read(bytes: &[u8]) -> Result<(Stamps, Self), NotCanonical> {
                // The guess saves one pass over the entry. After a wrong guess the parser finds the kind.
                if let Some(found) = guess(bytes).and_then(|kind| Self::read_as(kind, bytes)).and_then(Result::ok) {
                    return Ok(found);
                }
                let kind = kind_of(bytes)?;
                Self::read_as(kind.as_bytes(), bytes)
                    .unwrap_or_else(|| Err(NotCanonical::new(format!("unknown kind `{kind}`"))))
            }

            fn read_as(kind: &[u8], bytes: &[u8]) -> Option<Result<(Stamps, Self), NotCanonical>> {
                $( if kind == $type::KIND.as_bytes() {
                    return Some(encoding::read::<$type>(bytes).map(|(stamps, entry)| (stamps, Self::$name(entry))));
                } )+
                None
            }

            pub(crate) fn describe() -> (Vec<DocumentedObject>, Vec<DocumentedObject>) {
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
    /// The first entry of the log.
    Init(Init),
    /// A server began to write.
    Start(Start),
    /// A server stopped normally.
    Stop(Stop),
    /// One request was decided.
    Decision(Decision),
    /// A summary of denials.
    Denials(Denials),
    /// A root warrant was issued.
    Issued(Issued),
    /// Something was revoked.
    Revocation(Revocation),
    /// A revocation ended.
    Reinstate(Reinstate),
    /// A workload was attested.
    Attestation(AttestationStatement),
    /// A condition of an environment was stated.
    Condition(ConditionStatement),
    /// The posture was changed.
    Posture(PostureChange),
    /// A policy bundle became the active one.
    Activation(Activation),
    /// How a forwarded request ended.
    Outcome(OutcomeReport),
    /// A request reached an upstream without a decision.
    Ungoverned(UngovernedRequest),
    /// Entries were refused while nothing could be recorded.
    Gap(Gap),
    /// Old bundles were moved to the archive.
    Archived(Archived),
    /// A summary of reads of the record.
    Reads(Reads),
    /// The facts of the log before a restore are recorded again.
    Restored(Restored),
}

impl Entry {
    /// The canonical bytes with these stamps.
    pub fn to_bytes(&self, stamps: Stamps) -> Result<Vec<u8>, NotCanonical> {
        let mut bytes = Vec::new();
        self.draft(stamps.nonce)?.stamp(stamps.time, &mut bytes);
        Ok(bytes)
    }
}

/// The text after the first `"kind":"`, which in nearly every entry is the kind of the entry.
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
