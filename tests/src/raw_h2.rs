//! HTTP/2 frames that are written by hand, so that header fields can have any bytes. It knows just enough of HPACK to write
//! fields without any table, and to read the status of a response.

use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::condition::LONGEST_WAIT;

const HEADERS: u8 = 1;
const RESET_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;
/// The flags END_STREAM and END_HEADERS.
const WHOLE: u8 = 0x5;

/// A field of a request: name and value.
pub type Field = (Vec<u8>, Vec<u8>);

/// Sends one request without a body over a connection of its own. Returns the status, or nothing if the proxy ended the
/// stream or the connection instead of answering.
///
/// # Panics
/// When neither happens within [`LONGEST_WAIT`].
pub async fn exchange(to: SocketAddr, fields: &[Field]) -> Option<u16> {
    let block: Vec<u8> = fields
        .iter()
        // A literal field that enters no table, with a name that is written out.
        .flat_map(|(name, value)| [&[0][..], &text(name), &text(value)].concat())
        .collect();
    let sent = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &frame(SETTINGS, 0, 0, &[])[..],
        &frame(HEADERS, WHOLE, 1, &block),
    ];
    let mut stream = TcpStream::connect(to).await.expect("the proxy listens");
    // The proxy may close the connection before it has read everything.
    let _ = stream.write_all(&sent.concat()).await;
    let answer = tokio::time::timeout(LONGEST_WAIT, answer(&mut stream)).await;
    answer.unwrap_or_else(|_| panic!("no end within {LONGEST_WAIT:?}: {}", block.escape_ascii()))
}

async fn answer(stream: &mut TcpStream) -> Option<u16> {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).expect("64 bits")];
        stream.read_exact(&mut payload).await.ok()?;
        match head[3] {
            HEADERS => return Some(status(&payload)),
            RESET_STREAM | GO_AWAY => return None,
            _ => {}
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A string of HPACK without Huffman's code: the length with a prefix of 7 bits, and the bytes.
fn text(bytes: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    if bytes.len() < 127 {
        written.push(u8::try_from(bytes.len()).expect("less than 127"));
    } else {
        written.push(127);
        let mut rest = bytes.len() - 127;
        while rest >= 128 {
            written.push(u8::try_from(rest % 128).expect("7 bits") | 128);
            rest /= 128;
        }
        written.push(u8::try_from(rest).expect("7 bits"));
    }
    written.extend_from_slice(bytes);
    written
}

/// The value of `:status`, which is the first field of a response.
fn status(block: &[u8]) -> u16 {
    let value = match without_size_updates(block) {
        [indexed @ 0x88..=0x8e, ..] => {
            return [200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)];
        }
        // A literal value whose name is the table's `:status`: plain, or in Huffman's code.
        [0x48 | 0x08 | 0x18, 3, digits @ ..] => digits[..3].to_vec(),
        [0x48 | 0x08 | 0x18, length, coded @ ..] if length & 0x80 != 0 => {
            digits_in_huffmans_code(&coded[..usize::from(length & 0x7f)])
        }
        other => panic!("a response does not begin with `:status`: {other:?}"),
    };
    std::str::from_utf8(&value).ok().and_then(|digits| digits.parse().ok()).expect("a status")
}

/// The fields. Changes of the table's size may come before them: an integer with a prefix of 5 bits.
fn without_size_updates(mut block: &[u8]) -> &[u8] {
    while let [update @ 0x20..=0x3f, rest @ ..] = block {
        let more = if *update == 0x3f { rest.iter().take_while(|byte| **byte >= 128).count() + 1 } else { 0 };
        block = &rest[more..];
    }
    block
}

/// 0, 1 and 2 are 5 bits from 0 on, 3 to 9 are 6 bits from 25 on.
fn digits_in_huffmans_code(coded: &[u8]) -> Vec<u8> {
    let bits: Vec<u8> = coded.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let number = |bits: &[u8]| bits.iter().fold(0, |number, bit| number * 2 + bit);
    let (mut digits, mut at) = (Vec::new(), 0);
    while digits.len() < 3 {
        let short = number(&bits[at..at + 5]);
        let (digit, length) = if short < 3 { (short, 5) } else { (number(&bits[at..at + 6]) - 25 + 3, 6) };
        digits.push(b'0' + digit);
        at += length;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_in_every_form() {
        assert_eq!(status(&[0x88, 0x5f]), 200);
        assert_eq!(status(&[0x3f, 0xe1, 0x1f, 0x8c]), 400);
        assert_eq!(status(b"\x48\x03403"), 403);
        // 4 is 011010, 0 is 00000, 3 is 011001: RFC 7541, appendix B. Ones fill the last byte.
        assert_eq!(status(&[0x48, 0x83, 0b0110_1000, 0b0000_1100, 0b1111_1111]), 403);
        assert_eq!(text(&[b'x'; 200])[..3], [127, 73, b'x']);
    }
}
