//! Proof of possession: one token by the leaf's key, about one request, of now.

use crate::{
    Digest,
    denial::Denial,
    json::{Malformed, Reader, once, required},
    key::{PublicKey, Thumbprint},
    limits::{MAX_PROOF_BYTES, PROOF_WINDOW_SECONDS},
    request::our_header,
    rules::is_jti,
    time::Seconds,
    token::{Kind, Token},
    verifier::{Verifier, is_signed_by},
};

/// A proof of good form, by whoever signed it.
#[derive(Clone, Debug)]
pub struct Proof<'a> {
    token: Token<'a>,
    claims: Claims,
}

#[derive(Clone, Debug)]
struct Claims {
    jti: Box<str>,
    iat: u64,
    method: Box<str>,
    target: Box<str>,
    warrant: Digest,
    body: Option<Digest>,
}

/// What a proof must be of.
#[derive(Clone, Copy, Debug)]
pub struct ProofOf<'a> {
    /// The one clock value of the decision.
    pub now: Seconds,
    /// The request's method.
    pub method: &'a str,
    /// The `:authority` exactly as the proxy received it.
    pub authority: &'a [u8],
    /// The raw path, with its query.
    pub path_and_query: &'a [u8],
    /// The value of the `Warrant` header.
    pub warrant_header: &'a [u8],
    /// The body, where the route reads arguments from it; then the proof must cover it.
    pub body: Option<&'a [u8]>,
}

/// What must be burned so that the proof is good once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofId {
    /// The leaf's key.
    pub thumbprint: Thumbprint,
    /// The proof's name.
    pub jti: String,
    /// The last moment at which it must still be remembered.
    pub forget_after: Seconds,
}

impl<'a> Proof<'a> {
    /// Reads the value of the `Warrant-Proof` header.
    ///
    /// # Errors
    /// [`Denial::RequestAmbiguous`] for a comma or a byte outside ASCII, [`Denial::ProofMissing`] for nothing,
    /// [`Denial::ProofInvalid`] for any fault of form.
    pub fn parse(header: &'a [u8]) -> Result<Self, Denial> {
        our_header(std::iter::once(header))?;
        if header.is_empty() {
            return Err(Denial::ProofMissing);
        }
        if header.len() > MAX_PROOF_BYTES {
            return Err(Denial::ProofInvalid);
        }
        Self::read(header).map_err(|_| Denial::ProofInvalid)
    }

    /// Whether the proof is by that key, of that request, and of now.
    ///
    /// # Errors
    /// [`Denial::ProofInvalid`].
    pub fn check(
        &self,
        leaf: &PublicKey,
        verifier: &dyn Verifier,
        of: &ProofOf<'_>,
    ) -> Result<ProofId, Denial> {
        let token = &self.token;
        let holds = self.is_of(of)
            && token.alg == leaf.alg()
            && is_signed_by(verifier, leaf, token.signing_input, &token.signature);
        if !holds {
            return Err(Denial::ProofInvalid);
        }
        Ok(ProofId {
            thumbprint: leaf.thumbprint(),
            jti: self.claims.jti.to_string(),
            forget_after: Seconds::new(self.claims.iat).plus(PROOF_WINDOW_SECONDS),
        })
    }

    fn is_of(&self, of: &ProofOf<'_>) -> bool {
        let own = &self.claims;
        own.iat.abs_diff(of.now.get()) <= PROOF_WINDOW_SECONDS
            && *own.method == *of.method
            && own.target.bytes().eq(of.authority.iter().chain(of.path_and_query).copied())
            && own.warrant == Digest::of(of.warrant_header)
            && of.body.is_none_or(|body| own.body == Some(Digest::of(body)))
    }

    fn read(header: &'a [u8]) -> Result<Self, Malformed> {
        let token = Token::parse(header, Kind::Proof)?;
        let claims = token.read_payload(read_claims)?;
        Ok(Self { token, claims })
    }
}

fn read_claims(payload: &[u8]) -> Result<Claims, Malformed> {
    let (mut jti, mut iat, mut method, mut target, mut warrant, mut body) =
        (None, None, None, None, None, None);
    let mut reader = Reader::new(payload)?;
    reader.object(|r, name| match name {
        "jti" => once(&mut jti, r.string()?),
        "iat" => once(&mut iat, r.natural()?),
        "htm" => once(&mut method, r.string()?.to_box()),
        // A query can be longer than any string of a warrant: the size of the proof bounds it.
        "htu" => once(&mut target, r.string()?.to_box()),
        "wch" => once(&mut warrant, digest(r)?),
        "cd" => once(&mut body, digest(r)?),
        _ => Err(Malformed("a proof has an unknown claim")),
    })?;
    reader.end()?;
    let jti = required(jti, "a proof lacks `jti`")?;
    if jti.with(is_jti) != Some(true) {
        return Err(Malformed("`jti`"));
    }
    Ok(Claims {
        jti: jti.to_box(),
        iat: required(iat, "a proof lacks `iat`")?,
        method: required(method, "a proof lacks `htm`")?,
        target: required(target, "a proof lacks `htu`")?,
        warrant: required(warrant, "a proof lacks `wch`")?,
        body,
    })
}

fn digest(reader: &mut Reader<'_>) -> Result<Digest, Malformed> {
    reader
        .string()?
        .with(Digest::parse_base64url)
        .flatten()
        .ok_or(Malformed("a digest that is not 43 characters of base64url"))
}
