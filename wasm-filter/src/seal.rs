//! The position `seal`: lets a request pass only with the stamp of a decision for exactly this request, and only while that
//! decision holds by what is known now. It runs behind the server's answer, and never looks at a warrant. This module does not
//! know the proxy in which it runs. It reads no clock.

use warrant::{Denial, Stamp};

use crate::{
    gate::Governed,
    live_streams::LiveStream,
    request_head::{Header, RequestLine},
};

/// Checks a request with these headers, and with the stamp that the server's answer left with it. Everything that ends a stream
/// that runs is asked here too.
///
/// # Errors
/// [`Denial::Ungoverned`] without the stamp of a decision: the server was not asked, or it did not allow.
/// [`Denial::Altered`] if the decision was about another request line. [`Denial::Expired`] if its time is over. Otherwise why the
/// decision does not hold any more.
pub fn admit(
    stamp: Option<&[u8]>,
    headers: &[Header],
    Governed { held, now }: Governed<'_>,
) -> Result<LiveStream, Denial> {
    let stamp = stamp.and_then(Stamp::parse).ok_or(Denial::Ungoverned)?;
    let decision = stamp.decision_key().ok_or(Denial::Ungoverned)?;
    let line = RequestLine::read(headers).ok_or(Denial::Altered)?;
    let is_same = line.method == stamp.method.as_bytes()
        && line.authority == stamp.authority.as_bytes()
        && line.path == stamp.path.as_bytes();
    if !is_same {
        return Err(Denial::Altered);
    }
    if stamp.expires <= now {
        return Err(Denial::Expired);
    }
    let stream = LiveStream { decision, expires: stamp.expires, marks: stamp.marks.into() };
    match stream.ends_by(held) {
        Some(denial) => Err(denial),
        None => Ok(stream),
    }
}

#[cfg(test)]
mod tests {
    use warrant::{Mark, statement::Held};

    use super::*;
    use crate::testing::{NOW, held_with};

    /// The id whose 16 bytes are all 0.
    const DECISION: &str = "AAAAAAAAAAAAAAAAAAAAAA";
    const MARK: Mark = Mark::from_bytes([9; 16]);

    fn stamp() -> Stamp<'static> {
        Stamp {
            decision: DECISION,
            expires: NOW.plus(60),
            marks: vec![MARK],
            method: "GET",
            authority: "localhost:10000",
            path: "/hello?x=1",
        }
    }

    fn headers(method: &str, authority: &str, path: &str) -> Vec<Header> {
        let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        vec![
            header(":method", method),
            header(":authority", authority),
            header(":path", path),
            header("x", "y"),
        ]
    }

    fn answer_by(held: &Held, stamp: Option<Stamp<'_>>, headers: &[Header]) -> Result<LiveStream, Denial> {
        let text = stamp.map(|stamp| stamp.to_text().unwrap());
        admit(text.as_deref().map(str::as_bytes), headers, Governed { held, now: NOW })
    }

    fn answer(stamp: Option<Stamp<'_>>, headers: &[Header]) -> Result<LiveStream, Denial> {
        answer_by(&held_with(&[], &[]), stamp, headers)
    }

    #[test]
    fn a_request_passes_with_the_stamp_of_its_own_line() {
        let passed = answer(Some(stamp()), &headers("GET", "localhost:10000", "/hello?x=1")).unwrap();
        assert_eq!(passed, LiveStream { decision: [0; 16], expires: NOW.plus(60), marks: [MARK].into() });
    }

    #[test]
    fn without_a_stamp_that_can_be_read_it_is_ungoverned() {
        let headers = headers("GET", "localhost:10000", "/hello?x=1");
        assert_eq!(answer(None, &headers), Err(Denial::Ungoverned));
        for text in [&b""[..], b"stamp 1", b"\xff", b"true", b"{}"] {
            let held = held_with(&[], &[]);
            let denied = admit(Some(text), &headers, Governed { held: &held, now: NOW });
            assert_eq!(denied, Err(Denial::Ungoverned), "{}", text.escape_ascii());
        }
        for decision in ["d1", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAAA=="] {
            assert_eq!(
                answer(Some(Stamp { decision, ..stamp() }), &headers),
                Err(Denial::Ungoverned),
                "{decision}"
            );
        }
    }

    #[test]
    fn the_stamp_of_another_request_line_is_altered() {
        for (method, authority, path) in [
            ("POST", "localhost:10000", "/hello?x=1"),
            ("get", "localhost:10000", "/hello?x=1"),
            ("GET", "localhost", "/hello?x=1"),
            ("GET", "LOCALHOST:10000", "/hello?x=1"),
            ("GET", "localhost:10000", "/hello"),
            ("GET", "localhost:10000", "/hello?x=2"),
            ("GET", "localhost:10000", "/hello?x=1#"),
        ] {
            let denied = answer(Some(stamp()), &headers(method, authority, path));
            assert_eq!(denied, Err(Denial::Altered), "{method} {authority} {path}");
        }
        let mut twice = headers("GET", "localhost:10000", "/hello?x=1");
        twice.push((":path".to_owned(), b"/hello?x=1".to_vec()));
        assert_eq!(answer(Some(stamp()), &twice), Err(Denial::Altered));
        twice.truncate(2);
        assert_eq!(answer(Some(stamp()), &twice), Err(Denial::Altered));
    }

    #[test]
    fn after_its_end_a_stamp_lets_nothing_pass() {
        let headers = headers("GET", "localhost:10000", "/hello?x=1");
        assert_eq!(answer(Some(Stamp { expires: NOW, ..stamp() }), &headers), Err(Denial::Expired));
    }

    #[test]
    fn a_decision_that_does_not_hold_any_more_lets_nothing_pass() {
        let headers = headers("GET", "localhost:10000", "/hello?x=1");
        let revoked = held_with(&[MARK], &[([0; 16], Denial::ConditionUnmet)]);
        assert_eq!(answer_by(&revoked, Some(stamp()), &headers), Err(Denial::Revoked));
        let ended = held_with(&[], &[([0; 16], Denial::ConditionUnmet)]);
        assert_eq!(answer_by(&ended, Some(stamp()), &headers), Err(Denial::ConditionUnmet));
        let others = held_with(&[Mark::from_bytes([8; 16])], &[([1; 16], Denial::ConditionUnmet)]);
        assert!(answer_by(&others, Some(stamp()), &headers).is_ok());
    }
}
