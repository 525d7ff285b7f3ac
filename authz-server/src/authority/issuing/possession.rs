//! To which key a root is bound, and how the caller showed that the holder has it.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use policy::HolderKeyOrigin;
use warrant::{
    AwsLcVerifier, PresentedProof, ProofBody, ProofExpectations, ProofId, PublicKey, Seconds, Thumbprint,
};

use super::parties::ShownHolder;
use super::refusal::{Refusal, RefusalCode};
use super::subject_tokens::NamedByToken;
use crate::authority::callers::ClientCertificate;
use crate::authority::tokens::{Confirmation, TokenFault};

/// The key of a holder, with the proof that was needed to show it.
#[derive(Clone, Debug)]
pub(super) struct HolderKey {
    pub(super) key: PublicKey,
    pub(super) origin: HolderKeyOrigin,
    /// The proof, which counts once.
    pub(super) proof: Option<ProofId>,
}

/// The call by which a key must be shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShownBy<'a> {
    /// The header `Warrant-Proof`; empty if there is none.
    pub(super) proof: &'a [u8],
    pub(super) host: &'a [u8],
    pub(super) path: &'a [u8],
    pub(super) body: &'a [u8],
    pub(super) now: Seconds,
}

/// The key to which the root is bound: the one in `cnf`, which a proof shows, or that of the certificate.
pub(super) fn holder_key(
    cnf: Option<&str>,
    certificate: Option<&ClientCertificate>,
    holder: ShownHolder,
    shown: ShownBy<'_>,
) -> Result<HolderKey, Refusal> {
    let own = certificate.and_then(|certificate| certificate.key);
    let Some(cnf) = cnf else {
        let key = own.ok_or(RefusalCode::KeyMissing)?;
        return Ok(HolderKey { key, origin: HolderKeyOrigin::Certificate, proof: None });
    };
    let key = PublicKey::from_jwk(cnf.as_bytes())
        .map_err(|fault| Refusal::new(RefusalCode::KeyInvalid, format!("cnf: {fault}")))?;
    if own == Some(key) {
        return Ok(HolderKey { key, origin: HolderKeyOrigin::Certificate, proof: None });
    }
    let expect = ProofExpectations {
        now: shown.now,
        method: "POST",
        authority: shown.host,
        path_and_query: shown.path,
        warrant_header: b"",
        body: ProofBody::Read(shown.body),
    };
    let proof =
        PresentedProof::parse(shown.proof).and_then(|proof| proof.check(&key, &AwsLcVerifier, &expect));
    let proof = proof.map_err(|_| Refusal::from(RefusalCode::ProofInvalid))?;
    let origin = match holder {
        ShownHolder::Token => HolderKeyOrigin::Own,
        ShownHolder::Certificate => HolderKeyOrigin::Other,
    };
    Ok(HolderKey { key, origin, proof: Some(proof) })
}

/// A token that is bound to a key or certificate counts only with it.
pub(super) fn check_bound(
    named: &NamedByToken,
    refused: RefusalCode,
    certificate: Option<&ClientCertificate>,
    holder: &HolderKey,
) -> Result<(), Refusal> {
    let proved: Option<Thumbprint> = holder.proof.as_ref().map(|proof| proof.thumbprint);
    let is_shown = match named.token.confirmation() {
        Ok(Confirmation::Unbound) => true,
        Ok(Confirmation::Certificate(digest)) => certificate.is_some_and(|own| own.digest == digest),
        Ok(Confirmation::Key(thumbprint)) => proved == Some(thumbprint),
        Err(_) => false,
    };
    if is_shown {
        Ok(())
    } else {
        Err(Refusal::new(refused, format!("the token {}", TokenFault::OtherConfirmation)))
    }
}

/// How many proofs are remembered. Each is, for a minute at most.
const MOST_PROOFS: usize = 200_000;

/// The proofs that were used. They are remembered in memory alone: a root that somebody gets by a proof of another is bound to
/// the key of that other, and is of no use to him. A proof that was made before this server started counts for nothing, because
/// the server before may have seen it.
#[derive(Debug)]
pub(super) struct UsedProofs {
    started: Seconds,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    known: HashSet<(Thumbprint, String)>,
    ends: BTreeSet<(Seconds, Thumbprint, String)>,
}

impl UsedProofs {
    pub(super) fn since(started: Seconds) -> UsedProofs {
        UsedProofs { started, used: Mutex::default() }
    }

