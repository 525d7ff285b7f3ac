//! One segment of a path: which characters and escapes it may have, and its text with the escapes undone.

/// Whether every reader reads `segment` in the same way. It consists of `pchar` without `;`. It escapes only what must
/// be escaped. With its escapes undone it is UTF-8 in the shortest form, without C1 controls. It is neither `.` nor
/// `..`. An empty segment is accepted here: whether it is allowed depends on its position.
pub(super) fn is_unambiguous(segment: &str) -> bool {
    let mut rest = segment.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let good = match first {
            b'%' => escaped_char(&mut rest).is_some(),
            plain => is_unescaped(*plain),
        };
        if !good {
            return false;
        }
    }
    segment != "." && segment != ".."
}

/// The bytes of `segment` with its escapes undone. The segment must be unambiguous.
pub(super) fn unescaped(segment: &str) -> impl Iterator<Item = u8> + '_ {
    let mut rest = segment.as_bytes();
    std::iter::from_fn(move || match rest {
        [] => None,
        [b'%', high, low, after @ ..] => {
            rest = after;
            // An unambiguous segment has no invalid escape. NUL is safe: no literal can contain it.
            Some(byte(*high, *low).unwrap_or(0))
        }
        [plain, after @ ..] => {
            rest = after;
            Some(*plain)
        }
    })
}

/// Whether two unambiguous segments are the same text.
pub(super) fn is_same_text(one: &str, two: &str) -> bool {
    if one.contains('%') || two.contains('%') { unescaped(one).eq(unescaped(two)) } else { one == two }
}

/// Unescaped RFC 3986 `pchar` without `;`: some upstreams cut off path parameters at `;`.
fn is_unescaped(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@')
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Reads one escaped character; its first `%` is already read. Everything outside of escapes is ASCII, so all bytes of
/// the character are escaped, one after the other.
fn escaped_char(rest: &mut &[u8]) -> Option<char> {
    let first = escaped_byte(rest)?;
    let width = match first {
        0..0x80 => 1,
        0xc2..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0..0xf5 => 4,
        _ => return None,
    };
    if width == 1 {
        return may_be_escaped(first).then_some(char::from(first));
    }
    let mut bytes = [first, 0, 0, 0];
    for slot in bytes.get_mut(1..width)? {
        *rest = rest.strip_prefix(b"%")?;
        *slot = escaped_byte(rest)?;
    }
    let c = std::str::from_utf8(bytes.get(..width)?).ok()?.chars().next()?;
    (!c.is_control()).then_some(c)
}

/// The ASCII characters that may be escaped: every reader keeps them as they are.
fn may_be_escaped(byte: u8) -> bool {
    !is_unreserved(byte)
        && !byte.is_ascii_control()
        && !matches!(byte, b'/' | b'\\' | b';' | b'%' | b'?' | b'#')
}

fn escaped_byte(rest: &mut &[u8]) -> Option<u8> {
    let [high, low, after @ ..] = *rest else { return None };
    *rest = after;
    byte(*high, *low)
}

fn byte(high: u8, low: u8) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    digit(high)?.checked_mul(16)?.checked_add(digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ascii_byte_has_at_most_one_way_to_be_written_plainly() {
        for b in 0..0x80_u8 {
            let plain = char::from(b).to_string();
            let escaped = format!("a%{b:02x}");
            let free = b.is_ascii_alphanumeric() || b"-._~".contains(&b);
            let sub = b"!$&'()*+,=:@".contains(&b);
            let others = b" \"<>[]^`{|}".contains(&b);
            assert_eq!(is_unambiguous(&format!("a{plain}")), free || sub, "{b:x}");
            assert_eq!(is_unambiguous(&escaped), sub || others, "{escaped}");
            assert_eq!(is_unambiguous(&escaped), is_unambiguous(&escaped.to_uppercase()));
        }
    }

    #[test]
    fn an_unescaped_segment_is_shortest_utf8_without_c1() {
        for good in ["%C3%A9", "%e2%82%ac", "%F0%9F%98%80", "a%C2%A0b", "", "...", "%EF%BF%BD"] {
            assert!(is_unambiguous(good), "{good}");
        }
        for bad in [
            "%C0%AF",
            "%E0%80%AF",
            "%ED%A0%80",
            "%F5%80%80%80",
            "%F4%90%80%80",
            "%80",
            "%C3",
            "%C3a",
            "%C3%28",
            "%C2%80",
            "%C2%9F",
            "%FF",
            "%",
            "%4",
            "%zz",
            "%2G",
            "%+1",
            "é",
            ".",
            "..",
            "%2e",
            "%2E%2E",
        ] {
            assert!(!is_unambiguous(bad), "{bad}");
        }
    }

    #[test]
    fn segments_are_compared_with_escapes_undone() {
        assert!(
            is_same_text("a%3Ab", "a:b") && is_same_text("%3a", "%3A") && is_same_text("%C3%A9", "%c3%a9")
        );
        assert!(!is_same_text("a", "A") && !is_same_text("a%3A", "a"));
    }
}
