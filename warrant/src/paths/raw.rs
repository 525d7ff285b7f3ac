//! The path of a request, exactly as received.

use super::escape;
use crate::denial::Denial;

/// A raw path that every reader reads in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawPath<'a>(&'a str);

impl<'a> RawPath<'a> {
    /// Splits `path_and_query` at the first `?`. Takes the path if it is unambiguous. The query can be anything, and is
    /// not read here.
    ///
    /// # Errors
    /// [`Denial::RequestAmbiguous`].
    pub fn parse(path_and_query: &'a [u8]) -> Result<(Self, Option<&'a [u8]>), Denial> {
        let mut parts = path_and_query.splitn(2, |b| *b == b'?');
        let path =
            parts.next().and_then(|path| std::str::from_utf8(path).ok()).ok_or(Denial::RequestAmbiguous)?;
        if is_unambiguous(path) { Ok((Self(path), parts.next())) } else { Err(Denial::RequestAmbiguous) }
    }

    /// The path exactly as received.
    pub const fn as_str(&self) -> &'a str {
        self.0
    }

    /// The segments between slashes, exactly as received. After a trailing slash, the last segment is empty.
    pub fn segments(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        self.0.split('/').skip(1)
    }

    /// A segment of an unambiguous path, with its escapes undone.
    pub fn unescaped(segment: &str) -> String {
        String::from_utf8(escape::unescaped(segment).collect()).unwrap_or_default()
    }
}

fn is_unambiguous(path: &str) -> bool {
    let Some(inner) = path.strip_prefix('/') else { return false };
    let mut segments = inner.split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if !escape::is_unambiguous(segment) || (segment.is_empty() && !is_last) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unambiguous_paths() {
        for good in ["/", "/a", "/a/", "/a/b%3Ac", "/a:b@c*", "/...", "/a%20b"] {
            assert!(RawPath::parse(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "*",
            "//",
            "//a",
            "/a//b",
            "/a//",
            "/./a",
            "/a/..",
            "/a/.",
            "/a;b",
            "/a%2Fb",
            "/a%5Cb",
            "/a\\b",
            "/a#b",
            "/a%00",
            "/a b",
            "/é",
            "/a%2e",
            "http://a/b",
            "/a%25",
            "/a%3Bb",
            "/a%3F",
            "/a\"",
            "/a%7F",
            "/a\u{7f}",
        ] {
            assert_eq!(RawPath::parse(bad.as_bytes()), Err(Denial::RequestAmbiguous), "{bad}");
        }
        assert_eq!(RawPath::parse(b"/a\xff"), Err(Denial::RequestAmbiguous));
    }

    #[test]
    fn the_query_can_be_anything() {
        for (text, query) in
            [("/a", None), ("/a?", Some("")), ("/a?b?c#\u{e9}/../;", Some("b?c#\u{e9}/../;"))]
        {
            let (path, found) = RawPath::parse(text.as_bytes()).unwrap();
            assert_eq!((path.as_str(), found), ("/a", query.map(str::as_bytes)));
        }
    }

    #[test]
    fn segments_are_the_texts_between_slashes() {
        let segments =
            |text: &'static str| RawPath::parse(text.as_bytes()).unwrap().0.segments().collect::<Vec<_>>();
        assert_eq!(segments("/"), [""]);
        assert_eq!(segments("/a/b/"), ["a", "b", ""]);
        assert_eq!(RawPath::unescaped("a%3Ab%C3%A9"), "a:bé");
    }
}
