//! Issues roots: RFC 8693 at `POST /v1/token`. Who asks is verified, `issuance.cedar` says what he may have, the issuance is
//! recorded, and only then the root is signed and handed out.
//!
//! Nothing here knows a listener. What a call shows (a form, a certificate, a proof) comes in as values.

mod form;
pub mod metadata;
mod parties;
mod possession;
mod refusal;
mod root;
mod signing_keys;
mod subject_tokens;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ledger::entry::{Digest, Posture as Stance};
use ledger::{FactRefused, Ledger, RecordError};
use policy::issuing::{Issue, NotIssued, issue};
use policy::{Bundle, IssueQuery, NotPermitted, Posture};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::Semaphore;
use tokio::sync::oneshot;
use utoipa::ToSchema;
use warrant::mint::MintError;
use warrant::{Denial, Seconds};

pub use refusal::{Refusal, RefusalCode};
pub use signing_keys::AuthorityKeys;

use super::callers::ClientCertificate;
use super::rates::{Rate, SharedRates};
use super::turns::Turns;
use crate::clock::Clock;
use crate::facts::{Known, LiveFacts};
use crate::fetch::Fetcher;
use crate::keys::NamedSigner;
use crate::schema::DecisionId;
pub use form::{GRANT_TYPE, JWT_TYPE, TokenForm, WARRANT_TYPE};
use parties::{Parties, parties};
use possession::{HolderKey, ShownBy, UsedProofs, check_bound, holder_key};
use root::NewRoot;
use subject_tokens::CurrentSubjects;

/// The path of the one call.
pub const TOKEN_PATH: &str = "/v1/token";

/// What one holder may ask for.
const EACH: Rate = Rate { a_second: 50, most: 200 };
/// What all may ask for together: more than two cores can sign.
const ALL: Rate = Rate { a_second: 5_000, most: 10_000 };
/// How many calls are worked on at once. They wait for the ledger together with decisions, and must not fill its queue.
const AT_ONCE: usize = 256;
/// A bundle, a halt or a revocation may come between the policy and the record. Then the policy is asked anew; more often than this
/// is an accident.
const TRIES: usize = 8;

/// The authority that this server is: its name, its keys, and where it is called.
#[derive(Debug)]
pub struct AuthorityIdentity {
    /// The `iss` of its roots.
    pub iss: String,
    pub keys: AuthorityKeys,
    /// The URL below which its API is, without a path.
    pub url: String,
}

impl AuthorityIdentity {
    /// The names by which a call may name this authority as its `Host`.
    fn is_called(&self, host: &str) -> bool {
        let (scheme, own) = self.url.split_once("://").unwrap_or(("", &self.url));
        let port = if scheme == "https" { ":443" } else { ":80" };
        let bare = |name: &str| name.strip_suffix(port).unwrap_or(name).to_ascii_lowercase();
        bare(host) == bare(own)
    }
}

/// A call of the token endpoint.
#[derive(Clone, Copy, Debug)]
pub struct TokenCall<'a> {
    pub certificate: Option<&'a ClientCertificate>,
    pub host: &'a str,
    /// The header `Warrant-Proof`; empty if there is none.
    pub proof: &'a [u8],
    pub body: &'a [u8],
}

/// A root that is on record, and signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedWarrant {
    pub warrant: String,
    pub expires_in: u64,
    /// What it allows, as JSON.
    pub details: String,
    /// The id of the issuance.
    pub id: String,
}

/// The answer with a warrant (RFC 8693, RFC 9396).
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenAnswer<'a> {
    /// The warrant.
    access_token: &'a str,
    #[schema(pattern = "^urn:portcullis:params:oauth:token-type:warrant$")]
    issued_token_type: &'a str,
    /// A warrant is not a bearer token.
    #[schema(pattern = "^N_A$")]
    token_type: &'a str,
    /// In how many seconds it expires.
    #[schema(minimum = 1, maximum = 86400)]
    expires_in: u64,
    /// What it allows.
    #[schema(value_type = Vec<serde_json::Map<String, serde_json::Value>>)]
    authorization_details: &'a RawValue,
    /// The id of the issuance.
    #[schema(value_type = DecisionId)]
    issuance: &'a str,
}

