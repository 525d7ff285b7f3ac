//! Fuzzes the decoder `delta`: `cargo +nightly fuzz run delta`.
#![no_main]

#[path = "../../warrant/tests/common/decoders.rs"]
#[allow(dead_code, reason = "each target uses one of the decoders")]
mod decoders;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| decoders::delta(bytes));
