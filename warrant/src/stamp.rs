//! The stamp: what an allow leaves with its request inside the proxy, for the seal that runs behind the server's answer.
//!
//! It is one text, because metadata of other types comes back from a proxy in unstable forms, and it is never empty,
//! because an empty one looks like none. Its parts are lines, in a fixed order:
//!
//! ```text
//! stamp 1
//! decision's id
//! until when the stream may run, in seconds
//! marks of everything by which the warrant can be revoked: base64url, 22 characters each, one after the other
//! method
//! authority, as it was sent
//! path with its query, as it was sent
//! ```

use crate::{Mark, Seconds, base64url, statement::DecisionKey};

const FIRST_LINE: &str = "stamp 1";

/// The length of a mark in base64url.
const MARK_CHARACTERS: usize = 22;

/// More marks than any chain has: eight links with four names each.
const MARKS_AT_MOST: usize = 64;

/// What a decision allows: this request line, until then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp<'a> {
    /// The decision's id.
    pub decision: &'a str,
    /// The stream ends then at the latest.
    pub expires: Seconds,
    /// The marks of everything by which the warrant can be revoked; none if no warrant was needed.
    pub marks: Vec<Mark>,
    /// The method.
    pub method: &'a str,
    /// The authority, as it was sent.
    pub authority: &'a str,
    /// The path with its query, as it was sent.
    pub path: &'a str,
}

impl<'a> Stamp<'a> {
    /// The stamp as a text. `None` if a part has a line break, which no request line can have.
    pub fn to_text(&self) -> Option<String> {
        let Self { decision, expires, method, authority, path, .. } = self;
        if [decision, method, authority, path].iter().any(|part| part.contains('\n')) {
            return None;
        }
        let mut marks = String::with_capacity(MARK_CHARACTERS.saturating_mul(self.marks.len()));
        self.marks.iter().for_each(|mark| base64url::encode_into(mark.bytes(), &mut marks));
        Some(format!("{FIRST_LINE}\n{decision}\n{}\n{marks}\n{method}\n{authority}\n{path}", expires.get()))
    }

    /// The 16 bytes of the decision's id, by which a statement lists it. `None` if it is no such id.
    pub fn decision_key(&self) -> Option<DecisionKey> {
        base64url::decode_exactly(self.decision.as_bytes())
    }

    /// Reads a stamp. `None` for everything that [`Self::to_text`] does not write.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(text).ok()?.split('\n');
        let mut line = || lines.next();
        if line()? != FIRST_LINE {
            return None;
        }
        let (decision, expires, marks) = (line()?, line()?, line()?);
        let (method, authority, path) = (line()?, line()?, line()?);
        if lines.next().is_some() || decision.is_empty() {
            return None;
        }
        let seconds: u64 = expires.parse().ok().filter(|seconds: &u64| seconds.to_string() == expires)?;
        Some(Self {
            decision,
            expires: Seconds::new(seconds),
            marks: read_marks(marks)?,
            method,
            authority,
            path,
        })
    }
}

fn read_marks(text: &str) -> Option<Vec<Mark>> {
    let chunks = text.as_bytes().chunks(MARK_CHARACTERS);
    if chunks.len() > MARKS_AT_MOST {
        return None;
    }
    let mark = |chunk: &[u8]| base64url::decode_exactly(chunk).map(Mark::from_bytes);
    chunks.map(mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RevocationKind;

    fn stamp() -> Stamp<'static> {
        Stamp {
            decision: "d1",
            expires: Seconds::new(1_800_000_060),
            marks: vec![
                Mark::of(RevocationKind::Path, "https://a", "x"),
                Mark::of(RevocationKind::Sub, "", "agent:demo"),
            ],
            method: "GET",
            authority: "localhost:10000",
            path: "/hello?x=1",
        }
    }

    #[test]
    fn a_stamp_is_read_as_it_was_written() {
        let text = stamp().to_text().unwrap();
        assert_eq!(Stamp::parse(text.as_bytes()), Some(stamp()));
        let without = Stamp { marks: Vec::new(), ..stamp() };
        assert_eq!(Stamp::parse(without.to_text().unwrap().as_bytes()), Some(without));
    }

    #[test]
    fn nothing_else_is_read() {
        let text = stamp().to_text().unwrap();
        for cut in 0..text.len() - stamp().path.len() {
            assert_eq!(Stamp::parse(&text.as_bytes()[..cut]), None, "cut at {cut}");
        }
        for other in [
            format!("{text}\n"),
            text.replace("stamp 1", "stamp 2"),
            text.replace("\n1800000060\n", "\n01800000060\n"),
            text.replace("\n1800000060\n", "\n+1800000060\n"),
            text.replace("\nd1\n", "\n\n"),
        ] {
            assert_eq!(Stamp::parse(other.as_bytes()), None, "{other}");
        }
        let many = Stamp { marks: vec![stamp().marks[0]; MARKS_AT_MOST + 1], ..stamp() };
        assert_eq!(Stamp::parse(many.to_text().unwrap().as_bytes()), None);
    }

    #[test]
    fn a_part_with_a_line_break_makes_no_stamp() {
        assert_eq!(Stamp { path: "/a\nb", ..stamp() }.to_text(), None);
        assert_eq!(Stamp { decision: "\n", ..stamp() }.to_text(), None);
    }
}
