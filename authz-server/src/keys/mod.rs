//! Private keys of our own: made, kept in 0600 files as JWKs, and used to sign; and the public keys that others give us.
//!
//! What a public key is, and when a signature holds, is the law's (`warrant`). Nothing in this room prints a private
//! part: `Debug` shows the public key alone.

mod digest;
mod file;
mod private;
mod public;
mod readers;

pub use digest::DigestKey;
pub use file::{KeyFileError, read, read_digest, read_token, write_digest, write_new, write_new_token};
pub use private::PrivateKey;
pub use public::{NamedKey, read_one_public, read_public};
pub use readers::Readers;
