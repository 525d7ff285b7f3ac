//! Why a server does not start, or ends before it is asked to: a closed list. Each message is one line that says what is
//! wrong, where, and what to do.

use std::fmt;

use ledger::{Behind, OpenError, ReadError};
use tokio::task::JoinError;

use super::restored::RestoreError;
use crate::bundles::{KeeperError, SourceError, ThreadError};
use crate::edge::listen::ListenError;
use crate::fetch::FetchError;
use crate::keys::TlsFileError;
use crate::witnesses::WitnessError;

#[derive(Debug)]
pub enum ServerError {
    /// The ledger's key is not an Ed25519 key.
    LedgerKey,
    Restore(RestoreError),
    Witness(WitnessError),
    Ledger(OpenError),
    /// The facts cannot be read from the ledger.
    Facts(ReadError),
    /// Something was recorded while the facts were folded.
    Behind(Behind),
    Bundle(KeeperError),
    Candidate(SourceError),
    Thread(ThreadError),
    /// The files of a listener's TLS.
    Tls(Vec<TlsFileError>),
    /// The client for keys of callers' issuers.
    Fetch(FetchError),
    Listen(ListenError),
    /// A listener stopped because of a panic.
    Panicked(JoinError),
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerError::LedgerKey => f.write_str("the ledger's key is not an Ed25519 key"),
            ServerError::Restore(error) => error.fmt(f),
            ServerError::Witness(error) => error.fmt(f),
            ServerError::Ledger(error) => error.fmt(f),
            ServerError::Facts(error) => error.fmt(f),
            ServerError::Behind(error) => error.fmt(f),
            ServerError::Bundle(error) => error.fmt(f),
            ServerError::Candidate(error) => error.fmt(f),
            ServerError::Thread(error) => error.fmt(f),
            ServerError::Fetch(error) => error.fmt(f),
            ServerError::Listen(error) => error.fmt(f),
            ServerError::Tls(errors) => {
                let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                f.write_str(&errors.join("; "))
            }
            ServerError::Panicked(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ServerError {}

/// `?` turns each of these into the variant that holds it.
macro_rules! from {
    ($($variant:ident($error:ty)),* $(,)?) => {
        $(impl From<$error> for ServerError {
            fn from(error: $error) -> ServerError {
                ServerError::$variant(error)
            }
        })*
    };
}

from!(Restore(RestoreError), Witness(WitnessError), Ledger(OpenError), Facts(ReadError), Behind(Behind));
from!(
    Bundle(KeeperError),
    Candidate(SourceError),
    Thread(ThreadError),
    Listen(ListenError),
    Panicked(JoinError)
);
