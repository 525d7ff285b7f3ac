//! For the tests: judges a golden vector inside a Wasm runtime, with the same code as the native tests.
//!
//! The host calls `buffer`, writes the text of a vector there and calls `judge`, which writes the answer to the same
//! buffer.

#![allow(dead_code, reason = "only the generator of vectors reads some fields")]

use std::sync::Mutex;

use warrant::PureVerifier;

#[path = "../../tests/common/vector.rs"]
mod vector;

static BUFFER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Where the host may write `length` bytes.
#[unsafe(no_mangle)]
pub extern "C" fn buffer(length: usize) -> *const u8 {
    let mut buffer = BUFFER.lock().unwrap();
    *buffer = vec![0; length];
    buffer.as_ptr()
}

/// Judges the vector in the buffer and writes the answer there. Returns the answer's length.
#[unsafe(no_mangle)]
pub extern "C" fn judge() -> usize {
    let mut buffer = BUFFER.lock().unwrap();
    let vector: vector::Vector = serde_json::from_slice(&buffer).unwrap();
    let answer = vector.judge(&PureVerifier);
    let length = answer.len();
    buffer[..length].copy_from_slice(answer.as_bytes());
    length
}