impl IssuedWarrant {
    /// The JSON of the answer.
    #[must_use]
    pub fn body(&self) -> String {
        let answer = TokenAnswer {
            access_token: &self.warrant,
            issued_token_type: WARRANT_TYPE,
            token_type: "N_A",
            expires_in: self.expires_in,
            authorization_details: serde_json::from_str(&self.details).unwrap_or(RawValue::NULL),
            issuance: &self.id,
        };
        // Texts, a number and JSON always serialise.
        serde_json::to_string(&answer).unwrap_or_default()
    }
}

/// Issues roots. Cheap to clone.
#[derive(Clone, Debug)]
pub struct WarrantIssuer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    authority: AuthorityIdentity,
    ledger: Ledger,
    live: LiveFacts,
    clock: Clock,
    fetcher: Fetcher,
    /// Where the server runs, each written `dimension=value`.
    places: Vec<String>,
    subjects: CurrentSubjects,
    used: UsedProofs,
    rates: SharedRates,
    at_once: Semaphore,
    turns: Turns,
}

/// From what an issuer is made.
#[derive(Debug)]
pub struct IssuerParts {
    pub authority: AuthorityIdentity,
    pub ledger: Ledger,
    pub live: LiveFacts,
    pub clock: Clock,
    pub fetcher: Fetcher,
    /// Where the server runs, each written `dimension=value`.
    pub places: Vec<String>,
}

/// Who asks, as one bundle sees it.
struct Verified {
    /// The digest of the bundle.
    bundle: Digest,
    parties: Parties,
    key: HolderKey,
}

impl WarrantIssuer {
    #[must_use]
    pub fn new(parts: IssuerParts) -> WarrantIssuer {
        let IssuerParts { authority, ledger, live, clock, fetcher, places } = parts;
        let used = UsedProofs::since(clock.now());
        let rates = SharedRates::new(EACH, ALL, clock.since_boot());
        let (subjects, at_once) = (CurrentSubjects::default(), Semaphore::new(AT_ONCE));
        WarrantIssuer(Arc::new(Inner {
            authority,
            ledger,
            live,
            clock,
            fetcher,
            places,
            subjects,
            used,
            rates,
            at_once,
            turns: Turns::default(),
        }))
    }

    #[must_use]
    pub fn authority(&self) -> &AuthorityIdentity {
        &self.0.authority
    }

    /// The public keys that verify its roots under the bundle that is active now, as a JWK set.
    #[must_use]
    pub fn jwks(&self) -> String {
        let known = self.0.live.now();
        metadata::jwks(&self.0.authority.keys.of_bundle(&self.0.authority.iss, known.bundle()))
    }

    /// What a client can know about a resource of the mesh (RFC 9728); `None` if the bundle has no such host.
    #[must_use]
    pub fn resource(&self, url: &str) -> Option<String> {
        metadata::resource(self.0.live.now().bundle(), url)
    }

    /// Issues what a call asks for, within what the policies permit.
    ///
    /// # Errors
    /// The reason for which nothing is issued. Nothing is on record then, but perhaps a root that nobody ever gets.
    pub async fn issue(&self, call: TokenCall<'_>) -> Result<IssuedWarrant, Refusal> {
        let issuer = &*self.0;
        let _one = issuer.at_once.try_acquire().map_err(|_| Refusal::from(RefusalCode::TooMany))?;
        if !issuer.authority.is_called(call.host) {
            return Err(Refusal::new(RefusalCode::FormMalformed, "the Host is not that of this authority"));
        }
        let form = TokenForm::read(call.body)?;
        let known = issuer.live.now();
        let now = issuer.time(&known)?;
        let mut verified = issuer.verify(&known, &form, call, now).await?;
        issuer.count(&verified, now)?;
        let _turn = issuer.turns.wait(verified.parties.counted_of()).await.ok_or(RefusalCode::TooMany)?;
        for _ in 0..TRIES {
            let known = issuer.live.now();
            let now = issuer.time(&known)?;
            if verified.bundle != known.bundle().digest() {
                verified = issuer.verify(&known, &form, call, now).await?;
            }
            let key = issuer.signing_key(known.bundle())?;
            let (root, issue) = issuer.decide(&known, &form, &verified, &key, now)?;
            let drafted = root.draft(&issuer.authority.iss, &key, &issue)?;
            match issuer.record(drafted.entry(&verified.parties, &issue, known.bundle().digest())).await {
                Ok(()) => return drafted.sign(&key),
                Err(RecordError::Stale) => {}
                Err(RecordError::Refused(FactRefused::Full)) => return Err(RefusalCode::Full.into()),
                Err(why) => return Err(Refusal::new(RefusalCode::NotRecorded, why)),
            }
        }
        Err(Refusal::new(RefusalCode::NotRecorded, "what the policy reads changes all the time"))
    }
}

