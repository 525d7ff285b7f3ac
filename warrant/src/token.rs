//! One compact JWS: its three segments, its closed header, its 64 bytes of signature. Warrants and proofs alike.

use crate::{
    base64url,
    json::{Malformed, Reader, once, required},
    key::Algorithm,
    limits::MAX_SEGMENT_BYTES,
    rules,
    signature::Signature,
};

type Read<T> = Result<T, Malformed>;

/// The three kinds of token of ours, told apart by their headers alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Root,
    Link,
    Proof,
}

/// A token of good form but for its payload, which nobody has read yet.
#[derive(Clone, Debug)]
pub(crate) struct Token<'a> {
    /// The first two segments with the dot between: what was signed.
    pub(crate) signing_input: &'a [u8],
    pub(crate) payload: &'a [u8],
    pub(crate) alg: Algorithm,
    /// On a root; borrowed, since a header is written without escapes.
    pub(crate) kid: Option<Box<str>>,
    pub(crate) signature: Signature,
}

impl<'a> Token<'a> {
    pub(crate) fn parse(text: &'a [u8], kind: Kind) -> Read<Self> {
        const SHAPE: Malformed = Malformed("not three segments");
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
    pub(crate) fn read_payload<T>(&self, read: impl FnOnce(&[u8]) -> Read<T>) -> Read<T> {
        with_decoded(self.payload, read)
    }
}

/// What stands between `separator`s. The search is a vector instruction's, since hostile headers are long.
pub(crate) fn split(separator: u8, text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let whole = rest.take()?;
        let Some(end) = memchr::memchr(separator, whole) else { return Some(whole) };
        rest = whole.get(end.saturating_add(1)..);
        whole.get(..end)
    })
}

fn with_decoded<T>(segment: &[u8], read: impl FnOnce(&[u8]) -> Read<T>) -> Read<T> {
    let mut room = [0; MAX_SEGMENT_BYTES];
    let decoded = base64url::decode_into(segment, &mut room)
        .ok_or(Malformed("a segment that is not canonical base64url"))?;
    read(decoded)
}

fn read_header(header: &[u8], kind: Kind) -> Read<(Algorithm, Option<Box<str>>)> {
    let typ_of_kind = if kind == Kind::Proof { "warrant-proof+jwt" } else { "warrant+jwt" };
    let (mut alg, mut typ, mut kid) = (None, None, None);
    let mut reader = Reader::new(header)?;
    reader.object(|r, name| {
        let slot = match name {
            "alg" => &mut alg,
            "typ" => &mut typ,
            "kid" if kind == Kind::Root => &mut kid,
            _ => return Err(Malformed("a header has a member that does not belong there")),
        };
        let value = r.string()?;
        value.unescaped().ok_or(Malformed("a header is written with escapes"))?;
        once(slot, value)
    })?;
    reader.end()?;
    if !required(typ, "a header lacks `typ`")?.is(typ_of_kind) {
        return Err(Malformed("a `typ` of another kind"));
    }
    let alg = Algorithm::named(required(alg, "a header lacks `alg`")?)
        .ok_or(Malformed("an `alg` that is none of ours"))?;
    let kid = match kid {
        Some(kid) if kid.with(rules::is_kid) == Some(true) => Some(kid.to_box()),
        Some(_) => return Err(Malformed("`kid`")),
        None if kind == Kind::Root => return Err(Malformed("a root lacks `kid`")),
        None => None,
    };
    Ok((alg, kid))
}
