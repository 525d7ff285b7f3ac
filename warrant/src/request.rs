//! The parts of a request that a warrant is about: the headers `Warrant` and `Warrant-Proof`, and the target.

use crate::{denial::Denial, formats, limits::MAX_STRING_BYTES, paths::RawPath};

/// The one value of a header, given all values that the request has for it.
///
/// `None` when the request does not have the header. An empty value is returned like any other.
///
/// # Errors
/// [`Denial::RequestAmbiguous`] for a second value, a comma (it may be two headers that a proxy joined) or a byte
/// outside ASCII.
pub fn single_header<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Result<Option<&'a [u8]>, Denial> {
    let Some(value) = values.next() else { return Ok(None) };
    let ambiguous = values.next().is_some() || !value.is_ascii() || value.contains(&b',');
    if ambiguous { Err(Denial::RequestAmbiguous) } else { Ok(Some(value)) }
}

/// A canonical host name, with its port if it has one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(Box<str>);

impl Host {
    /// Reads a canonical host name. `None` when `text` has another form.
    pub fn parse(text: &str) -> Option<Self> {
        formats::is_host(text).then(|| Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The method of a request. A warrant can only name methods of upper-case letters. A request may have another method,
/// which no warrant covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Method(Box<str>);

impl Method {
    /// Reads a token as HTTP defines it. `None` when `text` has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let good = (1..=MAX_STRING_BYTES).contains(&text.len()) && text.bytes().all(is_token);
        good.then(|| Self(text.into()))
    }

    /// The token.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a request is for, in the names that warrants and routes use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The canonical host: the result of looking up the proxy's aliases.
    pub host: Host,
    /// The method.
    pub method: Method,
    /// The path exactly as received.
    pub path: RawPath<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_one_value_in_ascii_without_a_comma() {
        let header = |values: &[&'static str]| single_header(values.iter().map(|v| v.as_bytes()));
        assert_eq!(header(&[]), Ok(None));
        assert_eq!(header(&[""]), Ok(Some(&b""[..])));
        assert_eq!(header(&["a b"]), Ok(Some(&b"a b"[..])));
        for bad in [&["a", "a"][..], &["a,a"], &[","], &["é"], &["", ""]] {
            assert_eq!(header(bad), Err(Denial::RequestAmbiguous), "{bad:?}");
        }
    }

    #[test]
    fn methods_of_requests_are_tokens() {
        assert!(Method::parse("M-SEARCH").is_some() && Method::parse("get").is_some());
        assert!(
            Method::parse("").is_none() && Method::parse("G ET").is_none() && Method::parse("GÉT").is_none()
        );
    }
}
