//! Why there is no statement: a closed list. Proxies then deny everything when their last one runs out.

use std::fmt;

use ledger::RecordError;
use warrant::mint::MintError;
use warrant::statement::StatementFault;

use crate::authority::problem::{ApiError, ApiErrorCode};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoStatement {
    /// A fact has waited for its record for too long.
    FactWaits,
    /// The ledger has no room for facts, or its disk cannot be written.
    FactsRefused,
    ClockUnreliable,
    NotInForce,
    /// Requests that run have not been judged again: what ran at a start, or what a fact made due a while ago.
    JudgedBehind,
    /// Too many statements were made since the last entry of the log.
    NumbersUsedUp,
    /// The rules or the halts cannot be sent.
    NotMade(StatementFault),
    NotSigned(MintError),
    /// There is no key that could sign.
    NoKey,
    /// The size of the log could not be made to last.
    NotLasting(RecordError),
}

impl fmt::Display for NoStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoStatement::FactWaits => f.write_str(
                "a revocation or another fact has waited for its record for 5 s; look at the ledger's disk",
            ),
            NoStatement::FactsRefused => f.write_str(
                "the ledger cannot record revocations and other facts; free some space on its disk",
            ),
            NoStatement::ClockUnreliable => {
                f.write_str("the server's clock cannot be relied on; `/readyz` says until when")
            }
            NoStatement::NotInForce => f.write_str("no bundle is in force; sign a note or a bundle"),
            NoStatement::JudgedBehind => f.write_str(
                "requests that run are still being judged again after a start or a fact; wait, and look at the load of this server",
            ),
            NoStatement::NumbersUsedUp => {
                f.write_str("too many statements were made since the last entry of the log; record anything")
            }
            NoStatement::NotMade(fault) => {
                write!(f, "the bundle or the postures cannot be sent to a proxy: {fault}")
            }
            NoStatement::NotSigned(error) => write!(f, "the statement cannot be signed: {error}"),
            NoStatement::NoKey => f.write_str("this server has no key for statements; look at `keys.statement`"),
            NoStatement::NotLasting(error) => {
                write!(f, "the ledger cannot keep the size that the statement tells: {error}")
            }
        }
    }
}

impl From<NoStatement> for ApiError {
    fn from(why: NoStatement) -> ApiError {
        ApiError::new(ApiErrorCode::Unavailable, why)
    }
}
