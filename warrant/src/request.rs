//! The request, as far as a warrant speaks of it: our own headers, and the target.

use crate::{denial::Denial, limits::MAX_STRING_BYTES, paths::RawPath, rules};

/// The one value of a header of ours, given every value that the request has under its name.
///
/// `None` when there is none; an empty value is a value, and missing is what the caller calls it.
///
/// # Errors
/// [`Denial::RequestAmbiguous`] for a second header, a comma (which may be two headers, joined by a proxy) or a byte
/// outside ASCII.
pub fn our_header<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Result<Option<&'a [u8]>, Denial> {
    let Some(value) = values.next() else { return Ok(None) };
    let ambiguous = values.next().is_some() || !value.is_ascii() || value.contains(&b',');
    if ambiguous { Err(Denial::RequestAmbiguous) } else { Ok(Some(value)) }
}

/// A canonical host, exact, with its port where it has one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(Box<str>);

impl Host {
    /// Takes a canonical name. `None` when `text` is none.
    pub fn parse(text: &str) -> Option<Self> {
        rules::is_host(text).then(|| Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The method of a request. A warrant can name only those of upper-case letters; a request may have another, which no
/// warrant covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Method(Box<str>);

impl Method {
    /// Takes a token as HTTP defines it. `None` when `text` is none.
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

/// What the request is for, in the names that warrants and routes use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The canonical host, after the proxy's aliases were looked up.
    pub host: Host,
    /// The method.
    pub method: Method,
    /// The path, as it came.
    pub path: RawPath<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_of_ours_stands_once_in_ascii_without_comma() {
        let header = |values: &[&'static str]| our_header(values.iter().map(|v| v.as_bytes()));
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
