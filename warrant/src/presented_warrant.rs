//! A warrant as a client presents it: its form is good, and nothing in it is verified yet.

use crate::{
    Digest,
    chain::Chain,
    claims::{self, Claims, ReadMode, Starter},
    denial::Denial,
    json::Malformed,
    key::PublicKey,
    limits::{MAX_CHAIN_BYTES, MAX_LINK_BYTES, MAX_LINKS},
    request::single_header,
    token::{Token, TokenKind, split},
    trust::Trust,
    verifier::{Verifier, is_signed_by},
};

/// A warrant whose links are all completely parsed, with claims and keys. No signature is verified. Borrows the header.
#[derive(Clone, Debug)]
pub struct PresentedWarrant<'a> {
    header: &'a [u8],
    root: RootNames,
    links: Vec<UnverifiedLink<'a>>,
}

/// The part of a link that is needed to verify signatures.
#[derive(Clone, Debug)]
struct UnverifiedLink<'a> {
    token: Token<'a>,
    cnf: PublicKey,
}

/// The names in a root that lead to the key that must have signed it.
#[derive(Clone, Debug)]
struct RootNames {
    iss: Box<str>,
    kid: Box<str>,
    sub: Box<str>,
    starter: Option<Starter>,
}

/// The first fault of form and the link that has it. For people who make warrants, never for clients that present them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkFault {
    /// The position of the link that has the fault. The root is 0.
    pub link: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

impl<'a> PresentedWarrant<'a> {
    /// Reads the value of the `Warrant` header.
    ///
    /// # Errors
    /// [`Denial::RequestAmbiguous`] for a comma or a byte outside ASCII, [`Denial::WarrantMissing`] for an empty value,
    /// [`Denial::WarrantMalformed`] for any fault of form in any link.
    pub fn parse(header: &'a [u8]) -> Result<Self, Denial> {
        single_header(std::iter::once(header))?;
        if header.is_empty() {
            return Err(Denial::WarrantMissing);
        }
        Self::read(header).map_err(|_| Denial::WarrantMalformed)
    }

    /// The first fault of form, if there is one.
    pub fn first_fault(header: &'a [u8]) -> Option<LinkFault> {
        Self::read(header).err()
    }

    fn read(header: &'a [u8]) -> Result<Self, LinkFault> {
        if header.len() > MAX_CHAIN_BYTES {
            return Err(LinkFault { link: 0, what: "the chain is over 12 KiB" });
        }
        let mut texts = split(b'~', header);
        let first = texts.next().unwrap_or_default();
        let (first, root) =
            check_size(first).and_then(read_root).map_err(|Malformed(what)| LinkFault { link: 0, what })?;
        let mut links = vec![first];
        for (text, link) in texts.zip(1..) {
            let read = if link < MAX_LINKS { check_size(text).and_then(read_link) } else { Err(TOO_MANY) };
            links.push(read.map_err(|Malformed(what)| LinkFault { link, what })?);
        }
        Ok(Self { header, root, links })
    }

    /// The value of the header that was read.
    pub fn header(&self) -> &'a str {
        std::str::from_utf8(self.header).unwrap_or_default() // base64url, dots and `~` throughout
    }

    /// The number of links.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Always `false`: a warrant has a root.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// The claims of every link, unverified. For tools that display a warrant or delegate it.
    ///
    /// # Errors
    /// [`Denial::WarrantMalformed`], which cannot happen after parsing.
    pub fn unverified_claims(&self) -> Result<Vec<Claims>, Denial> {
        self.links.iter().enumerate().map(|(position, link)| link.claims(position)).collect()
    }

    /// The digest of every link's signing input.
    pub fn digests(&self) -> impl Iterator<Item = Digest> + '_ {
        self.links.iter().map(|link| Digest::of(link.token.signing_input))
    }

    /// Verifies that keys are points, and all signatures from the root on.
    ///
    /// # Errors
    /// In this order: [`Denial::WarrantMalformed`] for a `cnf` that is not a point of its curve,
    /// [`Denial::IssuerUntrusted`] for a root that no trusted issuer may have signed, [`Denial::SignatureInvalid`].
    pub fn verify(&self, trust: &Trust, verifier: &dyn Verifier) -> Result<Chain, Denial> {
        if !self.links.iter().all(|link| verifier.is_point(&link.cnf)) {
            return Err(Denial::WarrantMalformed);
        }
        let names = &self.root;
        let starter = names.starter.as_ref().map(|starter| &*starter.iss);
        let root_key = trust.key_for(&names.iss, &names.kid, &names.sub, starter)?;
        let mut key = root_key;
        for link in &self.links {
            let token = &link.token;
            if token.alg != key.alg() || !is_signed_by(verifier, key, token.signing_input, &token.signature) {
                return Err(Denial::SignatureInvalid);
            }
            key = &link.cnf;
        }
        Ok(Chain::verified(self.unverified_claims()?, self.digests().collect(), names.kid.clone(), *root_key))
    }
}

impl UnverifiedLink<'_> {
    fn claims(&self, position: usize) -> Result<Claims, Denial> {
        let read = self.token.read_payload(|payload| claims::read(payload, position == 0, ReadMode::Keep));
        read.map_err(|_| Denial::WarrantMalformed)
    }
}

const TOO_MANY: Malformed = Malformed("more than eight links");

fn check_size(text: &[u8]) -> Result<&[u8], Malformed> {
    if text.len() <= MAX_LINK_BYTES { Ok(text) } else { Err(Malformed("a link is over 2 KiB")) }
}

fn read_root(text: &[u8]) -> Result<(UnverifiedLink<'_>, RootNames), Malformed> {
    let mut token = Token::parse(text, TokenKind::Root)?;
    let claims = token.read_payload(|payload| claims::read(payload, true, ReadMode::Check))?;
    let cnf = key(&claims)?;
    let names = RootNames {
        kid: token.kid.take().ok_or(Malformed("a root lacks `kid`"))?,
        starter: claims.as_root().and_then(|root| root.ini.clone()),
        iss: claims.iss,
        sub: claims.sub,
    };
    Ok((UnverifiedLink { token, cnf }, names))
}

fn key(claims: &Claims) -> Result<PublicKey, Malformed> {
    claims.cnf.key().copied().ok_or(Malformed("`cnf` lacks `jwk`"))
}

fn read_link(text: &[u8]) -> Result<UnverifiedLink<'_>, Malformed> {
    let token = Token::parse(text, TokenKind::Link)?;
    let claims = token.read_payload(|payload| claims::read(payload, false, ReadMode::Check))?;
    Ok(UnverifiedLink { token, cnf: key(&claims)? })
}

impl std::fmt::Display for LinkFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "link {}: {}", self.link, self.what)
    }
}
