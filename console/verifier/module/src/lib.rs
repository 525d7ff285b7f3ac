//! The verifier as a Wasm module: one buffer through which a call and its answer pass. It imports nothing.
//!
//! The host calls `input` with the length of a call, writes the call's JSON there and calls `answer`. The answer's JSON
//! is then at the returned place, and `length` says how long it is. `release` frees both.
//!
//! Naming an exported symbol is all that is unsafe here: the host may write into the module's memory, as every host of a
//! Wasm module may, and the module follows no pointer that it is given.

#![deny(missing_docs)]

use std::sync::{Mutex, MutexGuard, PoisonError};

static BUFFER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn buffer() -> MutexGuard<'static, Vec<u8>> {
    BUFFER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the host writes a call of this length; null if it is longer than any call may be.
// SAFETY: no other symbol of this module has this name.
#[unsafe(no_mangle)]
pub extern "C" fn input(length: usize) -> *mut u8 {
    let mut buffer = buffer();
    if length > console_verifier::BYTES_AT_MOST {
        return std::ptr::null_mut();
    }
    *buffer = vec![0; length];
    buffer.as_mut_ptr()
}

/// Answers the call in the buffer, and puts the answer there instead.
// SAFETY: no other symbol of this module has this name.
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> *const u8 {
    let mut buffer = buffer();
    *buffer = console_verifier::answer(&buffer);
    buffer.as_ptr()
}

/// How many bytes the buffer has.
// SAFETY: no other symbol of this module has this name.
#[unsafe(no_mangle)]
pub extern "C" fn length() -> usize {
    buffer().len()
}

/// Frees the buffer.
// SAFETY: no other symbol of this module has this name.
#[unsafe(no_mangle)]
pub extern "C" fn release() {
    *buffer() = Vec::new();
}
