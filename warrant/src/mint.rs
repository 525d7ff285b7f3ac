//! Makes warrants and proofs: typed descriptions in, compact tokens out. It never signs what this crate would refuse.
//! This module does not know where a key is stored: a [`Signer`] signs.

mod claims;
mod details;
#[cfg(feature = "pure")]
mod pure;

pub use claims::{Grant, GrantDetail};
pub use details::{DetailsFault, read_details};
#[cfg(feature = "pure")]
pub use pure::PureSigner;

use crate::{
    Digest, base64url,
    claims::{Attribution, Claims, ReadMode, Starter, read},
    formats,
    json::{Malformed, writer::ObjectWriter},
    key::{Algorithm, PublicKey},
    limits::{MAX_CHAIN_BYTES, MAX_LINK_BYTES, MAX_LINKS},
    presented_warrant::PresentedWarrant,
    proof::PresentedProof,
    time::Seconds,
};

/// Signs with a private key, wherever the key is stored.
pub trait Signer {
    /// The public half of the key.
    fn public_key(&self) -> &PublicKey;

    /// Signs a token's signing input. Returns 64 bytes, in the form of JWS for the key's algorithm.
    ///
    /// # Errors
    /// When the key cannot be used now.
    fn sign(&self, signing_input: &[u8]) -> Result<[u8; 64], SignerError>;

    /// Whether somebody is there who can be asked to sign. Where the key is at hand, that is always so.
    fn is_there(&self) -> bool {
        true
    }
}

/// Why a key could not sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerError(pub String);

/// Why nothing was minted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MintError {
    /// The description has a form that would not be accepted.
    Malformed(&'static str),
    /// The link would be wider than its parent, on this dimension.
    Widened(&'static str),
    /// The parent does not allow a deeper delegation.
    Sealed,
    /// The signer's key is not the key of the parent's holder.
    NotTheHolder,
    /// The link or the whole chain would be too large to be accepted.
    TooLarge,
    /// The key could not sign.
    Sign(SignerError),
}

/// A root to be signed: a new lineage, by an authority.
#[derive(Clone, Debug)]
pub struct Root {
    /// The authority's URL.
    pub iss: String,
    /// The lineage's name.
    pub txn: String,
    /// The person or workload on whose behalf it runs.
    pub ini: Option<Starter>,
    /// The digest of the bundle that is in force when it is issued.
    pub pol: Option<String>,
    /// The decision by which it is issued.
    pub dec: Option<String>,
    /// Texts for people who read the records.
    pub attr: Option<Attribution>,
    /// What is granted, and to whom.
    pub grant: Grant,
}

/// A delegation to be signed: a narrower child of a warrant, by its holder.
#[derive(Clone, Debug)]
pub struct Delegation {
    /// What is granted, and to whom.
    pub grant: Grant,
}

/// A proof of possession to be signed.
#[derive(Clone, Debug)]
pub struct NewProof<'a> {
    /// The proof's name. It must be new.
    pub jti: String,
    /// The current time.
    pub iat: Seconds,
    /// The request's method.
    pub method: &'a str,
    /// The `:authority` as the proxy will receive it.
    pub authority: &'a str,
    /// The raw path with its query.
    pub path_and_query: &'a str,
    /// The value of the `Warrant` header.
    pub warrant_header: &'a str,
    /// The body, if the route reads arguments from it.
    pub body: Option<&'a [u8]>,
}

impl Root {
    /// Signs the root with the authority's key, whose name is `kid`.
    ///
    /// # Errors
    /// When it would not be accepted, or the key cannot sign.
    pub fn sign(&self, signer: &dyn Signer, kid: &str) -> Result<String, MintError> {
        self.draft(signer.public_key().alg(), kid)?.sign(signer)
    }

    /// The root but for its signature, which a key of this algorithm will make. So it can be recorded before anybody has it.
    ///
    /// # Errors
    /// When it would not be accepted.
    pub fn draft(&self, algorithm: Algorithm, kid: &str) -> Result<UnsignedRoot, MintError> {
        if !formats::is_kid(kid) {
            return Err(MintError::Malformed("`kid` is not 1 to 64 letters, digits, `.`, `_` and `-`"));
        }
        let payload = claims::of_root(self);
        checked_claims(&payload, true)?;
        let input = signing_input(algorithm, "warrant+jwt", Some(kid), &payload);
        // A signature of 64 bytes takes 86 characters, after a dot.
        if input.len().saturating_add(87) > MAX_LINK_BYTES {
            return Err(MintError::TooLarge);
        }
        Ok(UnsignedRoot { input, algorithm })
    }
}

/// A root that is complete but for its signature.
#[derive(Clone, Debug)]
pub struct UnsignedRoot {
    input: String,
    algorithm: Algorithm,
}

