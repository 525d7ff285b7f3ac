//! Parsers for values on the command line.

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
