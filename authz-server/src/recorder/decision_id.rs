//! The id of a decision.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// 128 random bits as base64url. The client and the upstream get it, and it is recorded in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DecisionId(String);

impl DecisionId {
    pub fn random() -> DecisionId {
        let mut bytes = [0; 16];
        // The library's generator is seeded at start and does not fail later. If it did, decisions would share an id:
        // evidence would be harder to tell apart, but nothing would be allowed that should not be.
        let _ = aws_lc_rs::rand::fill(&mut bytes);
        DecisionId(URL_SAFE_NO_PAD.encode(bytes))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}
