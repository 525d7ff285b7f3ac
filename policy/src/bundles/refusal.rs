//! Why a bundle or a note is not taken: one message each, saying what was found and what to do.

use std::fmt;

use crate::fault::Fault;
use warrant::Digest;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A file of the bundle is not there or cannot be read.
    Unreadable {
        file: String,
        why: String,
    },
    /// A file has no such form.
    Malformed {
        file: String,
        why: String,
    },
    /// Fewer good signatures than the trust in force asks for.
    TooFewSignatures {
        good: usize,
        wanted: u32,
        strangers: Vec<String>,
    },
    /// The manifest changes the trust, and those who would be trusted have not signed.
    TrustNotAccepted {
        good: usize,
        wanted: u32,
    },
    /// A step of the trust chain is not signed by the trust before it.
    ChainBroken {
        file: String,
        why: String,
    },
    /// The bundle is signed by keys that an activated bundle has replaced.
    TrustRolledBack,
    OtherAudience {
        found: String,
        wanted: String,
    },
    OtherEngine {
        found: String,
        wanted: &'static str,
    },
    NotYet {
        not_before: u64,
    },
    Over {
        expires: u64,
    },
    RolledBack {
        version: u64,
        highest: u64,
    },
    SameVersionOtherContent {
        version: u64,
        found: Digest,
        activated: Digest,
    },
    FileAdded {
        file: String,
    },
    FileMissing {
        file: String,
    },
    FileChanged {
        file: String,
    },
    /// The documents do not hold; the first of their faults, and how many there are.
    Unsound {
        faults: Vec<Fault>,
    },
    NoteNotSigned,
    NoteForOther {
        what: &'static str,
        found: String,
        wanted: String,
    },
    NoteTooLong {
        lifetime: u64,
        most: u64,
    },
    NoteNotYet {
        iat: u64,
    },
    NoteOver {
        exp: u64,
    },
}

impl Refusal {
    /// Whether the same manifest will be refused for ever: what it names does not hold. Anything else may be a copy that
    /// is half done, a server that is away, a clock.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Unsound { .. })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, why } => write!(out, "{file} cannot be read: {why}"),
            Self::Malformed { file, why } => write!(out, "{file} is malformed: {why}"),
            Self::TooFewSignatures { good, wanted, strangers } => {
                write!(
                    out,
                    "the manifest has {good} good signatures of the {wanted} that the trust in force asks for"
                )?;
                if !strangers.is_empty() {
                    write!(out, " (ignored, of unknown keys: {})", strangers.join(", "))?;
                }
                write!(out, "; sign it with a trusted key")
            }
            Self::TrustNotAccepted { good, wanted } => {
                write!(
                    out,
                    "the manifest changes the trust, and {good} of the {wanted} signatures that the new trust asks for are there; sign it by both"
                )
            }
            Self::ChainBroken { file, why } => write!(
                out,
                "{file} does not continue the chain of trust: {why}; serve every change of trust since the configured one"
            ),
            Self::TrustRolledBack => write!(
                out,
                "the bundle is signed under a trust that an activated bundle has replaced; sign it with the keys that followed"
            ),
            Self::OtherAudience { found, wanted } => write!(
                out,
                "the bundle is for the audience `{found}`, this server is for `{wanted}`; give each mesh its own"
            ),
            Self::OtherEngine { found, wanted } => write!(
                out,
                "the bundle was built for policy language {found}, this server judges by {wanted}; build it again with this version"
            ),
            Self::NotYet { not_before } => {
                write!(out, "the bundle is not valid before {not_before}; wait, or check the clock")
            }
            Self::Over { expires } => write!(out, "the bundle expired at {expires}; sign a new version"),
            Self::RolledBack { version, highest } => write!(
                out,
                "the bundle has version {version}, and {highest} was active already; sign a higher version"
            ),
            Self::SameVersionOtherContent { version, found, activated } => {
                write!(
                    out,
                    "version {version} was active with other content ({activated}, here {found}); sign a higher version"
                )
            }
            Self::FileAdded { file } => {
                write!(out, "{file} is not in the manifest; remove it, or build and sign the bundle again")
            }
            Self::FileMissing { file } => {
                write!(out, "{file} is in the manifest and is not there; copy the whole bundle")
            }
            Self::FileChanged { file } => {
                write!(out, "{file} is not the file that was signed; build and sign the bundle again")
            }
            Self::Unsound { faults } => {
                write!(out, "the bundle is signed and does not hold ({} faults)", faults.len())?;
                faults.first().map_or(Ok(()), |first| write!(out, ": {first}"))
            }
            Self::NoteNotSigned => write!(
                out,
                "the note is signed by no note key of the bundle that it names; sign it with one of `notes.keys`"
            ),
            Self::NoteForOther { what, found, wanted } => write!(
                out,
                "the note names {what} {found}, and {wanted} is active; sign a note for the active bundle"
            ),
            Self::NoteTooLong { lifetime, most } => write!(
                out,
                "the note holds for {lifetime} s, and the bundle allows {most} s; sign a shorter one"
            ),
            Self::NoteNotYet { iat } => {
                write!(out, "the note was made in the future ({iat}); check the clocks")
            }
            Self::NoteOver { exp } => {
                write!(out, "the note expired at {exp}; sign a new one with `portcullis policy note`")
            }
        }
    }
}

impl std::error::Error for Refusal {}
