//! C2SP signed notes: a short text, and signature lines of named Ed25519 keys.

mod checkpoint;
mod key;
#[cfg(feature = "log")]
mod signing;

pub use checkpoint::{Checkpoint, Cosigned, NoteFault, SignedCheckpoint};
pub use key::{KeyFault, VerifyingKey};
#[cfg(feature = "log")]
pub use signing::{SigningKey, cosign};

/// The beginning of every signature line: an em dash and a space.
const SIGNATURE: &str = "\u{2014} ";

/// The signature type of a log's own key over the note's text.
const TYPE_ED25519: u8 = 0x01;

/// The signature type of a witness's key over the note's text and a time.
const TYPE_COSIGNATURE: u8 = 0x04;
