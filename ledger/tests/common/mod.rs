//! What the integration tests share: keys, clocks and entries.

mod decision;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ledger::entry::{self, Revocation, RevocationTarget};
use ledger::{Entry, Options, SigningKey};

pub(crate) fn options() -> Options {
    let clock = || u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let key = SigningKey::from_seed(&[9; 32]).unwrap();
    Options::new(key, Arc::new(clock), "test").segment_bytes(2 * 1024 * 1024)
}

pub(crate) fn denial(id: &str) -> Entry {
    decision::denied(id).into()
}

pub(crate) fn fact() -> Entry {
    let text = str::to_owned;
    Revocation {
        bundle: None,
        by: text("op"),
        iss: String::new(),
        reason: text("a drill"),
        until: None,
        value: text("agent:x"),
        was: None,
        what: RevocationTarget::Subject,
    }
    .into()
}
