//! What `verify` and `replay` prove, each in one line that also says what only the other one proves.

pub(super) const BY_VERIFY: &str = "all bytes, hashes and signatures; every entry has the form of its kind; ids are unique; \
     every allow has a permitting verdict, a chain, the active bundle, passed checks, valid times by its own clock, \
     and its uses within their limits; none comes after a halt or a revocation that concerns it, \
     or contradicts an attestation or a condition in the log; \
     every outcome belongs to one forward";

pub(super) const ONLY_BY_REPLAY: &str = "each verdict is the one that its bundle gives";

pub(super) const BY_REPLAY: &str = "each decision that was judged again has, byte for byte, the verdict that its bundle gives \
     for the recorded facts; the published log was audited first, as `verify` does it";

pub(super) const ONLY_BY_VERIFY: &str = "the log continues an earlier checkpoint, witnesses cosigned it, and the ledger holds everything it acknowledged";

/// The line for people.
pub(super) fn line(command: &str, proves: &str, other: &str, only_other: &str) -> String {
    format!("  `{command}` proves: {proves}. Only `{other}` proves: {only_other}")
}