impl UnsignedRoot {
    /// The digest of its signing input, by which it is recorded.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.input.as_bytes())
    }

    /// Signs it.
    ///
    /// # Errors
    /// When the key is of another algorithm, or cannot sign.
    pub fn sign(self, signer: &dyn Signer) -> Result<String, MintError> {
        if signer.public_key().alg() != self.algorithm {
            return Err(MintError::Malformed("the key is of another algorithm than the header says"));
        }
        signed(self.input, signer)
    }
}

impl Delegation {
    /// Signs the link with the key of the parent's holder. Returns the whole chain, ready to present.
    ///
    /// # Errors
    /// When it would not be accepted, or the key cannot sign.
    pub fn sign(&self, parent: &PresentedWarrant<'_>, signer: &dyn Signer) -> Result<String, MintError> {
        let links = parent.unverified_claims().map_err(|_| MintError::Malformed("the parent"))?;
        let (parent_claims, digest) =
            links.last().zip(parent.digests().last()).ok_or(MintError::Malformed("the parent"))?;
        if parent_claims.cnf().key() != Some(signer.public_key()) {
            return Err(MintError::NotTheHolder);
        }
        let depth = parent_claims.depth().saturating_add(1);
        if depth > parent_claims.max_depth() || parent.len() >= MAX_LINKS {
            return Err(MintError::Sealed);
        }
        let payload = claims::of_link(&self.grant, signer.public_key().thumbprint(), digest, depth);
        let own = checked_claims(&payload, false)?;
        own.check_within(parent_claims).map_err(|dimension| MintError::Widened(dimension.name))?;
        if own.depth() > own.max_depth() {
            return Err(MintError::Malformed("`max_depth` is less than the link's own depth"));
        }
        let link = check_size(token(signer, "warrant+jwt", None, &payload)?, MAX_LINK_BYTES)?;
        check_size(format!("{}~{link}", parent.header()), MAX_CHAIN_BYTES)
    }
}

impl NewProof<'_> {
    /// Signs the proof with the leaf's key.
    ///
    /// # Errors
    /// When it would not be accepted, or the key cannot sign.
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, MintError> {
        let mut payload = ObjectWriter::new();
        payload.text("jti", &self.jti);
        payload.number("iat", self.iat.get());
        payload.text("htm", self.method);
        payload.text("htu", &format!("{}{}", self.authority, self.path_and_query));
        payload.text("wch", &Digest::of(self.warrant_header.as_bytes()).to_base64url());
        if let Some(body) = self.body {
            payload.text("cd", &Digest::of(body).to_base64url());
        }
        let token = token(signer, "warrant-proof+jwt", None, &payload.end())?;
        PresentedProof::parse(token.as_bytes())
            .map_err(|_| MintError::Malformed("the proof's `jti` is not valid, or the proof is too long"))?;
        Ok(token)
    }
}

fn checked_claims(payload: &str, is_root: bool) -> Result<Claims, MintError> {
    read(payload.as_bytes(), is_root, ReadMode::Keep).map_err(|Malformed(what)| MintError::Malformed(what))
}

fn token(signer: &dyn Signer, typ: &str, kid: Option<&str>, payload: &str) -> Result<String, MintError> {
    signed(signing_input(signer.public_key().alg(), typ, kid, payload), signer)
}

fn signing_input(algorithm: Algorithm, typ: &str, kid: Option<&str>, payload: &str) -> String {
    let mut header = ObjectWriter::new();
    header.text("alg", algorithm.name());
    header.text("typ", typ);
    if let Some(kid) = kid {
        header.text("kid", kid);
    }
    format!("{}.{}", base64url::encode(header.end().as_bytes()), base64url::encode(payload.as_bytes()))
}

fn signed(input: String, signer: &dyn Signer) -> Result<String, MintError> {
    let signature = signer.sign(input.as_bytes()).map_err(MintError::Sign)?;
    Ok(format!("{input}.{}", base64url::encode(&signature)))
}

fn check_size(text: String, most: usize) -> Result<String, MintError> {
    if text.len() <= most { Ok(text) } else { Err(MintError::TooLarge) }
}

impl std::fmt::Display for SignerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SignerError {}

impl std::fmt::Display for MintError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "it would be refused as malformed: {what}"),
            Self::Widened(dimension) => {
                write!(f, "`{dimension}` is wider than the parent's: choose a value within the parent's")
            }
            Self::Sealed => f.write_str(
                "the parent cannot be delegated: its `depth` has reached its `max_depth`, or it already has eight links",
            ),
            Self::NotTheHolder => {
                f.write_str("the key is not the parent's `cnf`: only its holder can delegate")
            }
            Self::TooLarge => f.write_str(
                "a link would be over 2 KiB, or the chain over 12 KiB: grant less, or use shorter names",
            ),
            Self::Sign(error) => write!(f, "the key could not sign: {error}"),
        }
    }
}

impl std::error::Error for MintError {}
