//! Who may read what the ledger holds: whoever shows one of these bearer tokens. Only their digests are kept.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use warrant::Digest;

/// A token that could be guessed is none: 32 characters of base64url are 192 bits.
const SHORTEST: usize = 32;

/// The permission `read-log`. By default nobody has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readers(Vec<Digest>);

impl Readers {
    /// Those who hold the tokens with these SHA-256 digests.
    pub fn of_digests(digests: Vec<Digest>) -> Readers {
        Readers(digests)
    }

    /// A file with one token, and nothing else but a line's end.
    pub fn from_token_file(bytes: &[u8]) -> Result<Readers, String> {
        let token = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        if token.len() < SHORTEST || !token.iter().all(u8::is_ascii_graphic) {
            return Err(format!("no token: one line of at least {SHORTEST} visible characters"));
        }
        Ok(Readers(vec![Digest::of(token)]))
    }

    /// These and those.
    pub fn and(mut self, more: Readers) -> Readers {
        self.0.extend(more.0);
        self
    }

    /// Whether this token is one of them. Every digest is compared whole, so that time tells nothing.
    pub fn admit(&self, token: &[u8]) -> bool {
        let shown = Digest::of(token);
        let is_it = |own: &Digest| verify_slices_are_equal(own.bytes(), shown.bytes()).is_ok();
        self.0.iter().fold(false, |found, own| is_it(own) | found)
    }
}

pub(super) fn new_token() -> Result<String, String> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| "the system's random source gave no token".to_owned())?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_admits_whoever_holds_it_and_nobody_else() {
        let token = new_token().unwrap();
        let readers = Readers::from_token_file(format!("{token}\n").as_bytes()).unwrap();
        let other = Readers::of_digests(vec![Digest::of(b"another, told by its digest alone")]);
        let both = readers.clone().and(other);
        assert!(both.admit(token.as_bytes()) && both.admit(b"another, told by its digest alone"));
        for no in [
            "",
            &token.replacen(|_| true, "", 1),
            &new_token().unwrap(),
            &Digest::of(token.as_bytes()).to_string(),
        ] {
            assert!(!both.admit(no.as_bytes()), "{no}");
        }
        assert!(!Readers::default().admit(token.as_bytes()), "nobody by default");
        assert!(Readers::from_token_file(b"short\n").is_err());
        assert!(Readers::from_token_file(format!("{token}\n{token}\n").as_bytes()).is_err());
    }
}
