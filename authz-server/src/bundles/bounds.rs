//! How large a bundle may be, wherever it comes from. Each bound is far above what a bundle of 10,000 routes needs; they are
//! there so that no directory and no server can fill this one's memory.

/// A manifest names 10,000 files in about 1.5 MiB.
pub(super) const MANIFEST_BYTES: usize = policy::strict::LONGEST_MANIFEST;
/// A document in a signed bundle (JSON). A document that an author writes (YAML) may have half of that.
pub(super) const FILE_BYTES: usize = policy::strict::LONGEST_DOCUMENT;
/// All documents together.
pub(super) const CONTENT_BYTES: usize = 128 * 1024 * 1024;
/// How many names a directory may have in all: documents, directories and what is skipped.
pub(super) const FILES: usize = 100_000;
/// How deep directories may be nested. In a bundle it is two levels.
pub(super) const DEPTH: usize = 16;
/// A chain of trust has one step for each change of keys.
pub(super) const TRUST_STEPS: usize = 1024;
