//! Proof of possession: a token that the leaf's key signs for one request. It is valid only close to the time in its
//! `iat`.

use crate::{
    Digest,
    denial::Denial,
    formats::is_jti,
    json::{JsonReader, Malformed, Parsed, required, set_once},
    key::{PublicKey, Thumbprint},
    limits::{MAX_PROOF_BYTES, PROOF_WINDOW_SECONDS},
    request::single_header,
    time::Seconds,
    token::{Token, TokenKind},
    verifier::{Verifier, is_signed_by},
};

/// A proof as a client presents it: its form is good, and its signature is not verified yet.
#[derive(Clone, Debug)]
pub struct PresentedProof<'a> {
    token: Token<'a>,
    claims: ProofClaims,
}

#[derive(Clone, Debug)]
struct ProofClaims {
    jti: Box<str>,
    iat: u64,
    method: Box<str>,
    target: Box<str>,
    warrant: Digest,
    body: Option<Digest>,
}

/// The request and the time that a proof must match.
#[derive(Clone, Copy, Debug)]
pub struct ProofExpectations<'a> {
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
    /// The body, as far as it is known.
    pub body: ProofBody<'a>,
}

/// What is known of the body, and so what a proof must say about it.
#[derive(Clone, Copy, Debug)]
pub enum ProofBody<'a> {
    /// The whole body is not known: `cd` cannot be compared.
    Unknown,
    /// The whole body, which the route does not read: a proof need not have `cd`, but a `cd` must match.
    Unread(&'a [u8]),
    /// The whole body, from which the route reads arguments: the proof must have `cd`, and it must match.
    Read(&'a [u8]),
}

/// What must be burned so that the proof is accepted only once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofId {
    /// The leaf's key.
    pub thumbprint: Thumbprint,
    /// The proof's name.
    pub jti: String,
    /// The last second at which the proof could be presented again.
    pub forget_after: Seconds,
}

impl<'a> PresentedProof<'a> {
    /// Reads the value of the `Warrant-Proof` header.
    ///
    /// # Errors
    /// [`Denial::RequestAmbiguous`] for a comma or a byte outside ASCII, [`Denial::ProofMissing`] for an empty value,
    /// [`Denial::ProofInvalid`] for any fault of form.
    pub fn parse(header: &'a [u8]) -> Result<Self, Denial> {
        single_header(std::iter::once(header))?;
        if header.is_empty() {
            return Err(Denial::ProofMissing);
        }
        if header.len() > MAX_PROOF_BYTES {
            return Err(Denial::ProofInvalid);
        }
        Self::read(header).map_err(|_| Denial::ProofInvalid)
    }

    /// Checks that `leaf` signed the proof, and that it matches the expected request and time.
    ///
    /// # Errors
    /// [`Denial::ProofInvalid`].
    pub fn check(
        &self,
        leaf: &PublicKey,
        verifier: &dyn Verifier,
        expect: &ProofExpectations<'_>,
    ) -> Result<ProofId, Denial> {
        let token = &self.token;
        let holds = self.matches(expect)
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

    fn matches(&self, expect: &ProofExpectations<'_>) -> bool {
        let own = &self.claims;
        own.iat.abs_diff(expect.now.get()) <= PROOF_WINDOW_SECONDS
            && *own.method == *expect.method
            && own.target.bytes().eq(expect.authority.iter().chain(expect.path_and_query).copied())
            && own.warrant == Digest::of(expect.warrant_header)
            && expect.body.matches(own.body)
    }

    fn read(header: &'a [u8]) -> Parsed<Self> {
        let token = Token::parse(header, TokenKind::Proof)?;
        let claims = token.read_payload(read_claims)?;
        Ok(Self { token, claims })
    }
}

impl ProofBody<'_> {
    fn matches(self, claimed: Option<Digest>) -> bool {
        match (self, claimed) {
            (Self::Unknown, _) | (Self::Unread(_), None) => true,
            (Self::Read(_), None) => false,
            (Self::Unread(body) | Self::Read(body), Some(claimed)) => claimed == Digest::of(body),
        }
    }
}

fn read_claims(payload: &[u8]) -> Parsed<ProofClaims> {
    let (mut jti, mut iat, mut method, mut target, mut warrant, mut body) =
        (None, None, None, None, None, None);
    let mut reader = JsonReader::new(payload)?;
    reader.object(|r, name| match name {
        "jti" => set_once(&mut jti, r.string()?),
        "iat" => set_once(&mut iat, r.natural()?),
        "htm" => set_once(&mut method, r.string()?.to_box()),
        // A query can be longer than any string in a warrant. The size limit of the proof bounds it.
        "htu" => set_once(&mut target, r.string()?.to_box()),
        "wch" => set_once(&mut warrant, digest(r)?),
        "cd" => set_once(&mut body, digest(r)?),
        _ => Err(Malformed("a proof has an unknown claim")),
    })?;
    reader.end()?;
    let jti = required(jti, "a proof lacks `jti`")?;
    if jti.with(is_jti) != Some(true) {
        return Err(Malformed("`jti` is not 1 to 64 letters, digits, `_` and `-`"));
    }
    Ok(ProofClaims {
        jti: jti.to_box(),
        iat: required(iat, "a proof lacks `iat`")?,
        method: required(method, "a proof lacks `htm`")?,
        target: required(target, "a proof lacks `htu`")?,
        warrant: required(warrant, "a proof lacks `wch`")?,
        body,
    })
}

fn digest(reader: &mut JsonReader<'_>) -> Parsed<Digest> {
    reader
        .string()?
        .with(Digest::parse_base64url)
        .flatten()
        .ok_or(Malformed("a digest that is not 43 characters of base64url"))
}
