//! The links of a warrant as every decision records them: what a start, a search and an audit need, without any other entry.
//! The rest of a link is in its terms, which a decision may say by naming an earlier one.

use super::define::object;
use super::encoded_list::EncodedList;

/// The links of a warrant, from its root to its leaf. Of a warrant that is presented often they are the same in every entry, so
/// they can be encoded once: most of an entry is then copied.
pub type RecordedChain = EncodedList<RecordedLink>;

object! { "Link"
    /// One verified link of a warrant, as every decision records it.
    #[derive(Hash)]
    pub struct RecordedLink {
        /// The measurements of the attestation to which it is bound.
        att: Option<Vec<String>>,
        /// The thumbprint of the holder's key.
        cnf: String,
        /// When it expires, in seconds.
        exp: u64,
        /// The authority that signed it; roots only. The signer of another link is in its terms.
        iss: Option<String>,
        /// Its id.
        jti: String,
        /// The JWK thumbprint (RFC 7638) of the authority's key that verified it; roots only.
        key: Option<String>,
        /// The holder.
        sub: String,
        /// The lineage's id; roots only.
        txn: Option<String>,
        /// How often it may be used; `null` for no limit.
        r#use: Option<u64>,
    }
}

impl RecordedLink {
    /// Whether this key signed it as the authority's, or is its holder's.
    pub(crate) fn is_by_key(&self, thumbprint: &str) -> bool {
        self.cnf == thumbprint || self.key.as_deref() == Some(thumbprint)
    }
}
