//! Reads arguments from a query: split at `&`, name and value percent-decoded once.
//!
//! Upstreams read `+` differently (a space or a plus), and `;` too (a separator or a character). So a parameter that any of them
//! could take for a declared one must contain neither.

/// The decoded parameters of a query, in order.
pub(super) type Parameters = Vec<(String, String)>;

/// Reads a query on a route that declares these names.
pub(super) fn parameters(query: &[u8], declared: &[&str]) -> Result<Parameters, String> {
    let mut all = Parameters::new();
    for piece in query.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()) {
        let (name, value) = halves(piece);
        let parameter = (decoded(name)?, decoded(value)?);
        check_separators(piece, &parameter.0, declared)?;
        if declared.contains(&parameter.0.as_str()) && all.iter().any(|(name, _)| *name == parameter.0) {
            return Err(format!("`{}` occurs twice", parameter.0));
        }
        all.push(parameter);
    }
    Ok(all)
}

/// Whether a query has any parameter. For a route that declares none: nothing is decoded.
pub(super) fn has_parameters(query: &[u8]) -> bool {
    query.iter().any(|byte| *byte != b'&')
}

fn halves(piece: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = piece.splitn(2, |byte| *byte == b'=');
    (halves.next().unwrap_or_default(), halves.next().unwrap_or_default())
}

/// Refuses a part of the query that two parsers could read differently, if one of them finds a declared parameter.
fn check_separators(piece: &[u8], parameter: &str, declared: &[&str]) -> Result<(), String> {
    if !piece.iter().any(|byte| matches!(byte, b'+' | b';')) {
        return Ok(());
    }
    for part in piece.split(|byte| *byte == b';') {
        let name = decoded(halves(part).0)?;
        let with_spaces: Vec<u8> =
            halves(part).0.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        if declared.contains(&name.as_str()) || declared.contains(&decoded(&with_spaces)?.as_str()) {
            return Err(format!(
                "`{parameter}` contains `+` or `;`, which servers read in different ways; write %2B or %3B"
            ));
        }
    }
    Ok(())
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
                    .ok_or("an escape must be `%` and two hexadecimal digits")?,
            );
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).map_err(|_| "bytes that are not UTF-8".to_owned())
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
    fn a_query_is_split_and_decoded_once() {
        assert_eq!(read("a=1&b=2"), pairs(&[("a", "1"), ("b", "2")]));
        assert_eq!(read("%61=%2531"), pairs(&[("a", "%31")]));
        assert_eq!(read("&&a&"), pairs(&[("a", "")]));
        assert_eq!(read("a=b=c"), pairs(&[("a", "b=c")]));
        assert_eq!(read("a=%2B%3B"), pairs(&[("a", "+;")]));
        assert_eq!(read("b=1+2&b=3;4"), pairs(&[("b", "1+2"), ("b", "3;4")]));
        assert_eq!(read("=1"), pairs(&[("", "1")]));
    }

    #[test]
    fn what_two_readers_would_read_differently_is_refused() {
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
    fn an_empty_query_has_no_parameters() {
        assert!(!has_parameters(b"") && !has_parameters(b"&&"));
        assert!(has_parameters(b"a") && has_parameters(b"&="));
    }
}
