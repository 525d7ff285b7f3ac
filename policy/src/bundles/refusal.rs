//! The reasons to refuse a bundle or a note. Each has its own message, which says what was found and what to
//! do.

use std::fmt;

use crate::fault::Fault;
use warrant::Digest;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundleRefusal {
    /// A file of the bundle is missing or cannot be read.
    Unreadable {
        file: String,
        why: String,
    },
    /// A file does not have the required form.
    Malformed {
        file: String,
        why: String,
    },
    /// Fewer good signatures than the trust in force requires.
    TooFewSignatures {
        good: usize,
        wanted: u32,
        /// Names of keys that signed but are not in the trust.
        unknown: Vec<String>,
    },
    /// The manifest changes the trust, but the new trust has not signed it.
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
    /// No bundle was ever active on this server, and its configuration asks for a higher version.
    BelowLeast {
        version: u64,
        least: u64,
    },
    /// The routes of teams over the base are refused.
    Routes(Box<BundleRefusal>),
    /// The base names who signs the routes of teams, and there are none.
    RoutesMissing,
    /// The routes were signed over another base.
    OtherBase {
        found: Digest,
        wanted: Digest,
    },
    /// The routes may be in force when their base is not.
    OutsideWindow {
        not_before: u64,
        expires: u64,
    },
    /// The routes hold a file that only the base may have.
    NotOfATeam {
        file: String,
    },
    /// The base holds a file that only the routes may have.
    OfATeam {
        file: String,
    },
    /// One key may sign bases and the routes over them.
    RolesMixed {
        key: String,
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
    /// The documents have faults.
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

impl BundleRefusal {
    /// Whether the same manifest will always be refused, because its documents have faults. Any other reason
    /// can pass: a copy that is not complete, a server that is not reachable, a wrong clock.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Unsound { .. })
    }

    pub(super) fn of_routes(self) -> Self {
        Self::Routes(Box::new(self))
    }
}

impl fmt::Display for BundleRefusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, why } => write!(out, "{file} cannot be read: {why}"),
            Self::Malformed { file, why } => write!(out, "{file} is malformed: {why}"),
            Self::TooFewSignatures { good, wanted, unknown } => {
                write!(
                    out,
                    "the manifest has {good} valid signatures, but the current trust requires {wanted}"
                )?;
                if !unknown.is_empty() {
                    write!(out, " (signatures by unknown keys are ignored: {})", unknown.join(", "))?;
                }
                write!(out, "; sign it with a trusted key")
            }
            Self::TrustNotAccepted { good, wanted } => {
                write!(
                    out,
                    "the manifest changes the trust, but it has {good} of the {wanted} signatures that the new trust requires; sign it with the keys of both trusts"
                )
            }
            Self::ChainBroken { file, why } => write!(
                out,
                "{file} does not continue the chain of trust: {why}; the directory `trust` must contain every change of trust since the configured trust"
            ),
            Self::TrustRolledBack => write!(
                out,
                "the bundle is signed with keys that an activated bundle has replaced; sign it with the current keys"
            ),
            Self::OtherAudience { found, wanted } => write!(
                out,
                "the bundle is for the audience `{found}`, but this server is for `{wanted}`; sign a separate bundle for each mesh"
            ),
            Self::OtherEngine { found, wanted } => write!(
                out,
                "the bundle was built for policy language {found}, but this server uses {wanted}; build it again with this version of Portcullis"
            ),
            Self::NotYet { not_before } => {
                write!(out, "the bundle is not valid before {not_before}; wait, or check the clock")
            }
            Self::Over { expires } => write!(out, "the bundle expired at {expires}; sign a new version"),
            Self::RolledBack { version, highest } => write!(
                out,
                "the bundle has version {version}, but version {highest} was already active; sign a higher version"
            ),
            Self::SameVersionOtherContent { version, found, activated } => {
                write!(
                    out,
                    "version {version} was active with other content ({activated}, this bundle is {found}); sign a higher version"
                )
            }
            Self::BelowLeast { version, least } => write!(
                out,
                "the bundle has version {version}, but `minVersion` of this server's trust is {least}; get the newest bundle"
            ),
            Self::Routes(refusal) => write!(out, "the routes of teams over the base are refused: {refusal}"),
            Self::RoutesMissing => write!(
                out,
                "the base names under `routesBy` who signs the routes of teams, but there is no routes.json; sign them with `portcullis policy sign --routes`"
            ),
            Self::OtherBase { found, wanted } => write!(
                out,
                "they were signed over the base {found}, but the base is {wanted}; sign them again over this base"
            ),
            Self::OutsideWindow { not_before, expires } => write!(
                out,
                "their time is not within that of their base ({not_before} to {expires}); sign them for a time within it"
            ),
            Self::NotOfATeam { file } => write!(
                out,
                "{file} belongs to the base, so only the keys of the base may sign it; sign a new base"
            ),
            Self::OfATeam { file } => write!(
                out,
                "{file} is a team's, but the base names under `routesBy` who signs those; sign the base again with this version of Portcullis"
            ),
            Self::RolesMixed { key } => write!(
                out,
                "the key {key} is under `routesBy` and may sign the base too; give each its own keys"
            ),
            Self::FileAdded { file } => {
                write!(out, "{file} is not in the manifest; remove it, or build and sign the bundle again")
            }
            Self::FileMissing { file } => {
                write!(out, "{file} is in the manifest but not in the bundle; copy the whole bundle")
            }
            Self::FileChanged { file } => {
                write!(out, "{file} is not the file that was signed; build and sign the bundle again")
            }
            Self::Unsound { faults } => {
                write!(
                    out,
                    "the bundle is signed, but its documents are not valid ({} faults)",
                    faults.len()
                )?;
                faults.first().map_or(Ok(()), |first| write!(out, ": {first}"))
            }
            Self::NoteNotSigned => write!(
                out,
                "the note is not signed by a note key of the bundle that it names; sign it with one of `notes.keys`, or of `routesBy.keys` for the routes of teams"
            ),
            Self::NoteForOther { what, found, wanted } => write!(
                out,
                "the note names {what} {found}, but {wanted} is active; sign a note for the active bundle"
            ),
            Self::NoteTooLong { lifetime, most } => write!(
                out,
                "the note is valid for {lifetime} s, but the bundle allows at most {most} s; sign a note with a shorter lifetime"
            ),
            Self::NoteNotYet { iat } => {
                write!(out, "the note was issued in the future ({iat}); check the clocks")
            }
            Self::NoteOver { exp } => {
                write!(out, "the note expired at {exp}; sign a new one with `portcullis policy note`")
            }
        }
    }
}

impl std::error::Error for BundleRefusal {}
