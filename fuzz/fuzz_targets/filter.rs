//! Fuzzes the decoder `filter`: `cargo +nightly fuzz run filter`.
#![no_main]

#[path = "../../warrant/tests/common/decoders.rs"]
#[allow(dead_code, reason = "each target uses one of the decoders")]
mod decoders;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| decoders::filter(bytes));
