//! For the tests: judges a golden vector inside a Wasm runtime, with the same code as the native tests.
//!
//! The host writes the text of a vector where `room` says and calls `judge`; the answer lies in the same room.

#![allow(dead_code, reason = "what only the generator of vectors reads is not read here")]

use std::sync::Mutex;

use warrant::PureVerifier;

#[path = "../../tests/common/vector.rs"]
mod vector;

static ROOM: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Where `length` bytes may be written.
#[unsafe(no_mangle)]
pub extern "C" fn room(length: usize) -> *const u8 {
    let mut room = ROOM.lock().unwrap();
    *room = vec![0; length];
    room.as_ptr()
}

/// Judges the vector in the room and leaves the answer there. Returns where it ends.
#[unsafe(no_mangle)]
pub extern "C" fn judge() -> usize {
    let mut room = ROOM.lock().unwrap();
    let vector: vector::Vector = serde_json::from_slice(&room).unwrap();
    let answer = vector.judge(&PureVerifier);
    let end = answer.len();
    room[..end].copy_from_slice(answer.as_bytes());
    end
}
