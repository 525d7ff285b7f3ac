//! Making warrants and proofs: typed descriptions in, compact tokens out. Nothing is signed that this crate would
//! refuse. May not know where a key is kept: a [`Signer`] signs.

mod claims;
#[cfg(feature = "pure")]
mod pure;

pub use claims::{Detail, Grant};
#[cfg(feature = "pure")]
pub use pure::PureSigner;

use crate::{
    Digest, base64url,
    claims::{Attribution, Claims, Reading, Starter, read},
    json::{Malformed, writer::Object},
    key::PublicKey,
    limits::{MAX_CHAIN_BYTES, MAX_LINK_BYTES, MAX_LINKS},
    presented::Presented,
    proof, rules,
    time::Seconds,
};

/// Whoever holds a private key.
pub trait Signer {
    /// The public half of the key.
    fn public_key(&self) -> &PublicKey;

    /// Signs what a token says: 64 bytes, as JWS writes them for the key's algorithm.
    ///
    /// # Errors
    /// When the key cannot be used now.
    fn sign(&self, signing_input: &[u8]) -> Result<[u8; 64], SignError>;
}

/// Why a key could not sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignError(pub String);

/// Why nothing was minted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MintError {
    /// What was described is of no form that would be accepted.
    Malformed(&'static str),
    /// The link would be wider than its parent, on this dimension.
    Widened(&'static str),
    /// The parent allows no deeper delegation.
    Sealed,
    /// The signer is not the holder of the parent.
    NotTheHolder,
    /// The link or the whole chain would be larger than is accepted.
    TooLarge,
    /// The key could not sign.
    Sign(SignError),
}

/// A new lineage, by an authority.
#[derive(Clone, Debug)]
pub struct Root {
    /// The authority's URL.
    pub iss: String,
    /// The lineage's name.
    pub txn: String,
    /// On whose behalf.
    pub ini: Option<Starter>,
    /// The digest of the bundle under which it is issued.
    pub pol: Option<String>,
    /// The decision by which it is issued.
    pub dec: Option<String>,
    /// Texts for those who read records.
    pub attr: Option<Attribution>,
    /// What is granted, and to whom.
    pub grant: Grant,
}

/// A narrower child of a warrant, by its holder.
#[derive(Clone, Debug)]
pub struct Delegation {
    /// What is granted, and to whom.
    pub grant: Grant,
}

/// A proof of possession.
#[derive(Clone, Debug)]
pub struct Proof<'a> {
    /// The proof's name, never used before.
    pub jti: String,
    /// Now.
    pub iat: Seconds,
    /// The request's method.
    pub method: &'a str,
    /// The `:authority` as it will be received.
    pub authority: &'a str,
    /// The raw path with its query.
    pub path_and_query: &'a str,
    /// The value of the `Warrant` header.
    pub warrant_header: &'a str,
    /// The body, where the route reads arguments from it.
    pub body: Option<&'a [u8]>,
}

impl Root {
    /// Signs the root with the authority's key, called `kid`.
    ///
    /// # Errors
    /// When it would not be accepted, or the key cannot sign.
    pub fn sign(&self, signer: &dyn Signer, kid: &str) -> Result<String, MintError> {
        if !rules::is_kid(kid) {
            return Err(MintError::Malformed("`kid`"));
        }
        let payload = claims::of_root(self);
        accepted(&payload, true)?;
        sized(token(signer, "warrant+jwt", Some(kid), &payload)?, MAX_LINK_BYTES)
    }
}

impl Delegation {
    /// Signs the link with the key of the parent's holder. Returns the whole chain, ready to be presented.
    ///
    /// # Errors
    /// When it would not be accepted, or the key cannot sign.
    pub fn sign(&self, parent: &Presented<'_>, signer: &dyn Signer) -> Result<String, MintError> {
        let holders = parent.unverified().map_err(|_| MintError::Malformed("the parent"))?;
        let (holder, digest) =
            holders.last().zip(parent.digests().last()).ok_or(MintError::Malformed("the parent"))?;
        if holder.cnf().key() != Some(signer.public_key()) {
            return Err(MintError::NotTheHolder);
        }
        let depth = holder.depth().saturating_add(1);
        if depth > holder.max_depth() || parent.len() >= MAX_LINKS {
            return Err(MintError::Sealed);
        }
        let payload = claims::of_link(&self.grant, signer.public_key().thumbprint(), digest, depth);
        let own = accepted(&payload, false)?;
        own.is_within(holder).map_err(|dimension| MintError::Widened(dimension.name))?;
        if own.depth() > own.max_depth() {
            return Err(MintError::Malformed("`max_depth` is above its position"));
        }
        let link = sized(token(signer, "warrant+jwt", None, &payload)?, MAX_LINK_BYTES)?;
        sized(format!("{}~{link}", parent.header()), MAX_CHAIN_BYTES)
    }
}

impl Proof<'_> {
    /// Signs the proof with the leaf's key.
    ///
    /// # Errors
    /// When it would not be accepted, or the key cannot sign.
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, MintError> {
        let mut payload = Object::new();
        payload.text("jti", &self.jti);
        payload.number("iat", self.iat.get());
        payload.text("htm", self.method);
        payload.text("htu", &format!("{}{}", self.authority, self.path_and_query));
        payload.text("wch", &Digest::of(self.warrant_header.as_bytes()).to_base64url());
        if let Some(body) = self.body {
            payload.text("cd", &Digest::of(body).to_base64url());
        }
        let token = token(signer, "warrant-proof+jwt", None, &payload.end())?;
        proof::Proof::parse(token.as_bytes())
            .map_err(|_| MintError::Malformed("the proof's name or size"))?;
        Ok(token)
    }
}

fn accepted(payload: &str, is_root: bool) -> Result<Claims, MintError> {
    read(payload.as_bytes(), is_root, Reading::Keep).map_err(|Malformed(what)| MintError::Malformed(what))
}

fn token(signer: &dyn Signer, typ: &str, kid: Option<&str>, payload: &str) -> Result<String, MintError> {
    let mut header = Object::new();
    header.text("alg", signer.public_key().alg().name());
    header.text("typ", typ);
    if let Some(kid) = kid {
        header.text("kid", kid);
    }
    let input =
        format!("{}.{}", base64url::encode(header.end().as_bytes()), base64url::encode(payload.as_bytes()));
    let signature = signer.sign(input.as_bytes()).map_err(MintError::Sign)?;
    Ok(format!("{input}.{}", base64url::encode(&signature)))
}

fn sized(text: String, most: usize) -> Result<String, MintError> {
    if text.len() <= most { Ok(text) } else { Err(MintError::TooLarge) }
}

impl std::fmt::Display for SignError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SignError {}

impl std::fmt::Display for MintError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "this would be refused as malformed: {what}"),
            Self::Widened(dimension) => {
                write!(f, "`{dimension}` is wider than the parent's; delegate within it")
            }
            Self::Sealed => {
                f.write_str("the parent is sealed: its depth is its max_depth, or there are eight links")
            }
            Self::NotTheHolder => {
                f.write_str("the key is not the parent's `cnf`; only its holder can delegate")
            }
            Self::TooLarge => {
                f.write_str("a link would be over 2 KiB, or the chain over 12 KiB; grant less text")
            }
            Self::Sign(error) => write!(f, "the key could not sign: {error}"),
        }
    }
}

impl std::error::Error for MintError {}
