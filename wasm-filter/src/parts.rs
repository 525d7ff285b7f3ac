//! What the gate reads of a request: picked out of all its headers, each there once or the request is ambiguous.

use warrant::{Denial, Method, our_header};

/// A header as the host hands it over.
pub type Header = (String, Vec<u8>);

/// A request, as far as the gate looks at it.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    /// `:method`
    pub method: Method,
    /// `:authority`, as it came
    pub authority: &'a [u8],
    /// `:path`, as it came, with its query
    pub path: &'a [u8],
    /// The value of `Warrant`; none, and an empty one, are the same here.
    pub warrant: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    /// Takes all headers of a request. A host asked for one header by name may answer with the first of several,
    /// as Envoy does: only who sees all of them knows that there is one.
    ///
    /// # Errors
    /// [`Denial::RequestAmbiguous`].
    pub fn read(headers: &'a [Header]) -> Result<Self, Denial> {
        let values = |wanted: &'static str| {
            headers.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| value.as_slice())
        };
        let only = |name| {
            let mut values = values(name);
            values.next().filter(|_| values.next().is_none()).ok_or(Denial::RequestAmbiguous)
        };
        let method = std::str::from_utf8(only(":method")?).ok().and_then(Method::parse);
        let warrant = our_header(values("warrant"))?.filter(|value| !value.is_empty());
        our_header(values("warrant-proof"))?; // wanted or not, it must not be ambiguous
        Ok(Self {
            method: method.ok_or(Denial::RequestAmbiguous)?,
            authority: only(":authority")?,
            path: only(":path")?,
            warrant,
        })
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
    fn each_part_is_picked_out() {
        let headers = headers(&[("warrant", b"w~x"), ("warrant-proof", b"p"), ("warranty", b"no")]);
        let parts = Parts::read(&headers).unwrap();
        assert_eq!(parts.method.as_str(), "GET");
        assert_eq!(
            (parts.authority, parts.path, parts.warrant),
            (&b"a"[..], &b"/x,y?z"[..], Some(&b"w~x"[..]))
        );
    }

    #[test]
    fn none_and_an_empty_warrant_are_the_same() {
        assert_eq!(Parts::read(&headers(&[])).unwrap().warrant, None);
        assert_eq!(Parts::read(&headers(&[("warrant", b"")])).unwrap().warrant, None);
    }

    #[test]
    fn what_is_there_twice_is_ambiguous() {
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
            assert_eq!(Parts::read(&headers(more)).err(), Some(Denial::RequestAmbiguous), "{more:?}");
        }
    }

    #[test]
    fn a_request_without_its_own_line_is_ambiguous() {
        for missing in [":method", ":authority", ":path"] {
            let mut headers = headers(&[]);
            headers.retain(|(name, _)| name != missing);
            assert_eq!(Parts::read(&headers).err(), Some(Denial::RequestAmbiguous), "{missing}");
        }
        for method in [&b""[..], b"\xff", b"GET "] {
            let mut headers = headers(&[]);
            headers[0].1 = method.to_vec();
            assert_eq!(
                Parts::read(&headers).err(),
                Some(Denial::RequestAmbiguous),
                "{}",
                method.escape_ascii()
            );
        }
    }
}
