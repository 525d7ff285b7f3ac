//! This server's private keys, kept as JWKs in files with mode 0600, the public keys that others give us, and certificates.
//!
//! The crate `warrant` knows what a public key is and when a signature is valid. Nothing in this module prints a
//! private part: `Debug` shows the public key alone.

mod certificate;
mod digest;
mod file;
mod jws;
mod named_signer;
mod place;
mod private;
mod public;
mod readers;
mod remote_signer;
mod ring;
mod role;
pub mod signing_protocol;
mod tls;

pub use certificate::{Certificate, CertificateError};
pub use digest::DigestKey;
pub use file::{
    KeyFileError, read, read_digest, read_token, read_token_text, write_digest, write_new, write_new_token,
};
pub use jws::sign_jws;
pub use named_signer::{AnySigner, FindKey, ListKeys, NamedSigner};
pub use place::KeyPlace;
pub use private::PrivateKey;
pub use public::{NamedKey, jwks, listed_jwk, parse_public, read_one_public, read_public};
pub use readers::Readers;
pub use remote_signer::RemoteSigner;
pub use ring::{KeyFault, KeyRing, READ_EVERY};
pub use role::KeyRole;
pub use tls::{ClientFiles, TlsFileError, TlsFiles, TlsMaterial, provider};
