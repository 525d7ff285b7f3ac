//! Bundles, offered to a running server: the sound ones are taken without a request noticing, the others are refused by
//! name, and the old one stays until its own note is over.

mod attacks;
mod hostile;
mod many;
mod places;
mod reload;
mod trust;

use portcullis_tests::court::Home;
use portcullis_tests::keys::{Algorithm, Key};
use portcullis_tests::press::{Bundle, Pressed, put_note};
use std::path::PathBuf;

/// The keys of a house that sign, and where its bundle lies.
pub(crate) struct Signers {
    place: PathBuf,
    bundle: Key,
    note: Key,
}

impl Signers {
    pub(crate) fn of(home: &Home) -> Signers {
        let key = |name: &str| Key::read(&home.file(&format!("keys/{name}.jwk")));
        Signers { place: home.file("bundle"), bundle: key("bundle"), note: key("note") }
    }

    /// Puts a bundle there, signed as this house trusts, with a note for an hour.
    pub(crate) fn publish(&self, bundle: &Bundle) -> Pressed {
        let pressed = bundle.signed(&[&self.bundle]);
        put_note(&pressed.note(3600, &self.note), &self.place);
        pressed.put(&self.place);
        pressed
    }
}

/// The server no longer signs notes of its own.
fn without_note_key(home: &Home) {
    home.configure(|configuration| {
        configuration["bundle"].as_object_mut().unwrap().remove("noteKey").expect("the sample has one");
    });
}

/// A key of a signer that no house has made.
fn signer(number: u8) -> Key {
    Key::stranger(Algorithm::Ed25519, number)
}
