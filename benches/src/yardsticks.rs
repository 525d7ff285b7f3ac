//! What the parts of a decision cost by themselves on this machine: a signature check, and a small write that is synced.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, ParsedPublicKey,
};
use std::fs::OpenOptions;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::statistics::Percentiles;

/// As long as what a proof's signature is over.
const SIGNED_BYTES: usize = 400;
const CHECKS: u32 = 500;

/// Microseconds of one ES256 check with aws-lc, reading the key included.
///
/// # Panics
/// When a signature that was just made is not valid.
#[must_use]
pub fn es256_check() -> f64 {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let message = vec![b'x'; SIGNED_BYTES];
    let signature = key.sign(&random, &message).expect("a signature");
    let public = key.public_key().as_ref();
    let began = Instant::now();
    for _ in 0..CHECKS {
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, black_box(public)).expect("a key");
        key.verify_sig(black_box(&message), signature.as_ref()).expect("a valid signature");
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(CHECKS)
}

/// As long as the frame of one decision.
const WRITTEN_BYTES: usize = 1024;
const WRITES: usize = 500;

/// The p99 of a write with fdatasync into a file of zeros, in microseconds. Nobody else writes.
///
/// # Panics
/// When the directory cannot be written.
#[must_use]
pub fn sync_p99(directory: &Path) -> f64 {
    let path = directory.join("yardstick");
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path).expect("a new file");
    file.write_all_at(&vec![0; WRITTEN_BYTES * WRITES], 0)
        .and_then(|()| file.sync_all())
        .expect("room on the disk");
    let bytes = [7; WRITTEN_BYTES];
    let write = |n: usize| -> Duration {
        let began = Instant::now();
        file.write_all_at(&bytes, (n * WRITTEN_BYTES) as u64)
            .and_then(|()| file.sync_data())
            .expect("a write");
        began.elapsed()
    };
    let times = (0..WRITES).map(write).collect();
    std::fs::remove_file(&path).expect("its own file");
    Percentiles::of(times).p99
}
