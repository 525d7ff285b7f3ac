//! A cache of verified chains, so that a warrant that is used often is verified once.
//!
//! A valid signature stays valid. Whether the root's key is still trusted may change, so that is checked on every
//! use. The key of an entry is the whole header, compared byte by byte: nothing shorter identifies what was verified.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use warrant::{AwsLcVerifier, Chain, Denial, PresentedWarrant, Trust};

use super::warrant_in_log::WarrantInLog;
use crate::record::RecordedWarrant;

/// About how much memory the headers and their claims may take in total.
const BYTES_AT_MOST: u64 = 64 * 1024 * 1024;
/// Claims, and what is recorded of them, take a few times as much memory as the header they were read from.
const CLAIMS_TO_HEADER: usize = 8;
/// A warrant that was not presented for this long is dropped.
const IDLE: Duration = Duration::from_secs(120);

#[derive(Clone, Debug)]
pub struct VerifiedChains(Cache<Arc<[u8]>, VerifiedChain>);

/// A lineage whose signatures were verified, and what entries say of it.
#[derive(Clone, Debug)]
pub(super) struct VerifiedChain {
    pub(super) chain: Arc<Chain>,
    pub(super) in_log: WarrantInLog,
}

impl VerifiedChains {
    pub fn new() -> VerifiedChains {
        let weight = |header: &Arc<[u8]>, _: &VerifiedChain| {
            u32::try_from(header.len().saturating_mul(CLAIMS_TO_HEADER)).unwrap_or(u32::MAX)
        };
        VerifiedChains(
            Cache::builder().max_capacity(BYTES_AT_MOST).weigher(weight).time_to_idle(IDLE).build(),
        )
    }

    /// The lineage in this header: its signatures were verified now or earlier, and its root's key is trusted now.
    /// Only valid lineages are cached, so that garbage cannot evict them.
    pub(super) fn verify(&self, header: &[u8], trust: &Trust) -> Result<VerifiedChain, Denial> {
        if let Some(verified) = self.0.get(header)
            && verified.chain.is_verified_by(trust)?
        {
            return Ok(verified);
        }
        let chain = PresentedWarrant::parse(header)?.verify(trust, &AwsLcVerifier)?;
        let in_log = WarrantInLog::new(RecordedWarrant::of(&chain));
        let verified = VerifiedChain { in_log, chain: Arc::new(chain) };
        self.0.insert(header.into(), verified.clone());
        Ok(verified)
    }
}

impl Default for VerifiedChains {
    fn default() -> VerifiedChains {
        VerifiedChains::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::PrivateKey;
    use warrant::mint::{Grant, GrantDetail, Root, Signer};
    use warrant::{Algorithm, Issuer, Seconds, SubjectPattern};

    fn trust(authority: &PrivateKey) -> Trust {
        let subjects = vec![SubjectPattern::parse("agent:*").unwrap()];
        let keys = vec![("a1".to_owned(), *authority.public_key())];
        Trust::new(vec![Issuer { iss: "https://a".into(), keys, subjects, starters: vec![] }]).unwrap()
    }

    fn root(authority: &PrivateKey) -> String {
        let detail = GrantDetail {
            hosts: vec!["h".into()],
            methods: vec!["GET".into()],
            paths: vec!["/**".into()],
            actions: None,
            args: vec![],
        };
        let grant = Grant {
            sub: "agent:x".into(),
            cnf: *PrivateKey::generate(Algorithm::Es256, None).unwrap().public_key(),
            aud: vec!["demo".into()],
            jti: "j".into(),
            iat: Seconds::new(10),
            nbf: Seconds::new(10),
            exp: Seconds::new(20),
            max_depth: 0,
            use_max: None,
            env: vec![],
            att: None,
            details: vec![detail],
        };
        let root = Root {
            iss: "https://a".into(),
            txn: "t".into(),
            ini: None,
            pol: None,
            dec: None,
            attr: None,
            grant,
        };
        root.sign(authority, "a1").unwrap()
    }

    #[test]
    fn a_cached_lineage_is_refused_once_its_key_is_removed_or_replaced() {
        let authority = PrivateKey::generate(Algorithm::Es256, Some("a1")).unwrap();
        let (chains, header) = (VerifiedChains::new(), root(&authority));
        let first = chains.verify(header.as_bytes(), &trust(&authority)).unwrap();
        let again = chains.verify(header.as_bytes(), &trust(&authority)).unwrap();
        assert!(Arc::ptr_eq(&first.chain, &again.chain), "verified once");
        // Another key of the same name: the answer is the one that an empty cache gives.
        let other = PrivateKey::generate(Algorithm::Es256, Some("a1")).unwrap();
        for chains in [&chains, &VerifiedChains::new()] {
            let refused = chains.verify(header.as_bytes(), &trust(&other)).unwrap_err();
            assert_eq!(refused, Denial::SignatureInvalid);
            let refused = chains.verify(header.as_bytes(), &Trust::default()).unwrap_err();
            assert_eq!(refused, Denial::IssuerUntrusted);
        }
    }

    #[test]
    fn an_invalid_lineage_is_not_cached() {
        let authority = PrivateKey::generate(Algorithm::Es256, Some("a1")).unwrap();
        let other = PrivateKey::generate(Algorithm::Es256, Some("a1")).unwrap();
        let (chains, header) = (VerifiedChains::new(), root(&other));
        assert_eq!(
            chains.verify(header.as_bytes(), &trust(&authority)).unwrap_err(),
            Denial::SignatureInvalid
        );
        chains.0.run_pending_tasks();
        assert_eq!(chains.0.entry_count(), 0);
    }
}
