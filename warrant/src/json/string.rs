//! A string in a JSON text, still with its escapes.

use crate::limits::MAX_STRING_BYTES;

/// The text between two quotes. It is valid UTF-8, and all its escapes are good.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonString<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> JsonString<'a> {
    /// Takes the text between the quotes, which has no escape.
    pub(super) const fn plain(raw: &'a str) -> Self {
        Self { raw, escaped: false }
    }

    /// Takes the text between the quotes. `None` when an escape is invalid, or is one half of a surrogate pair.
    pub(super) fn escaped(raw: &'a str) -> Option<Self> {
        let mut undo = Unescape { rest: raw };
        while !undo.rest.is_empty() {
            undo.step()?;
        }
        Some(Self { raw, escaped: true })
    }

    /// The characters, with escapes undone.
    pub(crate) fn chars(self) -> impl Iterator<Item = char> + Clone + use<'a> {
        Unescape { rest: self.raw }
    }

    /// Whether the string equals `other`, with escapes undone.
    pub(crate) fn is(self, other: &str) -> bool {
        if self.escaped { self.chars().eq(other.chars()) } else { self.raw == other }
    }

    /// The text, if it has no escapes.
    pub(crate) fn without_escapes(self) -> Option<&'a str> {
        (!self.escaped).then_some(self.raw)
    }

    /// Calls `look` with the unescaped text, without allocating. `None` when it is longer than any string may be.
    pub(crate) fn with<T>(self, look: impl FnOnce(&str) -> T) -> Option<T> {
        if let Some(plain) = self.without_escapes() {
            return (plain.len() <= MAX_STRING_BYTES).then(|| look(plain));
        }
        let mut buffer = [0_u8; MAX_STRING_BYTES];
        let mut free = buffer.as_mut_slice();
        let mut used = 0_usize;
        for c in self.chars() {
            let width = c.len_utf8();
            let (target, rest) = free.split_at_mut_checked(width)?;
            c.encode_utf8(target);
            free = rest;
            used = used.checked_add(width)?;
        }
        buffer.get(..used).and_then(|bytes| std::str::from_utf8(bytes).ok()).map(look)
    }

    /// The unescaped text, owned.
    pub(crate) fn to_box(self) -> Box<str> {
        match self.without_escapes() {
            Some(plain) => plain.into(),
            None => self.chars().collect::<String>().into(),
        }
    }

    /// A hash of the unescaped text. It is good enough for a table, and not for security.
    pub(super) fn hash(self) -> u32 {
        let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        match self.without_escapes() {
            Some(plain) => plain.bytes().fold(0x811c_9dc5, step),
            None => self.chars().fold(0x811c_9dc5, |hash, c| {
                let mut buffer = [0; 4];
                c.encode_utf8(&mut buffer).bytes().fold(hash, step)
            }),
        }
    }

    /// Compares the unescaped texts, so that `a` and `\u0061` are equal.
    #[inline(never)] // the sort that calls it in many places would be several times as large
    pub(super) fn compare(self, other: Self) -> std::cmp::Ordering {
        match (self.without_escapes(), other.without_escapes()) {
            (Some(one), Some(two)) => one.cmp(two),
            _ => self.chars().cmp(other.chars()),
        }
    }
}

/// Reads characters and undoes escapes.
#[derive(Clone)]
struct Unescape<'a> {
    rest: &'a str,
}

impl Unescape<'_> {
    fn step(&mut self) -> Option<char> {
        match self.plain()? {
            '\\' => match self.plain()? {
                same @ ('"' | '\\' | '/') => Some(same),
                'b' => Some('\u{8}'),
                'f' => Some('\u{c}'),
                'n' => Some('\n'),
                'r' => Some('\r'),
                't' => Some('\t'),
                'u' => self.utf16(),
                _ => None,
            },
            c => Some(c),
        }
    }

    fn plain(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        Some(c)
    }

    fn utf16(&mut self) -> Option<char> {
        let first = self.unit()?;
        if !(0xd800..=0xdfff).contains(&first) {
            return char::from_u32(u32::from(first));
        }
        self.rest = self.rest.strip_prefix("\\u")?;
        let pair = [first, self.unit()?];
        let mut decoded = char::decode_utf16(pair);
        let c = decoded.next()?.ok()?;
        decoded.next().is_none().then_some(c)
    }

    fn unit(&mut self) -> Option<u16> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        // `from_str_radix` alone would also accept a sign.
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
    }
}

impl Iterator for Unescape<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        // `JsonString::escaped` has checked every escape, so a step fails only at the end.
        self.step()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone() {
        let text = JsonString::escaped(r#"a\u0062\/\"\\\n\uD83D\ude00é"#).unwrap();
        assert_eq!(&*text.to_box(), "ab/\"\\\n😀é");
        assert_eq!(text.with(str::len), Some(12));
        assert!(text.is("ab/\"\\\n😀é") && !text.is("ab"));
    }

    #[test]
    fn broken_escapes_and_lone_surrogates_are_refused() {
        for bad in
            ["\\", "\\x", "\\u", "\\u12", "\\u+123", "\\ud800", "\\udc00", "\\ud800\\u0041", "\\ud800\\ud800"]
        {
            assert!(JsonString::escaped(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn strings_are_compared_without_their_escapes() {
        let (one, two) = (JsonString::escaped("a").unwrap(), JsonString::escaped("\\u0061").unwrap());
        assert!(one.compare(two).is_eq());
        assert!(one.compare(JsonString::escaped("b").unwrap()).is_lt());
    }

    #[test]
    fn a_text_longer_than_any_string_is_not_looked_at() {
        let long = "x".repeat(257);
        assert_eq!(JsonString::escaped(&long).unwrap().with(str::len), None);
        let escaped = format!("\\u0061{}", "x".repeat(256));
        assert_eq!(JsonString::escaped(&escaped).unwrap().with(str::len), None);
        assert_eq!(JsonString::escaped(escaped.split_at(261).0).unwrap().with(str::len), Some(256));
    }
}
