//! Checkpoints: three lines with a log's name, size and root. The log signs them, and witnesses cosign them.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{SIGNATURE, VerifyingKey};
use crate::merkle::Hash;

/// More than any honest note has. A hostile note must not cost unlimited time.
const LINES_AT_MOST: usize = 100;

/// The longest note that is read.
const BYTES_AT_MOST: usize = 64 * 1024;

/// What a checkpoint says: a log's name, size and root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, which is also the name of its key.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The RFC 6962 root over them.
    pub root: Hash,
}

/// Why a note is not a checkpoint of this log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteFault {
    /// It is not a signed note, or not a checkpoint of exactly three lines.
    Form(&'static str),
    /// It is a checkpoint of another log.
    Origin(String),
    /// It has no signature by the log's own key.
    Unsigned,
    /// The signature of a known key is not valid.
    Signature(String),
}

impl fmt::Display for NoteFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(what) => write!(f, "not a checkpoint: {what}"),
            Self::Origin(origin) => write!(f, "a checkpoint of another log, `{origin}`"),
            Self::Unsigned => f.write_str("no signature by the log's own key"),
            Self::Signature(name) => write!(f, "the signature by `{name}` is not valid"),
        }
    }
}

impl std::error::Error for NoteFault {}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    fn parse(text: &str) -> Result<Self, NoteFault> {
        let lines: Vec<&str> = text.split('\n').collect();
        let [origin, size, root, ""] = lines.as_slice() else {
            return Err(NoteFault::Form("it does not have exactly three lines"));
        };
        let number: u64 = size.parse().map_err(|_| NoteFault::Form("the size is not a decimal number"))?;
        if number.to_string() != *size {
            return Err(NoteFault::Form("the size is not written canonically"));
        }
        let root = STANDARD.decode(root).ok().and_then(|bytes| bytes.try_into().ok());
        let root = root.ok_or(NoteFault::Form("the root is not 32 bytes of canonical base64"))?;
        if origin.is_empty() {
            return Err(NoteFault::Form("the origin is empty"));
        }
        Ok(Self { origin: (*origin).to_owned(), size: number, root })
    }
}

/// A checkpoint with a valid signature of its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    pub(super) checkpoint: Checkpoint,
    pub(super) note: String,
    pub(super) cosigners: Vec<Cosigned>,
}

/// A valid signature line of a witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// The witness's name.
    pub witness: String,
    /// When it cosigned, in seconds.
    pub time: u64,
    line: String,
}

impl SignedCheckpoint {
    /// Reads a note that `log` must have signed. Signatures of these witnesses must be valid; other lines are ignored.
    pub fn parse(note: &[u8], log: &VerifyingKey, witnesses: &[VerifyingKey]) -> Result<Self, NoteFault> {
        if note.len() > BYTES_AT_MOST {
            return Err(NoteFault::Form("it is longer than 64 KiB"));
        }
        let note = std::str::from_utf8(note).map_err(|_| NoteFault::Form("it is not UTF-8"))?;
        if note.chars().any(|c| c < ' ' && c != '\n') {
            return Err(NoteFault::Form("it has control characters"));
        }
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteFault::Form("it has no signatures"))?;
        let text = format!("{text}\n");
        let lines = lines.strip_suffix('\n').ok_or(NoteFault::Form("its last line has no line end"))?;
        let checkpoint = Checkpoint::parse(&text)?;
        if checkpoint.origin != log.name() {
            return Err(NoteFault::Origin(checkpoint.origin));
        }
        let mut signed = false;
        let mut cosigners = Vec::new();
        if lines.split('\n').count() > LINES_AT_MOST {
            return Err(NoteFault::Form("it has more than 100 signatures"));
        }
        for line in lines.split('\n') {
            let parsed =
                SignatureLine::parse(line).ok_or(NoteFault::Form("a signature line is malformed"))?;
            if parsed.is_by(log) {
                // With two lines of one key it would be unclear which one counts.
                if signed || !log.holds(text.as_bytes(), &parsed.signature) {
                    return Err(NoteFault::Signature(log.name().to_owned()));
                }
                signed = true;
            } else if let Some(witness) = witnesses.iter().find(|known| parsed.is_by(known)) {
                cosigners.push(parsed.cosigned(witness, &text, line)?);
            }
        }
        if !signed {
            return Err(NoteFault::Unsigned);
        }
        Ok(Self { checkpoint, note: note.to_owned(), cosigners })
    }

    /// Which log, size and root.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note as it is published.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }

    /// The valid signatures of witnesses.
    #[must_use]
    pub fn cosigners(&self) -> &[Cosigned] {
        &self.cosigners
    }

    /// Adds the lines of `answer` that are valid signatures of these witnesses. Other lines are dropped.
    #[must_use]
    pub fn with_cosignatures(mut self, answer: &str, witnesses: &[VerifyingKey]) -> Self {
        let text = self.checkpoint.text();
        for line in answer.lines() {
            let Some(parsed) = SignatureLine::parse(line) else { continue };
            let Some(witness) = witnesses.iter().find(|known| parsed.is_by(known)) else { continue };
            let already = self.cosigners.iter().any(|held| held.witness == witness.name());
            if let (false, Ok(cosigned)) = (already, parsed.cosigned(witness, &text, line)) {
                self.note.push_str(&cosigned.line);
                self.note.push('\n');
                self.cosigners.push(cosigned);
            }
        }
        self
    }
}

