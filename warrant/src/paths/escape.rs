//! One segment of a path: its alphabet, its escapes, and its text with the escapes undone.

/// Whether `segment` reads the same everywhere: `pchar` without `;`, escapes only of what must be escaped, UTF-8 in
/// its shortest form without C1 controls when undone, and neither `.` nor `..`. An empty segment is good here; only
/// its place says whether it may stand.
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

/// The bytes that `segment` stands for. Only of a segment that is unambiguous.
pub(super) fn undone(segment: &str) -> impl Iterator<Item = u8> + '_ {
    let mut rest = segment.as_bytes();
    std::iter::from_fn(move || match rest {
        [] => None,
        [b'%', high, low, after @ ..] => {
            rest = after;
            // An escape that is none cannot stand here; NUL is what no literal can hold.
            Some(byte(*high, *low).unwrap_or(0))
        }
        [plain, after @ ..] => {
            rest = after;
            Some(*plain)
        }
    })
}

/// Whether two unambiguous segments are the same text.
pub(super) fn same(one: &str, two: &str) -> bool {
    if one.contains('%') || two.contains('%') { undone(one).eq(undone(two)) } else { one == two }
}

/// RFC 3986 `pchar`, written as itself, without `;`: some upstreams cut path parameters off there.
fn is_unescaped(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@')
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Steps over one escaped character, behind its first `%`. Outside of escapes everything is ASCII, so the bytes of one
/// character are escapes in a row.
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

/// ASCII that an escape may stand for: what two readers would both keep as it is.
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
    fn undone_is_shortest_utf8_without_c1() {
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
    fn segments_are_the_same_with_escapes_undone() {
        assert!(same("a%3Ab", "a:b") && same("%3a", "%3A") && same("%C3%A9", "%c3%a9"));
        assert!(!same("a", "A") && !same("a%3A", "a"));
    }
}
