//! One compact JWS, of a warrant, a proof or a governance statement: three segments, a closed header and a signature of 64 bytes.

use crate::{
    base64url, formats,
    json::{JsonReader, Malformed, Parsed, required, set_once},
    key::Algorithm,
    limits::MAX_SEGMENT_BYTES,
    signature::Signature,
};

/// The kinds of token. Each has its own form of header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Root,
    Link,
    Proof,
    Statement,
}

impl TokenKind {
    /// The `typ` in the header.
    pub(crate) const fn typ(self) -> &'static str {
        match self {
            Self::Root | Self::Link => "warrant+jwt",
            Self::Proof => "warrant-proof+jwt",
            Self::Statement => "governance-statement+jwt",
        }
    }

    /// Whether the header names the key that signed it. Otherwise the key is known from elsewhere.
    const fn has_kid(self) -> bool {
        matches!(self, Self::Root | Self::Statement)
    }
}

/// A token of good form. Only its payload is not read yet.
#[derive(Clone, Debug)]
pub(crate) struct Token<'a> {
    /// The bytes that were signed: the first two segments with the dot between them.
    pub(crate) signing_input: &'a [u8],
    pub(crate) payload: &'a [u8],
    pub(crate) alg: Algorithm,
    /// Only on a root and on a statement.
    pub(crate) kid: Option<Box<str>>,
    pub(crate) signature: Signature,
}

impl<'a> Token<'a> {
    pub(crate) fn parse(text: &'a [u8], kind: TokenKind) -> Parsed<Self> {
        const SHAPE: Malformed = Malformed("a token that does not have three segments");
        let mut segments = split(b'.', text);
        let header = segments.next().ok_or(SHAPE)?;
        let payload = segments.next().ok_or(SHAPE)?;
        let signature = segments.next().ok_or(SHAPE)?;
        if segments.next().is_some() {
            return Err(SHAPE);
        }
        let signed = header.len().saturating_add(payload.len()).saturating_add(1);
        let signature =
            base64url::decode_exactly(signature).ok_or(Malformed("a signature that is not 64 bytes"))?;
        let (alg, kid) = with_decoded(header, |header| read_header(header, kind))?;
        Ok(Self {
            signing_input: text.get(..signed).ok_or(SHAPE)?,
            payload,
            alg,
            kid,
            signature: Signature::new(signature),
        })
    }

    /// Decodes the payload for `read`.
    pub(crate) fn read_payload<T>(&self, read: impl FnOnce(&[u8]) -> Parsed<T>) -> Parsed<T> {
        with_decoded(self.payload, read)
    }
}

/// The parts between `separator`s. `memchr` searches with vector instructions, because hostile headers can be long.
pub(crate) fn split(separator: u8, text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let whole = rest.take()?;
        let Some(end) = memchr::memchr(separator, whole) else { return Some(whole) };
        rest = whole.get(end.saturating_add(1)..);
        whole.get(..end)
    })
}

fn with_decoded<T>(segment: &[u8], read: impl FnOnce(&[u8]) -> Parsed<T>) -> Parsed<T> {
    let mut buffer = [0; MAX_SEGMENT_BYTES];
    let decoded = base64url::decode_into(segment, &mut buffer)
        .ok_or(Malformed("a segment that is not canonical base64url"))?;
    read(decoded)
}

fn read_header(header: &[u8], kind: TokenKind) -> Parsed<(Algorithm, Option<Box<str>>)> {
    let (mut alg, mut typ, mut kid) = (None, None, None);
    let mut reader = JsonReader::new(header)?;
    reader.object(|r, name| {
        let slot = match name {
            "alg" => &mut alg,
            "typ" => &mut typ,
            "kid" if kind.has_kid() => &mut kid,
            _ => return Err(Malformed("a header has an unknown member")),
        };
        let value = r.string()?;
        value.without_escapes().ok_or(Malformed("a header has escapes"))?;
        set_once(slot, value)
    })?;
    reader.end()?;
    if !required(typ, "a header lacks `typ`")?.is(kind.typ()) {
        return Err(Malformed("a header has the `typ` of another kind of token"));
    }
    let alg = Algorithm::named(required(alg, "a header lacks `alg`")?)
        .ok_or(Malformed("a header has an `alg` other than ES256, Ed25519 and EdDSA"))?;
    let kid = match kid {
        Some(kid) if kid.with(formats::is_kid) == Some(true) => Some(kid.to_box()),
        Some(_) => return Err(Malformed("`kid` is not 1 to 64 letters, digits, `.`, `_` and `-`")),
        None if kind.has_kid() => return Err(Malformed("a header lacks `kid`")),
        None => None,
    };
    Ok((alg, kid))
}
