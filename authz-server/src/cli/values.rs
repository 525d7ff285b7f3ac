//! Parsers for values on the command line.

use super::out::Failure;

/// NAME=VALUE.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("{text:?} has no `=`: write NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// A duration as in policies: a whole number and s, m or h. Returns seconds.
pub(super) fn duration(text: &str) -> Result<u64, String> {
    let wrong =
        || format!("{text:?} is not a valid duration: write a whole number and s, m or h, such as 60s");
    let (number, seconds) = match text.char_indices().next_back() {
        Some((end, 's')) => (text.get(..end), 1),
        Some((end, 'm')) => (text.get(..end), 60),
        Some((end, 'h')) => (text.get(..end), 3600),
        Some(_) | None => (None, 0),
    };
    let number: u64 = number.and_then(|digits| digits.parse().ok()).ok_or_else(wrong)?;
    number.checked_mul(seconds).filter(|seconds| *seconds > 0).ok_or_else(wrong)
}

/// A value that is given directly, or as @FILE.
pub(super) fn value_or_file(text: &str) -> Result<String, Failure> {
    match text.strip_prefix('@') {
        None => Ok(text.to_owned()),
        Some(file) => {
            let read = std::fs::read_to_string(file)
                .map_err(|e| Failure::new(format!("{file} cannot be read: {e}")))?;
            Ok(read.trim_end().to_owned())
        }
    }
}

/// Any bytes that are given directly, or as @FILE. Nothing is trimmed.
pub(super) fn bytes_or_file(text: &str) -> Result<Vec<u8>, Failure> {
    match text.strip_prefix('@') {
        None => Ok(text.as_bytes().to_owned()),
        Some(file) => std::fs::read(file).map_err(|e| Failure::new(format!("{file} cannot be read: {e}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_whole_numbers_with_a_unit() {
        assert_eq!((duration("60s"), duration("5m"), duration("1h")), (Ok(60), Ok(300), Ok(3600)));
        for bad in ["", "s", "60", "0s", "-1s", "1.5h", "60 s", "1d", "99999999999999999999h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
