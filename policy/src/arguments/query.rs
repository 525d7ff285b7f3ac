//! Arguments out of a query: split at `&`, name and value percent-decoded once.
//!
//! Upstreams differ on `+` (a space, or a plus) and on `;` (a separator, or a letter). So a parameter that any of them could take for a
//! declared one has neither.

/// The parameters of a query, decoded, in their order.
pub(super) type Parameters = Vec<(String, String)>;

/// Reads a query on a route that declares some of these names.
pub(super) fn parameters(query: &[u8], declared: &[&str]) -> Result<Parameters, String> {
    let mut all = Parameters::new();
    for piece in query.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()) {
        let (name, value) = halves(piece);
        let parameter = (decoded(name)?, decoded(value)?);
        if is_doubtful(piece, declared)? {
            return Err(format!(
                "`{}`: upstreams differ on `+` and `;`; write them %2B and %3B",
                parameter.0
            ));
        }
        if declared.contains(&parameter.0.as_str()) && all.iter().any(|(name, _)| *name == parameter.0) {
            return Err(format!("`{}` is there twice", parameter.0));
        }
        all.push(parameter);
    }
    Ok(all)
}

/// Whether a query says anything at all, on a route that declares no parameter: nothing of it is decoded.
pub(super) fn says_something(query: &[u8]) -> bool {
    query.iter().any(|byte| *byte != b'&')
}

fn halves(piece: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = piece.splitn(2, |byte| *byte == b'=');
    (halves.next().unwrap_or_default(), halves.next().unwrap_or_default())
}

/// Whether some reader would find a declared parameter in this piece, and another reader another value.
fn is_doubtful(piece: &[u8], declared: &[&str]) -> Result<bool, String> {
    if !piece.iter().any(|byte| matches!(byte, b'+' | b';')) {
        return Ok(false);
    }
    for part in piece.split(|byte| *byte == b';') {
        let name = decoded(halves(part).0)?;
        let with_spaces: Vec<u8> =
            halves(part).0.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        if declared.contains(&name.as_str()) || declared.contains(&decoded(&with_spaces)?.as_str()) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn decoded(text: &[u8]) -> Result<String, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let (high, low) = (bytes.next().and_then(digit), bytes.next().and_then(digit));
            out.push(
                high.zip(low)
                    .map(|(high, low)| high << 4 | low)
                    .ok_or("an escape that is not `%` and two hexadecimal digits")?,
            );
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).map_err(|_| "bytes that are no UTF-8".to_owned())
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Parameters, String> {
        parameters(query.as_bytes(), &["a", "x y"])
    }

    fn pairs(pairs: &[(&str, &str)]) -> Result<Parameters, String> {
        Ok(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn split_and_decoded_once() {
        assert_eq!(read("a=1&b=2"), pairs(&[("a", "1"), ("b", "2")]));
        assert_eq!(read("%61=%2531"), pairs(&[("a", "%31")]));
        assert_eq!(read("&&a&"), pairs(&[("a", "")]));
        assert_eq!(read("a=b=c"), pairs(&[("a", "b=c")]));
        assert_eq!(read("a=%2B%3B"), pairs(&[("a", "+;")]));
        assert_eq!(read("b=1+2&b=3;4"), pairs(&[("b", "1+2"), ("b", "3;4")]));
        assert_eq!(read("=1"), pairs(&[("", "1")]));
    }

    #[test]
    fn what_two_readers_would_read_otherwise() {
        for query in [
            "a=1+2",
            "a=1;2",
            "b=1;a=2",
            "b;a=2",
            "x+y=1",
            "a=1&a=2",
            "a=1&%61=2",
            "b=%",
            "b=%4",
            "b=%zz",
            "%ff=1",
            "b=%ff",
            "a;b=1",
        ] {
            assert!(read(query).is_err(), "{query}");
        }
        assert!(parameters(b"b=\xff", &["a"]).is_err());
    }

    #[test]
    fn an_empty_query_says_nothing() {
        assert!(!says_something(b"") && !says_something(b"&&"));
        assert!(says_something(b"a") && says_something(b"&="));
    }
}
