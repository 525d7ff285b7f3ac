//! Why an answer is not taken: a closed list. Each message is one line for the operator who reads the proxy's log.

use super::StatementFault;

/// Why an answer is not taken. What the gate holds stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// The answer, its statement or a part does not have the required form.
    Malformed(StatementFault),
    /// The statement names a key that is not pinned.
    KeyNotPinned(Box<str>),
    /// The pinned key did not sign the statement.
    SignatureInvalid,
    /// The statement is for another mesh.
    OtherAudience(Box<str>),
    /// The statement is of another log than the pinned one, or of an origin that does not follow the held one.
    OtherLog(Box<str>),
    /// The statement is of an origin that another one replaced.
    OldOrigin(Box<str>),
    /// The statement is current for more than 30 seconds.
    LivesTooLong,
    /// The statement was made after the gate's time.
    FromTheFuture {
        /// When it says that it was made.
        iat: u64,
        /// The gate's time.
        now: u64,
    },
    /// Its number, its size of the ledger or its time is lower than that of the held one.
    RolledBack {
        /// The claim.
        claim: &'static str,
        /// Its value in the statement.
        value: u64,
        /// Its value in the held statement.
        held: u64,
    },
    /// It has the number of the held one and another content, or its size of the ledger and another root.
    Forked {
        /// The claim that is the same.
        claim: &'static str,
        /// Its value.
        value: u64,
    },
    /// A part is left out that the gate does not hold, or is a change of one that it does not hold. Ask again, and say
    /// that nothing is held.
    NeedsAll(Part),
    /// The digest of a part is not the one in the statement.
    OtherDigest(Part),
}

/// A part whose digest a statement holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The rules.
    Rules,
    /// The halts.
    Halts,
    /// The revoked marks.
    Revocations,
    /// The decisions to end.
    Ended,
}

impl Part {
    /// The claim that holds its digest.
    pub const fn claim(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Halts => "halts",
            Self::Revocations => "revocations",
            Self::Ended => "ended",
        }
    }
}

impl<F: Into<StatementFault>> From<F> for NotTaken {
    fn from(fault: F) -> Self {
        Self::Malformed(fault.into())
    }
}

impl std::fmt::Display for NotTaken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed(fault) => {
                write!(f, "the server's answer is malformed: {fault}; run one version on servers and proxies")
            }
            Self::KeyNotPinned(kid) => {
                write!(
                    f,
                    "the statement is signed by the key {kid:?}: add it to `statementKeys` if it is yours"
                )
            }
            Self::SignatureInvalid => f.write_str(
                "the statement's signature does not hold: compare `statementKeys` with the server's key",
            ),
            Self::OtherAudience(audience) => {
                write!(
                    f,
                    "the statement is for the mesh {audience:?}: compare `audience` and `cluster` with the server"
                )
            }
            Self::OtherLog(origin) => {
                write!(f, "the statement is of the log {origin:?}: compare `log` with the server's log")
            }
            Self::OldOrigin(origin) => {
                write!(
                    f,
                    "the statement is of the log {origin:?}, which was replaced: stop the server that still runs it"
                )
            }
            Self::LivesTooLong => {
                f.write_str("the statement is current for more than 30 s: no server signs this")
            }
            Self::FromTheFuture { iat, now } => {
                write!(
                    f,
                    "the statement was made at {iat}, and it is {now}: correct the clock of the server or the proxy"
                )
            }
            Self::RolledBack { claim, value, held } => {
                write!(
                    f,
                    "`{claim}` of the statement went back from {held} to {value}: find out which server runs an old ledger"
                )
            }
            Self::Forked { claim, value } => {
                write!(
                    f,
                    "there are two statements with `{claim}` {value}: find out which server runs a copy of the ledger"
                )
            }
            Self::NeedsAll(part) => {
                write!(
                    f,
                    "the answer leaves out `{}`, which is not held: it is asked for again",
                    part.claim()
                )
            }
            Self::OtherDigest(part) => {
                write!(
                    f,
                    "`{}` in the answer is not what the statement says: it is asked for again",
                    part.claim()
                )
            }
        }
    }
}

impl std::error::Error for NotTaken {}
