//! Reads a witness's answer to `add-checkpoint`, as C2SP `tlog-witness` defines it. It does no I/O and verifies no
//! signature. The form of the request is [`ledger::consistency::Consistency`].

use hyper::header::CONTENT_TYPE;

use crate::fetch::Fetched;

/// The content type of an answer that names a size.
const SIZE: &str = "text/x.tlog.size";

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WitnessAnswer {
    /// Signature lines.
    Lines(String),
    /// The request began at another size than the witness holds, which is this one.
    Holds(u64),
    /// The checkpoint does not continue the log that the witness holds.
    Inconsistent,
    /// Anything else, in words.
    Other(String),
}

impl WitnessAnswer {
    pub(super) fn read(fetched: &Fetched) -> WitnessAnswer {
        let body = std::str::from_utf8(&fetched.body).ok();
        match (fetched.status, body) {
            (200, Some(lines)) => WitnessAnswer::Lines(lines.to_owned()),
            (409, Some(size)) if is_size(fetched) => match decimal_line(size) {
                Some(size) => WitnessAnswer::Holds(size),
                None => WitnessAnswer::Other("it answers 409 without a valid size".to_owned()),
            },
            (422, _) => WitnessAnswer::Inconsistent,
            // Witnesses answer with one or the other for an unknown log.
            (status @ (403 | 404), _) => WitnessAnswer::Other(format!(
                "it answers {status}: it does not know this log, or knows another key for it; give it the line of log.vkey"
            )),
            (status, _) => WitnessAnswer::Other(format!("it answers {status}")),
        }
    }
}

fn is_size(fetched: &Fetched) -> bool {
    let kind = fetched.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(SIZE))
}

fn decimal_line(text: &str) -> Option<u64> {
    let digits = text.strip_suffix('\n')?;
    digits.parse().ok().filter(|size: &u64| size.to_string() == digits)
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderMap, HeaderValue};

    use super::*;

    fn answer(status: u16, kind: &str, body: &[u8]) -> WitnessAnswer {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(kind).unwrap());
        WitnessAnswer::read(&Fetched { status, headers, body: body.to_vec() })
    }

    #[test]
    fn every_answer_of_the_protocol_has_its_meaning() {
        assert_eq!(answer(200, "text/plain", b"line\n"), WitnessAnswer::Lines("line\n".to_owned()));
        assert_eq!(answer(409, SIZE, b"0\n"), WitnessAnswer::Holds(0));
        assert_eq!(answer(409, "Text/X.tlog.size; charset=utf-8", b"42\n"), WitnessAnswer::Holds(42));
        assert_eq!(answer(422, "text/plain", b""), WitnessAnswer::Inconsistent);
        for status in [403, 404] {
            let WitnessAnswer::Other(why) = answer(status, "text/plain", b"") else { panic!("{status}") };
            assert!(why.contains("log.vkey"), "{why}");
        }
        assert_eq!(answer(503, "text/plain", b"later"), WitnessAnswer::Other("it answers 503".to_owned()));
        assert_eq!(answer(200, "text/plain", &[0xff]), WitnessAnswer::Other("it answers 200".to_owned()));
    }

    #[test]
    fn a_size_is_accepted_in_its_only_valid_form() {
        for size in
            ["", "\n", "42", "042\n", "+42\n", "-1\n", "42\n\n", " 42\n", "18446744073709551616\n", "4 2\n"]
        {
            assert!(matches!(answer(409, SIZE, size.as_bytes()), WitnessAnswer::Other(_)), "{size:?}");
        }
        assert_eq!(answer(409, "text/plain", b"42\n"), WitnessAnswer::Other("it answers 409".to_owned()));
    }
}