/// The parts of one signature line.
struct SignatureLine<'a> {
    name: &'a str,
    id: [u8; 4],
    signature: Vec<u8>,
}

impl<'a> SignatureLine<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (name, signature) = line.strip_prefix(SIGNATURE)?.split_once(' ')?;
        let bytes = STANDARD.decode(signature).ok()?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        (!name.is_empty() && !signature.is_empty()).then(|| Self {
            name,
            id: *id,
            signature: signature.to_vec(),
        })
    }

    fn is_by(&self, key: &VerifyingKey) -> bool {
        self.name == key.name() && self.id == key.id()
    }

    fn cosigned(&self, witness: &VerifyingKey, text: &str, line: &str) -> Result<Cosigned, NoteFault> {
        let fault = || NoteFault::Signature(witness.name().to_owned());
        let (time, signature) = self.signature.split_first_chunk::<8>().ok_or_else(fault)?;
        let time = u64::from_be_bytes(*time);
        let message = cosigned_message(time, text);
        let holds = witness.is_witness() && witness.holds(message.as_bytes(), signature);
        let cosigned = Cosigned { witness: witness.name().to_owned(), time, line: line.to_owned() };
        holds.then_some(cosigned).ok_or_else(fault)
    }
}

/// The text that a witness signs: that it saw this checkpoint at this time.
pub(super) fn cosigned_message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::{SigningKey, cosign};

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed(&[seed; 32]).unwrap()
    }

    #[test]
    fn a_checkpoint_is_read_back_and_every_changed_bit_is_an_error() {
        let log = VerifyingKey::of_log("demo/log/00", key(1).public()).unwrap();
        let made = Checkpoint { origin: log.name().to_owned(), size: 42, root: [9; 32] }.sign(&key(1));
        assert_eq!(SignedCheckpoint::parse(made.note().as_bytes(), &log, &[]).unwrap(), made);
        for at in 0..made.note().len() {
            for bit in 0..8 {
                let mut bytes = made.note().as_bytes().to_vec();
                bytes[at] ^= 1 << bit;
                assert!(SignedCheckpoint::parse(&bytes, &log, &[]).is_err(), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn lines_of_configured_witnesses_are_kept_and_others_are_dropped() {
        let log = VerifyingKey::of_log("demo/log/00", key(1).public()).unwrap();
        let witness = VerifyingKey::of_witness("w.example", key(2).public()).unwrap();
        let stranger = VerifyingKey::of_witness("s.example", key(3).public()).unwrap();
        let made = Checkpoint { origin: log.name().to_owned(), size: 42, root: [9; 32] }.sign(&key(1));
        let good = cosign(made.checkpoint(), 7, &witness, &key(2));
        let foreign = cosign(made.checkpoint(), 7, &stranger, &key(3));
        let forged = cosign(made.checkpoint(), 7, &witness, &key(3));
        let answer = format!("{forged}{foreign}{good}{good}");
        let cosigned = made.clone().with_cosignatures(&answer, std::slice::from_ref(&witness));
        assert_eq!(cosigned.note(), format!("{}{good}", made.note()));
        let read = SignedCheckpoint::parse(cosigned.note().as_bytes(), &log, std::slice::from_ref(&witness))
            .unwrap();
        assert_eq!((read.cosigners()[0].witness.as_str(), read.cosigners()[0].time), ("w.example", 7));
        let with_forged = format!("{}{forged}", made.note());
        let refused = SignedCheckpoint::parse(with_forged.as_bytes(), &log, &[witness]);
        assert_eq!(refused, Err(NoteFault::Signature("w.example".to_owned())));
        assert!(
            SignedCheckpoint::parse(with_forged.as_bytes(), &log, &[]).is_ok(),
            "lines of unknown keys are ignored"
        );
    }
}
