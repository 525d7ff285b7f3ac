//! A root in the making: complete, then on record, then signed.

use ledger::canonical;
use ledger::entry::{Digest, Issued, Person};
use policy::Bundle;
use policy::issuing::Issue;
use warrant::mint::{Grant, GrantDetail, Root, UnsignedRoot};
use warrant::{PublicKey, Seconds, Starter};

use super::parties::Parties;
use super::refusal::{Refusal, RefusalCode};
use super::{IssuedWarrant, SigningKey, not_minted};
use crate::record::recorded_details;
use crate::recorder::DecisionId;

/// What is known of a root before its contents are decided.
pub(super) struct NewRoot {
    holder: String,
    starter: Option<Starter>,
    key: PublicKey,
    audience: String,
    bundle: Digest,
    roots: u64,
    now: Seconds,
    exp: Seconds,
}

impl NewRoot {
    pub(super) fn of(
        parties: &Parties,
        key: PublicKey,
        bundle: &Bundle,
        roots: u64,
        now: Seconds,
        exp: Seconds,
    ) -> NewRoot {
        let starter = parties.starter.as_ref();
        NewRoot {
            holder: parties.holder.clone(),
            starter: starter
                .map(|who| Starter { iss: who.iss.as_str().into(), sub: who.sub.as_str().into() }),
            key,
            audience: bundle.terms().audience.clone(),
            bundle: bundle.digest(),
            roots,
            now,
            exp,
        }
    }

    /// The whole root, but for its signature.
    pub(super) fn draft(self, iss: &str, key: &SigningKey, issue: &Issue) -> Result<DraftedRoot, Refusal> {
        let [id, txn, jti] = [(); 3].map(|()| DecisionId::random().as_str().to_owned());
        let details = canonical::to_vec(&recorded_details(&issue.details)).ok();
        let details = details.and_then(|bytes| String::from_utf8(bytes).ok());
        let details = details.ok_or(RefusalCode::DetailsMalformed)?;
        let root = Root {
            iss: iss.to_owned(),
            txn,
            ini: self.starter,
            pol: Some(self.bundle.to_string()),
            dec: Some(id),
            attr: None,
            grant: Grant {
                sub: self.holder,
                cnf: self.key,
                aud: vec![self.audience],
                jti,
                iat: self.now,
                nbf: self.now,
                exp: self.exp,
                max_depth: issue.limits.depth,
                use_max: issue.limits.uses,
                env: issue.environment.clone(),
                att: issue.attestation.clone(),
                details: issue.details.iter().map(GrantDetail::from).collect(),
            },
        };
        let algorithm = key.signer.public_key().alg();
        let unsigned = root.draft(algorithm, &key.kid).map_err(|error| not_minted(&error))?;
        Ok(DraftedRoot { root, unsigned, details, roots: self.roots })
    }
}

/// A root that nobody has signed.
pub(super) struct DraftedRoot {
    root: Root,
    unsigned: UnsignedRoot,
    /// What it allows, in canonical form.
    details: String,
    roots: u64,
}

impl DraftedRoot {
    /// Its entry. It names the root by its signing input, so it can be recorded before anybody signs it.
    pub(super) fn entry(&self, parties: &Parties, issue: &Issue, bundle: Digest) -> Issued {
        let Root { iss, txn, dec, grant, .. } = &self.root;
        let token = parties.token.as_ref();
        Issued {
            by: parties.holder.clone(),
            cnf: grant.cnf.thumbprint().to_string(),
            details: Digest::of(self.details.as_bytes()),
            exp: grant.exp.get(),
            grants: issue.policies.clone(),
            iat: grant.iat.get(),
            id: dec.clone().unwrap_or_default(),
            ini: parties.starter.as_ref().map(|who| Person { iss: who.iss.clone(), sub: who.sub.clone() }),
            iss: iss.clone(),
            jti: grant.jti.clone(),
            policy: Some(bundle),
            root: self.unsigned.digest(),
            roots: self.roots,
            sub: grant.sub.clone(),
            token: token.map(|token| token.1),
            token_exp: token.map(|token| token.2.get()),
            txn: txn.clone(),
            r#use: grant.use_max.map(u64::from),
        }
    }

    /// Signs it. Its entry must be on disk.
    pub(super) fn sign(self, key: &SigningKey) -> Result<IssuedWarrant, Refusal> {
        let grant = &self.root.grant;
        let expires_in = grant.exp.get().saturating_sub(grant.iat.get());
        let warrant = self.unsigned.sign(&*key.signer).map_err(|error| not_minted(&error))?;
        Ok(IssuedWarrant {
            warrant,
            expires_in,
            details: self.details,
            id: self.root.dec.unwrap_or_default(),
        })
    }
}