    /// Takes a proof, if it is new.
    pub(super) fn take(&self, proof: &ProofId, now: Seconds) -> Result<(), Refusal> {
        let made = proof.forget_after.get().saturating_sub(warrant::limits::PROOF_WINDOW_SECONDS);
        if made < self.started.get() {
            let detail = "the proof was made before this server started";
            return Err(Refusal::new(RefusalCode::ProofInvalid, detail));
        }
        // Only complete values are stored under this lock.
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((end, thumbprint, jti)) = used.ends.first().cloned().filter(|(end, ..)| *end < now) {
            used.known.remove(&(thumbprint, jti.clone()));
            used.ends.remove(&(end, thumbprint, jti));
        }
        if used.known.len() >= MOST_PROOFS {
            return Err(RefusalCode::TooMany.into());
        }
        if !used.known.insert((proof.thumbprint, proof.jti.clone())) {
            return Err(Refusal::new(RefusalCode::ProofInvalid, "the proof was used before"));
        }
        used.ends.insert((proof.forget_after, proof.thumbprint, proof.jti.clone()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::PrivateKey;
    use warrant::Algorithm;
    use warrant::mint::{NewProof, Signer};

    const NOW: Seconds = Seconds::new(1_795_230_579);

    fn proof(key: &PrivateKey, body: &[u8], warrant: &str, path: &str) -> String {
        let proof = NewProof {
            jti: "p".to_owned(),
            iat: NOW,
            method: "POST",
            authority: "authority.shop",
            path_and_query: path,
            warrant_header: warrant,
            body: Some(body),
        };
        proof.sign(key).unwrap()
    }

    fn shown<'a>(proof: &'a str, body: &'a [u8]) -> ShownBy<'a> {
        ShownBy { proof: proof.as_bytes(), host: b"authority.shop", path: b"/v1/token", body, now: NOW }
    }

    fn certificate(key: Option<PublicKey>) -> ClientCertificate {
        ClientCertificate {
            spiffe_id: Some("spiffe://shop/a".to_owned()),
            digest: warrant::Digest::of(b"der"),
            not_after: NOW.plus(60),
            key,
        }
    }

    #[test]
    fn a_key_is_shown_by_a_proof_for_this_very_call_or_by_the_certificate() {
        let key = PrivateKey::generate(Algorithm::Es256, None).unwrap();
        let cnf = key.public_key().to_jwk_json();
        let good = proof(&key, b"form", "", "/v1/token");
        let by = |proof: &str, body: &[u8]| {
            holder_key(Some(&cnf), None, ShownHolder::Token, shown(proof, body)).map(|key| key.origin)
        };
        assert_eq!(by(&good, b"form"), Ok(HolderKeyOrigin::Own));
        let other = PrivateKey::generate(Algorithm::Es256, None).unwrap();
        for (bad, body) in [
            (good.as_str(), &b"another form"[..]),
            ("", b"form"),
            (&proof(&other, b"form", "", "/v1/token"), b"form"),
            (&proof(&key, b"form", "a~b", "/v1/token"), b"form"),
            (&proof(&key, b"form", "", "/v1/posture"), b"form"),
        ] {
            assert_eq!(by(bad, body).unwrap_err().code, RefusalCode::ProofInvalid, "{bad}");
        }
        let own = certificate(Some(*key.public_key()));
        let with = |cnf: Option<&str>, proof: &str, certificate: &ClientCertificate| {
            holder_key(cnf, Some(certificate), ShownHolder::Certificate, shown(proof, b"form"))
                .map(|key| key.origin)
        };
        assert_eq!(with(None, "", &own), Ok(HolderKeyOrigin::Certificate));
        assert_eq!(with(Some(&cnf), "", &own), Ok(HolderKeyOrigin::Certificate));
        assert_eq!(with(Some(&cnf), &good, &certificate(None)), Ok(HolderKeyOrigin::Other));
        assert_eq!(with(None, "", &certificate(None)).unwrap_err().code, RefusalCode::KeyMissing);
        assert_eq!(with(Some("{}"), "", &own).unwrap_err().code, RefusalCode::KeyInvalid);
    }

    #[test]
    fn a_proof_counts_once_and_one_from_before_the_start_never() {
        let used = UsedProofs::since(NOW);
        let id = |jti: &str, made: Seconds| ProofId {
            thumbprint: *PrivateKey::generate(Algorithm::Ed25519, None)
                .map(|key| key.public_key().thumbprint())
                .as_ref()
                .unwrap(),
            jti: jti.to_owned(),
            forget_after: made.plus(30),
        };
        let one = id("a", NOW);
        assert!(used.take(&one, NOW).is_ok());
        assert_eq!(used.take(&one, NOW).unwrap_err().code, RefusalCode::ProofInvalid);
        assert!(used.take(&id("b", NOW), NOW).is_ok());
        assert_eq!(
            used.take(&id("c", Seconds::new(NOW.get() - 1)), NOW).unwrap_err().code,
            RefusalCode::ProofInvalid
        );
        assert!(used.take(&id("d", NOW.plus(40)), NOW.plus(40)).is_ok());
        assert_eq!(used.used.lock().unwrap().known.len(), 1, "what has ended is forgotten");
    }
}
