//! Every limit on sizes, counts and lengths in a warrant, each with its reason.
//!
//! Objects in a warrant are closed sets and at most four deep. So the limit of six on nesting needs no check: the
//! reader of each object names its members, and nothing reads nested values generically.

/// Links in a chain, the root included. Eight holders in a row are already more than a person can review.
pub const MAX_LINKS: usize = 8;
/// How often a root may be delegated.
pub const MAX_DEPTH: u64 = 7;
/// One link, encoded. Limits the cost of parsing it.
pub const MAX_LINK_BYTES: usize = 2 * 1024;
/// The whole `Warrant` header: well below the 60 KiB at which Envoy refuses a request's headers.
pub const MAX_CHAIN_BYTES: usize = 12 * 1024;
/// The whole `Warrant-Proof` header.
pub const MAX_PROOF_BYTES: usize = 2 * 1024;
/// A decoded segment of a token: three quarters of its longest text.
pub(crate) const MAX_SEGMENT_BYTES: usize = MAX_LINK_BYTES / 4 * 3;
/// The most elements that a segment can have: the shortest element is one digit and a comma.
pub(crate) const MAX_ELEMENTS: usize = MAX_SEGMENT_BYTES / 2;

/// Strings and names of members. Long enough for any SPIFFE ID in use, and short enough for a log line.
pub const MAX_STRING_BYTES: usize = 256;
/// `jti` and `txn`. A path joins up to eight of them.
pub const MAX_JTI_BYTES: usize = 64;
/// The `kid` in a root's header.
pub const MAX_KID_BYTES: usize = 64;
/// The name of an argument: one lower-case letter and 31 more characters.
pub const MAX_ARGUMENT_NAME_BYTES: usize = 32;
/// A host with its port. 253 is the longest name in DNS.
pub const MAX_HOST_BYTES: usize = 253;

/// Integers. All JSON libraries in use are exact up to here.
pub const MAX_INTEGER: i64 = 9_007_199_254_740_991;
/// `use.max`. All counters have 32 bits.
pub const MAX_USES: i64 = 2_147_483_647;
/// The leeway. It is for clocks that drift, not for warrants that have expired.
pub const MAX_LEEWAY_SECONDS: u64 = 30;
/// How far a proof's `iat` may be from the current time, in either direction.
pub const PROOF_WINDOW_SECONDS: u64 = 30;
