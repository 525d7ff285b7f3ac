//! An argument out of a header.

/// The one value of a header, where there is one. Envoy joins two headers with a comma, so a comma may be two.
pub(super) fn value<'a>(values: &[&'a [u8]]) -> Result<Option<&'a str>, &'static str> {
    match values {
        [] => Ok(None),
        [one] if one.contains(&b',') => Err("it holds a comma: it may be two headers"),
        [one] => std::str::from_utf8(one).map(Some).map_err(|_| "it is no UTF-8"),
        _ => Err("it is there twice"),
    }
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn a_header_is_there_once_and_whole() {
        assert_eq!(value(&[]), Ok(None));
        assert_eq!(value(&[b"a b"]), Ok(Some("a b")));
        assert_eq!(value(&[b""]), Ok(Some("")));
        for bad in [&[&b"a"[..], b"b"][..], &[b"a,b"], &[b"\xff"]] {
            assert!(value(bad).is_err(), "{bad:?}");
        }
    }
}
