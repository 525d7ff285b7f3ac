//! A cursor over a JSON text. The caller asks for an object, an array, a string, an integer or a boolean.

use super::{JsonString, Malformed, Parsed};
use crate::limits::MAX_INTEGER;

/// A position in a JSON text. A copy remembers the position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonReader<'a> {
    rest: &'a str,
}

impl<'a> JsonReader<'a> {
    /// Starts at the first of `bytes`, which must be UTF-8. A byte order mark is not JSON and is refused like any other
    /// wrong byte.
    pub(crate) fn new(bytes: &'a [u8]) -> Parsed<Self> {
        let rest = std::str::from_utf8(bytes).map_err(|_| Malformed("not UTF-8"))?;
        Ok(Self { rest })
    }

    /// Checks that only white space is left.
    pub(crate) fn end(mut self) -> Parsed<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Malformed("there are bytes after the end of the object")),
        }
    }

    /// Reads an object. `member` gets each member's name and reads its value. Returns the number of members.
    pub(crate) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &'a str) -> Parsed<()>,
    ) -> Parsed<usize> {
        self.members(&mut member)
    }

    /// There is one copy of this for all objects: the module of the gate must be small.
    fn members(&mut self, member: &mut dyn FnMut(&mut Self, &'a str) -> Parsed<()>) -> Parsed<usize> {
        self.expect(b'{', "not an object")?;
        if self.take(b'}') {
            return Ok(0);
        }
        let mut count = 0_usize;
        loop {
            let name = self.name()?;
            member(self, name)?;
            count = count.saturating_add(1);
            if !self.take(b',') {
                self.expect(b'}', "an object does not end")?;
                return Ok(count);
            }
        }
    }

    /// Reads an array. `element` reads each element. Returns the number of elements.
    pub(crate) fn array(&mut self, mut element: impl FnMut(&mut Self) -> Parsed<()>) -> Parsed<usize> {
        self.elements(&mut element)
    }

    fn elements(&mut self, element: &mut dyn FnMut(&mut Self) -> Parsed<()>) -> Parsed<usize> {
        self.expect(b'[', "not an array")?;
        if self.take(b']') {
            return Ok(0);
        }
        let mut count = 0_usize;
        loop {
            element(self)?;
            count = count.saturating_add(1);
            if !self.take(b',') {
                self.expect(b']', "an array does not end")?;
                return Ok(count);
            }
        }
    }

    /// Reads a member's name and the colon after it.
    pub(super) fn name(&mut self) -> Parsed<&'a str> {
        let name =
            self.string()?.without_escapes().ok_or(Malformed("a member's name is written with escapes"))?;
        self.expect(b':', "a member has no value")?;
        Ok(name)
    }

    /// Reads a string.
    pub(crate) fn string(&mut self) -> Parsed<JsonString<'a>> {
        const BAD: Malformed = Malformed("not a string");
        self.expect(b'"', "not a string")?;
        let stop = self.rest.bytes().position(|b| b == b'"' || b == b'\\' || b < 0x20).ok_or(BAD)?;
        let (raw, rest) = self.rest.split_at_checked(stop).ok_or(BAD)?;
        match rest.strip_prefix('"') {
            Some(rest) => {
                self.rest = rest;
                Ok(JsonString::plain(raw))
            }
            None => self.string_with_escapes(),
        }
    }

    #[cold]
    fn string_with_escapes(&mut self) -> Parsed<JsonString<'a>> {
        let mut skip_one = false;
        let end = self.rest.bytes().position(|b| {
            let quoted = std::mem::replace(&mut skip_one, false);
            skip_one = b == b'\\' && !quoted;
            b < 0x20 || (b == b'"' && !quoted)
        });
        let (raw, rest) =
            end.and_then(|end| self.rest.split_at_checked(end)).ok_or(Malformed("a string does not end"))?;
        self.rest = rest.strip_prefix('"').ok_or(Malformed("a string has a control character"))?;
        JsonString::escaped(raw).ok_or(Malformed("a string has a bad escape"))
    }

    /// Reads an integer in the one form that is allowed.
    pub(crate) fn integer(&mut self) -> Parsed<i64> {
        const BAD: Malformed = Malformed("not an integer of at most 2^53-1 in plain digits");
        let negative = self.take(b'-');
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.rest.split_at_checked(digits).ok_or(BAD)?;
        let leading_zero = number.len() > 1 && number.starts_with('0');
        // Otherwise a fraction, an exponent or a letter would be read as the next token.
        let goes_on = rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '+' | '-'));
        let magnitude = number.parse::<i64>().map_err(|_| BAD)?;
        if leading_zero || goes_on || magnitude > MAX_INTEGER || (negative && magnitude == 0) {
            return Err(BAD);
        }
        self.rest = rest;
        Ok(if negative { magnitude.saturating_neg() } else { magnitude })
    }

    /// Reads an integer that is not negative.
    pub(crate) fn natural(&mut self) -> Parsed<u64> {
        u64::try_from(self.integer()?).map_err(|_| Malformed("a negative number"))
    }

    /// Reads `true` or `false`.
    pub(crate) fn boolean(&mut self) -> Parsed<bool> {
        self.peek();
        for (word, value) in [("true", true), ("false", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(Malformed("not a boolean"))
    }

    /// Reads `null`, which is no value here: it can only be skipped.
    fn null(&mut self) -> Parsed<()> {
        self.rest = self.rest.strip_prefix("null").ok_or(Malformed("not a value"))?;
        Ok(())
    }

    /// The next byte that is not white space. It is not consumed.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.rest.as_bytes().first() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.rest = self.rest.get(1..).unwrap_or_default(),
                first => return first.copied(),
            }
        }
    }

    /// This position, as the number of bytes that are left.
    pub(super) fn position(&self) -> usize {
        self.rest.len()
    }

    /// A reader of the same text at `position`.
    pub(super) fn at(&self, position: usize) -> Self {
        let skipped = self.rest.len().saturating_sub(position);
        Self { rest: self.rest.get(skipped..).unwrap_or_default() }
    }

    /// Skips a comma. Returns whether there was one, so whether another element follows.
    pub(super) fn skip_comma(&mut self) -> bool {
        self.take(b',')
    }

    /// Skips the bracket that opens an array or an object.
    pub(super) fn enter(&mut self) -> bool {
        self.take(b'[') || self.take(b'{')
    }

    /// Skips a value of good form. It counts brackets and does not recurse, so it also skips some that have no good form.
    pub(crate) fn skip_value(&mut self) -> Parsed<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek().ok_or(Malformed("a value is missing"))? {
                b'"' => drop(self.string()?),
                b'{' | b'[' => {
                    self.step();
                    depth = depth.saturating_add(1);
                    continue;
                }
                b'}' | b']' => {
                    self.step();
                    depth = depth.saturating_sub(1);
                }
                b',' | b':' => {
                    self.step();
                    continue;
                }
                b't' | b'f' => drop(self.boolean()?),
                b'n' => self.null()?,
                _ => drop(self.integer()?),
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn step(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    fn take(&mut self, wanted: u8) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.step();
        }
        there
    }

    fn expect(&mut self, wanted: u8, otherwise: &'static str) -> Parsed<()> {
        if self.take(wanted) { Ok(()) } else { Err(Malformed(otherwise)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(text: &str) -> JsonReader<'_> {
        JsonReader::new(text.as_bytes()).unwrap()
    }

    #[test]
    fn integers_are_plain_and_bounded() {
        for (text, value) in [("0", 0), ("7", 7), ("-7", -7), (" 10 ", 10), ("9007199254740991", MAX_INTEGER)]
        {
            assert_eq!(reader(text).integer(), Ok(value));
        }
        assert_eq!(reader("-9007199254740991").integer(), Ok(-MAX_INTEGER));
        let bad = [
            "-0",
            "01",
            "+1",
            "1.0",
            "1e3",
            "1E3",
            "9007199254740992",
            "-9007199254740992",
            "",
            "-",
            "\"1\"",
            "- 1",
            "99999999999999999999999999",
            "0x10",
            "NaN",
            "1-",
            "1a",
        ];
        for text in bad {
            assert!(reader(text).integer().is_err(), "{text}");
        }
    }

    #[test]
    fn strings_hold_no_control_characters() {
        assert!(reader("\"a\u{7f}\"").string().is_ok());
        for bad in ["\"a\nb\"", "\"a", "a", "\"a\\\"", "\"\\q\""] {
            assert!(reader(bad).string().is_err(), "{bad}");
        }
        assert!(reader(r#""a\\""#).string().unwrap().is("a\\"));
    }

    #[test]
    fn objects_need_names_colons_and_ends() {
        let read = |text: &str| {
            let mut r = JsonReader::new(text.as_bytes())?;
            let n = r.object(|r, _| r.integer().map(drop))?;
            r.end().map(|()| n)
        };
        assert_eq!(read("{}"), Ok(0));
        assert_eq!(read(" {\t\"a\" : 1 ,\r\n\"b\":2} \n"), Ok(2));
        for bad in [
            "",
            "{",
            "}",
            "{\"a\"}",
            "{\"a\":1,}",
            "{,}",
            "{\"a\":1 \"b\":2}",
            "{\"a\":1}x",
            "{\"a\":1}{}",
            "[]",
            "{\"\\u0061\":1}",
            "{a:1}",
            "\u{feff}{}",
            "{'a':1}",
            "{\"a\":1}//",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(JsonReader::new(b"{\"a\xff\":1}").is_err());
        assert!(JsonReader::new(b"\xed\xa0\x80").is_err(), "a surrogate in UTF-8");
    }

    #[test]
    fn arrays_need_commas_and_ends() {
        let read = |text: &str| reader(text).array(|r| r.boolean().map(drop));
        assert_eq!(read("[]"), Ok(0));
        assert_eq!(read("[true , false]"), Ok(2));
        for bad in ["[true,]", "[,]", "[true", "[true false]", "[True]", "[1]", "{}"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn values_are_skipped() {
        let mut r = reader(r#"{"a":["b}",{"c":[1,true]}],"d":{}} , 7"#);
        r.skip_value().unwrap();
        assert!(r.skip_comma());
        assert_eq!(r.integer(), Ok(7));
    }
}
