//! The bearer tokens that allow a client to read the ledger's entries. Only their digests are kept.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use warrant::Digest;

/// A token must not be guessable: 32 characters of base64url are 192 bits.
const SHORTEST: usize = 32;

/// Who has the permission `read-log`. By default, no one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readers(Vec<Digest>);

impl Readers {
    /// The holders of the tokens with these SHA-256 digests.
    pub fn of_digests(digests: Vec<Digest>) -> Readers {
        Readers(digests)
    }

    /// Reads a file that holds one token and at most a line feed after it.
    pub fn from_token_file(bytes: &[u8]) -> Result<Readers, String> {
        let token = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        if token.len() < SHORTEST || !token.iter().all(u8::is_ascii_graphic) {
            return Err(format!(
                "is not a token: expected one line of at least {SHORTEST} visible characters"
            ));
        }
        Ok(Readers(vec![Digest::of(token)]))
    }

    /// Adds more readers.
    pub fn and(mut self, more: Readers) -> Readers {
        self.0.extend(more.0);
        self
    }

    /// How many tokens there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The digest of this token, if it is one of them. Every digest is compared in full, so that the time taken reveals
    /// nothing.
    pub fn holder_of(&self, token: &[u8]) -> Option<Digest> {
        let presented = Digest::of(token);
        let is_it = |own: &Digest| verify_slices_are_equal(own.bytes(), presented.bytes()).is_ok();
        self.0.iter().fold(false, |found, own| is_it(own) | found).then_some(presented)
    }
}

pub(super) fn new_token() -> Result<String, String> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| "the system's random source failed".to_owned())?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_admits_its_holder_and_no_one_else() {
        let token = new_token().unwrap();
        let readers = Readers::from_token_file(format!("{token}\n").as_bytes()).unwrap();
        let other = Readers::of_digests(vec![Digest::of(b"another, known by its digest only")]);
        let both = readers.clone().and(other);
        for known in [token.as_bytes(), b"another, known by its digest only"] {
            assert_eq!(both.holder_of(known), Some(Digest::of(known)));
        }
        for no in [
            "",
            &token.replacen(|_| true, "", 1),
            &new_token().unwrap(),
            &Digest::of(token.as_bytes()).to_string(),
        ] {
            assert_eq!(both.holder_of(no.as_bytes()), None, "{no}");
        }
        assert_eq!(Readers::default().holder_of(token.as_bytes()), None, "no one by default");
        assert!(Readers::from_token_file(b"short\n").is_err());
        assert!(Readers::from_token_file(format!("{token}\n{token}\n").as_bytes()).is_err());
    }
}
