//! What the process that has a key signs: tokens of the key's one role, complete and of good form, under the key's own name. It refuses
//! anything else: a process that reaches its socket can then not make it sign a token of another kind.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use warrant::PresentedWarrant;
use warrant::mint::SignerError;
use warrant::statement::Statement;

use super::{json, receipts};
use crate::keys::{KeyRole, NamedSigner};

/// A key that signs tokens of one role.
#[derive(Clone, Debug)]
pub struct RoleSigner {
    role: KeyRole,
    key: NamedSigner,
}

/// Why something is not signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSignable {
    /// It is not the signing input of a JWS with a header of `alg`, `typ` and `kid`.
    NotAToken,
    /// Its `typ` is not that of the role.
    OtherType,
    /// Its `alg` or `kid` is not the key's.
    OtherKey,
    /// The payload is not what this type of token has.
    OtherPayload(String),
    /// The key cannot sign now.
    Signer(SignerError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

impl RoleSigner {
    /// The key must be one that the role may have.
    #[must_use]
    pub fn new(role: KeyRole, key: NamedSigner) -> RoleSigner {
        RoleSigner { role, key }
    }

    /// Signs a token's signing input, if it is one of its role.
    pub fn sign(&self, input: &[u8]) -> Result<[u8; 64], NotSignable> {
        self.check(input)?;
        self.key.signer.sign(input).map_err(NotSignable::Signer)
    }

    fn check(&self, input: &[u8]) -> Result<(), NotSignable> {
        let text = std::str::from_utf8(input).map_err(|_| NotSignable::NotAToken)?;
        let (header, payload) = text.split_once('.').ok_or(NotSignable::NotAToken)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| NotSignable::NotAToken);
        let header: Header = json::read(&decode(header)?).map_err(|_| NotSignable::NotAToken)?;
        let typ = match self.role {
            KeyRole::Authority => "warrant+jwt",
            KeyRole::Statement => "governance-statement+jwt",
            KeyRole::Receipt => receipts::TYP,
        };
        if header.typ != typ {
            return Err(NotSignable::OtherType);
        }
        if header.alg != self.key.public_key().alg().name() || header.kid != self.key.kid {
            return Err(NotSignable::OtherKey);
        }
        let other = |why: &dyn fmt::Display| NotSignable::OtherPayload(why.to_string());
        match self.role {
            KeyRole::Authority => root(text).map_err(|why| other(&why)),
            KeyRole::Statement => Statement::check_signing_input(input).map_err(|why| other(&why)),
            KeyRole::Receipt => receipts::check_claims(&decode(payload)?).map_err(|why| other(&why)),
        }
    }
}

/// Whether this will be a root once it is signed: the law reads it with a signature that is none.
fn root(input: &str) -> Result<(), String> {
    let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode([0; 64]));
    match PresentedWarrant::parse(token.as_bytes()) {
        Ok(presented) if presented.len() == 1 => Ok(()),
        Ok(_) => Err("it is a chain, and not one root".to_owned()),
        Err(denial) => Err(format!("it would be {denial}")),
    }
}

impl fmt::Display for NotSignable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotSignable::NotAToken => f.write_str("this is not a token with the header alg, typ, kid"),
            NotSignable::OtherType => f.write_str("this key does not sign tokens of this typ"),
            NotSignable::OtherKey => f.write_str("the token names another key or algorithm"),
            NotSignable::OtherPayload(why) => write!(f, "the payload is not what this typ has: {why}"),
            NotSignable::Signer(error) => write!(f, "the key cannot sign: {error}"),
        }
    }
}

impl std::error::Error for NotSignable {}
