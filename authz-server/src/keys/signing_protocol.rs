//! How a server asks another process for a signature over a Unix socket: one request for each connection.
//!
//! The request is its length (4 bytes, big-endian) and then the signing input of a JWS. The answer is a zero byte and the signature
//! of 64 bytes, or a byte of one and the reason in ASCII. Whoever signs reads what it signs and decides for itself. An empty
//! input is always refused: with it a server asks whether anybody is there.

use std::time::Duration;

/// A signing input is at most so long: a statement of a log with many predecessors is.
pub const INPUT_BYTES_AT_MOST: usize = 64 * 1024;
/// A reason is at most so long.
pub const REASON_BYTES_AT_MOST: usize = 256;
/// Everything from the connection to the last byte of the answer takes at most so long.
pub const ANSWERED_WITHIN: Duration = Duration::from_secs(1);

/// The first byte of an answer with a signature.
pub const SIGNED: u8 = 0;
/// The first byte of an answer with a reason.
pub const REFUSED: u8 = 1;

/// The bytes of a request. `None` if the input is too long.
#[must_use]
pub fn request(input: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(input.len()).ok().filter(|_| input.len() <= INPUT_BYTES_AT_MOST)?;
    Some([&length.to_be_bytes()[..], input].concat())
}

/// The bytes of an answer.
#[must_use]
pub fn answer(signed: &Result<[u8; 64], String>) -> Vec<u8> {
    match signed {
        Ok(signature) => [&[SIGNED][..], signature].concat(),
        Err(reason) => {
            let reason = reason.bytes().map(|byte| if byte.is_ascii_graphic() { byte } else { b' ' });
            std::iter::once(REFUSED).chain(reason.take(REASON_BYTES_AT_MOST)).collect()
        }
    }
}

/// Whether bytes have the form of an answer.
#[must_use]
pub fn is_answer(answer: &[u8]) -> bool {
    matches!(answer.split_first(), Some((&(SIGNED | REFUSED), _)))
}

/// What an answer says. The error is the reason for which there is no signature.
pub fn read_answer(answer: &[u8]) -> Result<[u8; 64], String> {
    match answer.split_first() {
        Some((&SIGNED, signature)) => {
            signature.try_into().map_err(|_| "its signature is not 64 bytes long".to_owned())
        }
        Some((&REFUSED, reason)) => Err(format!("it refuses: {}", String::from_utf8_lossy(reason))),
        Some(_) | None => Err("its answer has another form".to_owned()),
    }
}
