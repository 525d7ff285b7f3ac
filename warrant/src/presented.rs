//! A warrant as it was presented: of good form, and nothing in it believed.

use crate::{
    Digest,
    chain::Chain,
    claims::{self, Claims, Reading, Starter},
    denial::Denial,
    json::Malformed,
    key::PublicKey,
    limits::{MAX_CHAIN_BYTES, MAX_LINK_BYTES, MAX_LINKS},
    request::our_header,
    token::{Kind, Token, split},
    trust::Trust,
    verifier::{Verifier, is_signed_by},
};

/// Every link parsed completely, claims and keys included, and no signature looked at. Borrows the header.
#[derive(Clone, Debug)]
pub struct Presented<'a> {
    header: &'a [u8],
    root: RootNames,
    links: Vec<Form<'a>>,
}

/// What of a link is needed before its signature holds.
#[derive(Clone, Debug)]
struct Form<'a> {
    token: Token<'a>,
    cnf: PublicKey,
}

/// What a root says of who issued it and for whom: enough to find the key, and no more.
#[derive(Clone, Debug)]
struct RootNames {
    iss: Box<str>,
    kid: Box<str>,
    sub: Box<str>,
    starter: Option<Starter>,
}

/// Where the first fault of form is, and what it is: for people who made the warrant, never for those who presented it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The link that is at fault, the root being 0.
    pub link: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

impl<'a> Presented<'a> {
    /// Reads the value of the `Warrant` header.
    ///
    /// # Errors
    /// [`Denial::RequestAmbiguous`] for a comma or a byte outside ASCII, [`Denial::WarrantMissing`] for nothing,
    /// [`Denial::WarrantMalformed`] for any fault of form in any link.
    pub fn parse(header: &'a [u8]) -> Result<Self, Denial> {
        our_header(std::iter::once(header))?;
        if header.is_empty() {
            return Err(Denial::WarrantMissing);
        }
        Self::read(header).map_err(|_| Denial::WarrantMalformed)
    }

    /// The first fault of form, where there is one.
    pub fn fault(header: &'a [u8]) -> Option<Fault> {
        Self::read(header).err()
    }

    fn read(header: &'a [u8]) -> Result<Self, Fault> {
        if header.len() > MAX_CHAIN_BYTES {
            return Err(Fault { link: 0, what: "the chain is over 12 KiB" });
        }
        let mut texts = split(b'~', header);
        let first = texts.next().unwrap_or_default();
        let (first, root) =
            sized(first).and_then(read_root).map_err(|Malformed(what)| Fault { link: 0, what })?;
        let mut links = vec![first];
        for (text, link) in texts.zip(1..) {
            let read = if link < MAX_LINKS { sized(text).and_then(read_link) } else { Err(TOO_MANY) };
            links.push(read.map_err(|Malformed(what)| Fault { link, what })?);
        }
        Ok(Self { header, root, links })
    }

    /// The value of the header that was read.
    pub fn header(&self) -> &'a str {
        std::str::from_utf8(self.header).unwrap_or_default() // base64url, dots and `~` throughout
    }

    /// How many links there are.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Never: a chain has a root.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// What every link says, believed by nobody: for tools that show a warrant, and for those who delegate it.
    ///
    /// # Errors
    /// [`Denial::WarrantMalformed`], which cannot happen to what was parsed.
    pub fn unverified(&self) -> Result<Vec<Claims>, Denial> {
        self.links.iter().enumerate().map(|(position, link)| link.claims(position)).collect()
    }

    /// The digest of every link's signing input.
    pub fn digests(&self) -> impl Iterator<Item = Digest> + '_ {
        self.links.iter().map(|link| Digest::of(link.token.signing_input))
    }

    /// Verifies points and signatures, from the root on.
    ///
    /// # Errors
    /// In this order: [`Denial::WarrantMalformed`] for a `cnf` that is no point of its curve,
    /// [`Denial::IssuerUntrusted`] for a root that no trusted issuer may have signed, [`Denial::SignatureInvalid`].
    pub fn signed_under(&self, trust: &Trust, verifier: &dyn Verifier) -> Result<Chain, Denial> {
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
        Ok(Chain::verified(self.unverified()?, self.digests().collect(), names.kid.clone(), *root_key))
    }
}

impl Form<'_> {
    fn claims(&self, position: usize) -> Result<Claims, Denial> {
        let read = self.token.read_payload(|payload| claims::read(payload, position == 0, Reading::Keep));
        read.map_err(|_| Denial::WarrantMalformed)
    }
}

const TOO_MANY: Malformed = Malformed("more than eight links");

fn sized(text: &[u8]) -> Result<&[u8], Malformed> {
    if text.len() <= MAX_LINK_BYTES { Ok(text) } else { Err(Malformed("a link is over 2 KiB")) }
}

fn read_root(text: &[u8]) -> Result<(Form<'_>, RootNames), Malformed> {
    let mut token = Token::parse(text, Kind::Root)?;
    let claims = token.read_payload(|payload| claims::read(payload, true, Reading::Check))?;
    let cnf = key(&claims)?;
    let names = RootNames {
        kid: token.kid.take().ok_or(Malformed("a root lacks `kid`"))?,
        starter: claims.as_root().and_then(|root| root.ini.clone()),
        iss: claims.iss,
        sub: claims.sub,
    };
    Ok((Form { token, cnf }, names))
}

fn key(claims: &Claims) -> Result<PublicKey, Malformed> {
    claims.cnf.key().copied().ok_or(Malformed("`cnf` lacks `jwk`"))
}

fn read_link(text: &[u8]) -> Result<Form<'_>, Malformed> {
    let token = Token::parse(text, Kind::Link)?;
    let claims = token.read_payload(|payload| claims::read(payload, false, Reading::Check))?;
    Ok(Form { token, cnf: key(&claims)? })
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "link {}: {}", self.link, self.what)
    }
}
