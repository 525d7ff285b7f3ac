//! The name of a decision.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// 128 random bits, base64url: told to the client and to the upstream, found again in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DecisionId(String);

impl DecisionId {
    pub fn random() -> DecisionId {
        let mut bytes = [0; 16];
        // Without randomness two decisions could share a name, and a replay would look like an outcome seen twice.
        // The library's generator is seeded at start and does not fail later; were it to, all-zero ids would collide
        // in the ledger, where the second is an alarm, and nothing would be allowed that should not be.
        let _ = aws_lc_rs::rand::fill(&mut bytes);
        DecisionId(URL_SAFE_NO_PAD.encode(bytes))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}