impl Inner {
    /// The time, if this server may issue anything at this moment.
    fn time(&self, known: &Known) -> Result<Seconds, Refusal> {
        let reading = self.clock.compared_with(known.time());
        let in_force = known.in_force(reading.now);
        if reading.unreliable.is_some() || in_force.is_err() {
            return Err(RefusalCode::NotInForce.into());
        }
        if self.stance(known) == Stance::Halted {
            return Err(RefusalCode::Halted.into());
        }
        Ok(reading.now)
    }

    /// Who asks, and with which key.
    async fn verify(
        &self,
        known: &Known,
        form: &TokenForm,
        call: TokenCall<'_>,
        now: Seconds,
    ) -> Result<Verified, Refusal> {
        let bundle = known.bundle();
        if call.certificate.is_some_and(|certificate| certificate.not_after < now) {
            return Err(Refusal::new(RefusalCode::SubjectInvalid, "the client certificate has expired"));
        }
        let subjects = self.subjects.of(bundle.digest(), bundle).map_err(|fault| {
            tracing::warn!("the keys of `subjects` of the active bundle {fault}");
            Refusal::from(RefusalCode::KeysUnavailable)
        })?;
        let subject = match &form.subject_token {
            Some(token) => {
                Some(subjects.verify(token, RefusalCode::SubjectInvalid, &self.fetcher, now).await?)
            }
            None => None,
        };
        let actor = match &form.actor_token {
            Some(token) => Some(subjects.verify(token, RefusalCode::ActorInvalid, &self.fetcher, now).await?),
            None => None,
        };
        let shown = ShownBy {
            proof: call.proof,
            host: call.host.as_bytes(),
            path: TOKEN_PATH.as_bytes(),
            body: call.body,
            now,
        };
        let parties = parties(subject.as_ref(), actor.as_ref(), call.certificate)?;
        let key = holder_key(form.cnf.as_deref(), call.certificate, parties.shown_by, shown)?;
        for (named, refused) in [(&subject, RefusalCode::SubjectInvalid), (&actor, RefusalCode::ActorInvalid)]
        {
            if let Some(named) = named {
                check_bound(named, refused, call.certificate, &key)?;
            }
        }
        Ok(Verified { bundle: bundle.digest(), parties, key })
    }

    /// Counts a call: for its holder, and with its proof.
    fn count(&self, verified: &Verified, now: Seconds) -> Result<(), Refusal> {
        if !self.rates.admit(&[&verified.parties.holder], self.clock.since_boot()) {
            return Err(RefusalCode::TooMany.into());
        }
        verified.key.proof.as_ref().map_or(Ok(()), |proof| self.used.take(proof, now))
    }

    /// The key that signs under this bundle: the last one that it lists of those that are here and can be asked. That is found out
    /// before anything is recorded: a root that nobody could sign would count as issued.
    fn signing_key(&self, bundle: &Bundle) -> Result<NamedSigner, Refusal> {
        let keys = self.authority.keys.of_bundle(&self.authority.iss, bundle);
        if keys.is_empty() {
            return Err(RefusalCode::NotTrusted.into());
        }
        keys.into_iter().rev().find(|key| key.signer.is_there()).ok_or_else(|| {
            tracing::error!("no signer of the authority answers");
            RefusalCode::NotSigned.into()
        })
    }

