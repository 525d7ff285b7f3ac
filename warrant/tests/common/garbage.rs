//! Inputs of 8 KiB that are not a warrant: noise of several shapes, and chains that are wrong only in their last byte.

use std::fmt::Write as _;

use super::forge::{base64url, link_header, payload_with, root_header};

/// Noise of several shapes, each with its name.
pub(crate) fn shapes() -> Vec<(&'static str, Vec<u8>)> {
    let filled = |byte: &str| byte.repeat(SIZE).into_bytes();
    vec![
        ("one letter", filled("A")),
        ("tildes", filled("~")),
        ("dots", filled(".")),
        ("zeros", vec![0; SIZE]),
        ("brackets", in_segments(&"[".repeat(LINK))),
        ("objects, deep", in_segments(&"{\"a\":".repeat(LINK / 5))),
        ("white space", in_segments(&" ".repeat(LINK))),
        ("random bytes", noise(|n| n)),
        ("random letters", noise(|n| LETTERS[usize::from(n) % LETTERS.len()])),
    ]
}

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";

/// A linear congruential generator is random enough, and the same on every machine.
fn noise(of: impl Fn(u8) -> u8) -> Vec<u8> {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        of(state.to_be_bytes()[0])
    };
    (0..SIZE).map(next).collect()
}

/// Chains that are wrong only in their last byte, full of the values that take longest to read.
pub(crate) fn dense() -> Vec<(&'static str, Vec<u8>)> {
    let mut shapes = vec![];
    for (shape, dense) in [
        ("many strings", dense_strings()),
        ("many escaped strings", dense_escapes()),
        ("many numbers", dense_numbers()),
        ("many names", dense_names()),
        ("many details", dense_details()),
    ] {
        shapes.push((shape, dense_chain(&dense)));
    }
    shapes
}

const SIZE: usize = 8 * 1024;
const LINK: usize = 1500;

/// Four links that are wrong only in the last byte of the last payload.
fn dense_chain(members: &str) -> Vec<u8> {
    let link = |header: &str, payload: &str| {
        format!("{}.{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()), "A".repeat(86))
    };
    let mut chain = link(&root_header(), &payload_with(members, true));
    let payload = payload_with(members, false);
    for end in ["", "", "x"] {
        let _ = write!(chain, "~{}", link(&link_header(), &format!("{payload}{end}")));
    }
    assert!(chain.len() <= SIZE, "{}", chain.len());
    chain.into_bytes()
}

fn in_segments(json: &str) -> Vec<u8> {
    let segment = base64url(json.as_bytes().get(..1000.min(json.len())).unwrap_or_default());
    let link = format!("{segment}.{segment}.A");
    let links: Vec<_> = std::iter::repeat_n(link, 3).collect();
    links.join("~").into_bytes()
}

fn elements(most: usize, element: impl Fn(usize) -> String) -> String {
    let mut list = String::new();
    for n in 0.. {
        let next = element(n);
        if list.len() + next.len() + 1 > most {
            break;
        }
        if n > 0 {
            list.push(',');
        }
        list.push_str(&next);
    }
    list
}

fn dense_strings() -> String {
    format!(r#""aud":[{}],"env":{{}},{}"#, elements(FREE_BYTES, |n| format!("\"{n:x}\"")), details(""))
}

fn dense_escapes() -> String {
    format!(r#""aud":[{}],"env":{{}},{}"#, elements(FREE_BYTES, |n| format!("\"\\u0061{n:x}\"")), details(""))
}

fn dense_numbers() -> String {
    let numbers = elements(FREE_BYTES - 50, |n| n.to_string());
    format!(
        r#""aud":["shop"],"env":{{}},{}"#,
        details(&format!(r#","args":{{"a":{{"one_of":[{numbers}]}}}}"#))
    )
}

fn dense_names() -> String {
    let names = elements(FREE_BYTES, |n| format!("\"{n:x}\":[\"a\"]"));
    format!(r#""aud":["shop"],"env":{{{names}}},{}"#, details(""))
}

fn dense_details() -> String {
    let detail = || r#"{"type":"execution","hosts":["a"],"methods":["A"],"paths":["/"]}"#.to_owned();
    format!(r#""aud":["shop"],"env":{{}},"authorization_details":[{}]"#, elements(FREE_BYTES, |_| detail()))
}

/// The bytes that are left in a link's payload beside the other claims.
const FREE_BYTES: usize = 880;

fn details(more: &str) -> String {
    format!(
        r#""authorization_details":[{{"type":"execution","hosts":["a"],"methods":["A"],"paths":["/"]{more}}}]"#
    )
}
