//! The headers of a request that the gate reads. Each must occur once, or the request is ambiguous.

use warrant::{Denial, Method, single_header};

/// A header as the proxy passes it: name and value.
pub type Header = (String, Vec<u8>);

/// The parts of a request that the gate looks at.
#[derive(Clone, Debug)]
pub struct RequestHead<'a> {
    /// `:method`
    pub method: Method,
    /// `:authority`, exactly as received.
    pub authority: &'a [u8],
    /// `:path` with its query, exactly as received.
    pub path: &'a [u8],
    /// The value of `Warrant`. An empty value counts as none.
    pub warrant: Option<&'a [u8]>,
}

/// The request line as it is now, byte by byte, valid or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestLine<'a> {
    /// `:method`
    pub(crate) method: &'a [u8],
    /// `:authority`
    pub(crate) authority: &'a [u8],
    /// `:path` with its query.
    pub(crate) path: &'a [u8],
}

impl<'a> RequestLine<'a> {
    /// `None` if a part is missing or occurs twice.
    pub(crate) fn read(headers: &'a [Header]) -> Option<Self> {
        let method = only(headers, ":method")?;
        Some(Self { method, authority: only(headers, ":authority")?, path: only(headers, ":path")? })
    }
}

fn values<'a>(headers: &'a [Header], wanted: &'static str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| value.as_slice())
}

/// The value of a header that occurs once.
fn only<'a>(headers: &'a [Header], name: &'static str) -> Option<&'a [u8]> {
    let mut values = values(headers, name);
    values.next().filter(|_| values.next().is_none())
}

impl<'a> RequestHead<'a> {
    /// Reads all headers of a request. If one header is requested by name, Envoy returns only the first of several. Only
    /// a look at all headers shows that there is exactly one.
    ///
    /// # Errors
    /// [`Denial::RequestAmbiguous`].
    pub fn read(headers: &'a [Header]) -> Result<Self, Denial> {
        let RequestLine { method, authority, path } =
            RequestLine::read(headers).ok_or(Denial::RequestAmbiguous)?;
        let method = std::str::from_utf8(method).ok().and_then(Method::parse);
        let warrant = single_header(values(headers, "warrant"))?.filter(|value| !value.is_empty());
        single_header(values(headers, "warrant-proof"))?; // it must not be ambiguous, even if no route needs it
        Ok(Self { method: method.ok_or(Denial::RequestAmbiguous)?, authority, path, warrant })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(more: &[(&str, &[u8])]) -> Vec<Header> {
        let all = [(":method", &b"GET"[..]), (":authority", b"a"), (":path", b"/x,y?z"), ("accept", b"*/*")];
        all.iter().chain(more).map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect()
    }

    #[test]
    fn each_header_is_found_among_the_others() {
        let headers = headers(&[("warrant", b"w~x"), ("warrant-proof", b"p"), ("warranty", b"no")]);
        let head = RequestHead::read(&headers).unwrap();
        assert_eq!(head.method.as_str(), "GET");
        assert_eq!((head.authority, head.path, head.warrant), (&b"a"[..], &b"/x,y?z"[..], Some(&b"w~x"[..])));
    }

    #[test]
    fn an_empty_warrant_counts_as_none() {
        assert_eq!(RequestHead::read(&headers(&[])).unwrap().warrant, None);
        assert_eq!(RequestHead::read(&headers(&[("warrant", b"")])).unwrap().warrant, None);
    }

    #[test]
    fn a_header_that_occurs_twice_is_ambiguous() {
        let twice: [&[(&str, &[u8])]; 9] = [
            &[("warrant", b"w"), ("warrant", b"w")],
            &[("warrant", b"w"), ("warrant", b"")],
            &[("warrant", b"w,w")],
            &[("warrant", b"w\xc3\xa4")],
            &[("warrant-proof", b"p"), ("warrant-proof", b"q")],
            &[("warrant-proof", b"p,q")],
            &[(":path", b"/x,y?z")],
            &[(":authority", b"b")],
            &[(":method", b"GET")],
        ];
        for more in twice {
            assert_eq!(RequestHead::read(&headers(more)).err(), Some(Denial::RequestAmbiguous), "{more:?}");
        }
    }

    #[test]
    fn a_request_without_method_authority_or_path_is_ambiguous() {
        for missing in [":method", ":authority", ":path"] {
            let mut headers = headers(&[]);
            headers.retain(|(name, _)| name != missing);
            assert_eq!(RequestHead::read(&headers).err(), Some(Denial::RequestAmbiguous), "{missing}");
        }
        for method in [&b""[..], b"\xff", b"GET "] {
            let mut headers = headers(&[]);
            headers[0].1 = method.to_vec();
            assert_eq!(
                RequestHead::read(&headers).err(),
                Some(Denial::RequestAmbiguous),
                "{}",
                method.escape_ascii()
            );
        }
    }
}