    /// What may be issued.
    fn decide(
        &self,
        known: &Known,
        form: &TokenForm,
        Verified { parties, key, .. }: &Verified,
        signing: &NamedSigner,
        now: Seconds,
    ) -> Result<(NewRoot, Issue), Refusal> {
        let bundle: &Bundle = known.bundle();
        self.check_not_revoked(known, parties, key, signing, now)?;
        self.check_trusted(bundle, parties)?;
        let wanted = form.wanted(bundle)?;
        let roots = known.tables().issued.count(&parties.counted_of());
        let query = IssueQuery {
            holder: parties.holder.clone(),
            key: key.origin,
            token: parties.token.as_ref().map(|token| token.0.clone()),
            starter: parties.starter.clone(),
            roots,
            // Halted was refused before.
            posture: if self.stance(known) == Stance::Normal { Posture::Normal } else { Posture::Restricted },
            now,
        };
        let permitted = bundle.issuance().decide(&query).map_err(not_permitted)?;
        let issue = issue(&wanted, &permitted, |name| bundle.grant(name)).map_err(|why| not_issued(&why))?;
        let lifetime = issue.limits.lifetime.min(bundle.terms().max_lifetime);
        let exp = parties.until.map_or(now.plus(lifetime), |until| until.min(now.plus(lifetime)));
        if exp <= now || (exp <= now.plus(1) && lifetime > 1) {
            return Err(RefusalCode::EndsTooSoon.into());
        }
        Ok((NewRoot::of(parties, key.key, bundle, roots, now, exp), issue))
    }

    fn stance(&self, known: &Known) -> Stance {
        known.tables().postures.of_issuer(&self.authority.iss, &self.places)
    }

    /// A warrant of somebody revoked would be denied everywhere.
    fn check_not_revoked(
        &self,
        known: &Known,
        parties: &Parties,
        key: &HolderKey,
        signing: &NamedSigner,
        now: Seconds,
    ) -> Result<(), Refusal> {
        let subs = [Some(&parties.holder), parties.starter.as_ref().map(|starter| &starter.sub)];
        let keys = [&key.key, signing.signer.public_key()].map(|key| key.thumbprint().to_string());
        let is_revoked = known.tables().is_any_revoked(subs.into_iter().flatten(), &keys, now);
        if is_revoked { Err(RefusalCode::Revoked.into()) } else { Ok(()) }
    }

    /// Whether the bundle lets this authority vouch for the holder and name the starter.
    fn check_trusted(&self, bundle: &Bundle, parties: &Parties) -> Result<(), Refusal> {
        let own = bundle.trust().issuers().iter().find(|issuer| issuer.iss == self.authority.iss);
        let starter = parties.starter.as_ref().map(|starter| starter.iss.as_str());
        let is_trusted = own.is_some_and(|issuer| issuer.may_vouch(&parties.holder, starter));
        if is_trusted { Ok(()) } else { Err(RefusalCode::NotTrusted.into()) }
    }

    /// Returns when the entry is on disk.
    async fn record(&self, entry: ledger::entry::Issued) -> Result<(), RecordError> {
        let (done, recorded) = oneshot::channel();
        // The caller may have gone: then nobody ever gets this root.
        self.ledger.submit(entry.into(), Box::new(move |result| drop(done.send(result))));
        recorded.await.unwrap_or(Err(RecordError::Closed)).map(drop)
    }
}

fn not_permitted(denied: NotPermitted) -> Refusal {
    let is_denied = denied.denial == Denial::PolicyDenied;
    let code = if is_denied { RefusalCode::NotPermitted } else { RefusalCode::PolicyError };
    Refusal::advised(code, denied.reason, denied.cure)
}

fn not_issued(why: &NotIssued) -> Refusal {
    let code = match why {
        NotIssued::Nothing => RefusalCode::NothingWanted,
        NotIssued::Grant(_) => RefusalCode::Scope,
        NotIssued::Detail(_) => RefusalCode::DetailsOutside,
        NotIssued::Hosts => RefusalCode::Resource,
        NotIssued::Environment(_) | NotIssued::Attestation => RefusalCode::Pins,
    };
    Refusal::new(code, why)
}

fn not_minted(error: &MintError) -> Refusal {
    match error {
        MintError::TooLarge => RefusalCode::TooLarge.into(),
        MintError::Malformed(_) | MintError::Widened(_) | MintError::Sealed | MintError::NotTheHolder => {
            Refusal::new(RefusalCode::DetailsMalformed, error)
        }
        MintError::Sign(why) => {
            tracing::error!(%why, "the authority's key cannot sign");
            RefusalCode::NotSigned.into()
        }
    }
}
