//! Bundles that are offered to a running server. It activates valid ones without disturbing a request, refuses the others
//! with a message, and then keeps the active one until that one's note expires.

mod attacks;
mod hostile;
mod kept;
mod layers;
mod many;
mod odd_files;
mod places;
mod reload;
mod trust;

use portcullis_tests::keys::{Algorithm, TestKey};
use portcullis_tests::server::Home;
use portcullis_tests::signed_bundles::{SignedBundle, UnsignedBundle, put_note};
use std::path::PathBuf;

/// The signing keys of a home directory, and the place of its bundle.
pub(crate) struct Signers {
    place: PathBuf,
    bundle: TestKey,
    note: TestKey,
}

impl Signers {
    pub(crate) fn of(home: &Home) -> Signers {
        let key = |name: &str| TestKey::read(&home.file(&format!("keys/{name}.jwk")));
        Signers { place: home.file("bundle"), bundle: key("bundle"), note: key("note") }
    }

    /// Publishes a bundle with a trusted signature and a note for an hour.
    pub(crate) fn publish(&self, bundle: &UnsignedBundle) -> SignedBundle {
        self.publish_for(bundle, 3600)
    }

    /// The same with a note for so many seconds.
    pub(crate) fn publish_for(&self, bundle: &UnsignedBundle, seconds: i64) -> SignedBundle {
        let signed = bundle.signed(&[&self.bundle]);
        put_note(&signed.note(seconds, &self.note), &self.place);
        signed.put(&self.place);
        signed
    }
}

/// Removes the note key from the configuration, so that the server signs no notes.
fn remove_note_key(home: &Home) {
    home.configure(|configuration| {
        configuration["bundle"].as_object_mut().unwrap().remove("noteKey").expect("the sample has one");
    });
}

/// A key that no server trusts.
fn signer(number: u8) -> TestKey {
    TestKey::stranger(Algorithm::Ed25519, number)
}
