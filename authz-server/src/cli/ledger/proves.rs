//! What `verify` and `replay` prove, each in one line that also says what only the other one proves.

pub(super) const BY_VERIFY: &str = "all bytes, hashes and signatures; every entry has the form of its kind; ids are unique; \
     every allow has a permitting verdict, a chain, the active bundle, passed checks, valid times by its own clock, \
     and its uses within their limits; none comes after a halt or a revocation that concerns it, \
     or contradicts an attestation or a condition in the log; \
     every outcome belongs to one forward";

pub(super) const ONLY_BY_REPLAY: &str = "each verdict is the one that its bundle gives";

pub(super) const BY_VERIFY_OF_EVIDENCE: &str = "these entries, and no others at their places, are in the log that the checkpoint names; \
     every entry has the form of its kind; times never go back; the terms that a decision names are said where it says; \
     the policy bundles have the digests that the decisions name";

pub(super) const ONLY_BY_VERIFY_OF_THE_LOG: &str = "ids are unique, no limit of uses is exceeded, no allow contradicts a fact before it, \
     every outcome belongs to one forward, and the log continues an earlier checkpoint";

pub(super) const BY_REPLAY: &str = "each decision that was judged again has, byte for byte, the verdict that its bundle gives \
     for the recorded facts; the published log was audited first, as `verify` does it";

pub(super) const ONLY_BY_VERIFY: &str = "the log continues an earlier checkpoint, witnesses cosigned it, and the ledger holds everything it acknowledged";

/// The line for people.
pub(super) fn line(command: &str, proves: &str, other: &str, only_other: &str) -> String {
    format!("  `{command}` proves: {proves}. Only `{other}` proves: {only_other}")
}
