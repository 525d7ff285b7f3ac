//! This server's private keys, kept as JWKs in files with mode 0600, the public keys that others give us, and certificates.
//!
//! The crate `warrant` knows what a public key is and when a signature is valid. Nothing in this module prints a
//! private part: `Debug` shows the public key alone.

mod certificate;
mod digest;
mod file;
mod private;
mod public;
mod readers;
mod tls;

pub use certificate::{Certificate, CertificateError};
pub use digest::DigestKey;
pub use file::{KeyFileError, read, read_digest, read_token, write_digest, write_new, write_new_token};
pub use private::{AnySigner, FindKey, PrivateKey};
pub use public::{NamedKey, parse_public, read_one_public, read_public};
pub use readers::Readers;
pub use tls::{ClientFiles, TlsFileError, TlsFiles, TlsMaterial, provider};
