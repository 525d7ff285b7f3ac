//! Fuzzes the decoder `statement`: `cargo +nightly fuzz run statement`.
#![no_main]

#[path = "../../warrant/tests/common/decoders.rs"]
#[allow(dead_code, reason = "each target uses one of the decoders")]
mod decoders;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| decoders::statement(bytes));
