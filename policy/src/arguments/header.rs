//! Reads an argument from a header.

/// The value of a header, or `None` if it is absent. Envoy joins two headers with a comma, so a comma may mean two.
pub(super) fn value<'a>(values: &[&'a [u8]]) -> Result<Option<&'a str>, &'static str> {
    match values {
        [] => Ok(None),
        [one] if one.contains(&b',') => Err("it contains a comma, so it may be two headers"),
        [one] => std::str::from_utf8(one).map(Some).map_err(|_| "it is not UTF-8"),
        _ => Err("it occurs twice"),
    }
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn a_header_occurs_once_and_has_one_value() {
        assert_eq!(value(&[]), Ok(None));
        assert_eq!(value(&[b"a b"]), Ok(Some("a b")));
        assert_eq!(value(&[b""]), Ok(Some("")));
        for bad in [&[&b"a"[..], b"b"][..], &[b"a,b"], &[b"\xff"]] {
            assert!(value(bad).is_err(), "{bad:?}");
        }
    }
}
