//! Every size, count and length that bounds a warrant, in one place, each with its reason.
//!
//! Objects in a warrant are closed sets that are at most four deep, so the bound of six on nesting holds by
//! construction: the reader of each object names what may stand in it, and there is no generic descent.

/// A chain is root and delegations; eight holders in a row is already more than a person can review.
pub const MAX_LINKS: usize = 8;
/// One link, as it is written. Bounds what one parse can cost.
pub const MAX_LINK_BYTES: usize = 2 * 1024;
/// The whole `Warrant` header: well below the 60 KiB at which Envoy refuses a request's headers.
pub const MAX_CHAIN_BYTES: usize = 12 * 1024;
/// The whole `Warrant-Proof` header.
pub const MAX_PROOF_BYTES: usize = 2 * 1024;
/// A segment of a token once decoded: three quarters of the longest text that can hold it.
pub(crate) const MAX_SEGMENT_BYTES: usize = MAX_LINK_BYTES / 4 * 3;
/// Elements that a segment can hold at all: the shortest is one digit and a comma.
pub(crate) const MAX_ELEMENTS: usize = MAX_SEGMENT_BYTES / 2;

/// Strings and names of members: long enough for any SPIFFE ID in use, short enough for every log line.
pub const MAX_STRING_BYTES: usize = 256;
/// `jti` and `txn`; a path joins eight of them.
pub const MAX_JTI_BYTES: usize = 64;
/// `kid` of a root's header.
pub const MAX_KID_BYTES: usize = 64;
/// The name of an argument: one lower-case letter and 31 more characters.
pub const MAX_ARGUMENT_NAME_BYTES: usize = 32;
/// A host with its port: the longest name that DNS can carry.
pub const MAX_HOST_BYTES: usize = 253;

/// Integers stay where every JSON library in use keeps them exact.
pub const MAX_INTEGER: i64 = 9_007_199_254_740_991;
/// `use.max`: counters are kept in 32 bits everywhere.
pub const MAX_USES: i64 = 2_147_483_647;
/// Leeway is for clocks that drift, not for warrants that ran out.
pub const MAX_LEEWAY_SECONDS: u64 = 30;
/// A proof is of now: this far to either side.
pub const PROOF_WINDOW_SECONDS: u64 = 30;
