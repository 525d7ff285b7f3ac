//! Records the facts that callers bring: asks the policy for operators, hands the entry to the ledger's writer, and says what
//! became of it. The writer decides what only the order of the log can decide: repetitions, conflicts, older statements.

use std::sync::Arc;

use ledger::entry::{Entry, FactScope, Posture};
use ledger::{FactError, FactReceipt, FactRefused, Ledger, RecordError};
use policy::{
    OperatorAction, OperatorContext, OperatorPrincipal, OperatorQuery, OperatorResource, Stance, tightens,
};
use tokio::sync::oneshot;
use warrant::Seconds;

use super::api::{
    CallContext, PostureCall, ReinstatementCall, Resource, RevocationCall, attestation, condition,
};
use super::callers::{Caller, CallerId};
use super::problem::{ApiError, ApiErrorCode};
use super::rates::{ALL, EACH, SharedRates, UNBOUNDED};
use super::statements::StatementTerms;
use crate::clock::Clock;
use crate::facts::{Known, LiveFacts, kind_of};

/// A bundle may be activated between the permission and the record. Then the new one is asked; more than a few activations
/// within one call are an accident.
const TRIES: usize = 5;

#[derive(Clone, Debug)]
pub struct FactRecorder {
    ledger: Ledger,
    live: LiveFacts,
    clock: Clock,
    /// What each caller and each attestor may bring.
    each: SharedRates,
    /// What all together may record. A call that is not permitted uses none of it.
    all: SharedRates,
}

/// What one call knows when it asks.
pub(super) struct Asking<'a> {
    caller: &'a Caller,
    known: Arc<Known>,
    now: Seconds,
}

impl FactRecorder {
    pub fn new(ledger: Ledger, live: LiveFacts, clock: Clock) -> FactRecorder {
        let rates = |all| SharedRates::new(EACH, all, clock.since_boot());
        let (each, all) = (rates(UNBOUNDED), rates(ALL));
        FactRecorder { ledger, live, clock, each, all }
    }

    pub async fn revoke(&self, caller: &Caller, body: &[u8]) -> Result<FactReceipt, ApiError> {
        let call = RevocationCall::read(body)?;
        self.record(caller, |asking| {
            let context = OperatorContext {
                kind: Some(kind_of(call.what())),
                value: Some(call.value().to_owned()),
                reason: Some(call.reason().to_owned()),
                ..OperatorContext::default()
            };
            asking.permit(OperatorAction::Revoke, call.resource(), context)?;
            Ok(call.clone().entry(&asking.context()).into())
        })
        .await
    }

    pub async fn reinstate(&self, caller: &Caller, body: &[u8]) -> Result<FactReceipt, ApiError> {
        let call = ReinstatementCall::read(body)?;
        self.record(caller, |asking| {
            let found = asking.known.tables().revocations.at(call.revocation());
            let unknown = || ApiError::new(ApiErrorCode::Unknown, "no revocation in force has this index");
            let revocation = &found.ok_or_else(unknown)?.fact;
            let context = OperatorContext {
                kind: Some(kind_of(revocation.what)),
                value: Some(revocation.value.clone()),
                reason: Some(call.reason().to_owned()),
                ..OperatorContext::default()
            };
            asking.permit(OperatorAction::Reinstate, Resource::Mesh, context)?;
            Ok(call.clone().entry(revocation, &asking.context())?.into())
        })
        .await
    }

    pub async fn set_posture(&self, caller: &Caller, body: &[u8]) -> Result<FactReceipt, ApiError> {
        let call = PostureCall::read(body)?;
        self.record(caller, |asking| {
            let context = OperatorContext {
                stance: Some(stance(call.stance())),
                reason: Some(call.reason().to_owned()),
                ..OperatorContext::default()
            };
            asking.permit(OperatorAction::SetPosture, call.resource(), context)?;
            Ok(call.clone().entry(&asking.context()).into())
        })
        .await
    }

    /// No permission is asked: the statement says itself who made it. But its attestor has a share of its own.
    pub async fn attest(&self, caller: &Caller, body: &[u8]) -> Result<FactReceipt, ApiError> {
        self.record(caller, |asking| {
            let entry = attestation(body, &asking.terms(), asking.known.bundle().digest())?;
            self.count(&entry.iss)?;
            Ok(entry.into())
        })
        .await
    }

    /// The same about a condition.
    pub async fn state_condition(&self, caller: &Caller, body: &[u8]) -> Result<FactReceipt, ApiError> {
        self.record(caller, |asking| {
            let entry = condition(body, &asking.terms(), asking.known.bundle().digest())?;
            self.count(&entry.iss)?;
            Ok(entry.into())
        })
        .await
    }

    /// Checks that a caller may read facts, and returns them.
    pub fn read(&self, caller: &Caller) -> Result<Arc<Known>, ApiError> {
        self.permitted(caller, OperatorAction::ReadFacts)
    }

    /// Checks that a caller may read this of the whole mesh.
    pub(super) fn permit_reading(&self, caller: &Caller, action: OperatorAction) -> Result<(), ApiError> {
        self.permitted(caller, action).map(drop)
    }

    /// Checks that a caller may read what is known of proxies, and returns the facts of that moment, and its time.
    pub fn read_proxies(&self, caller: &Caller) -> Result<(Arc<Known>, Seconds), ApiError> {
        let known = self.permitted(caller, OperatorAction::ReadProxies)?;
        let now = self.clock.not_before(known.time());
        Ok((known, now))
    }

    fn permitted(&self, caller: &Caller, action: OperatorAction) -> Result<Arc<Known>, ApiError> {
        let asking = self.asking(caller);
        asking.permit(action, Resource::Mesh, OperatorContext::default())?;
        Ok(asking.known)
    }

    /// `make` asks for the permission and makes the entry, under the bundle that is active when it is called. The writer
    /// takes the entry only if that bundle is still active.
    async fn record(
        &self,
        caller: &Caller,
        make: impl Fn(&Asking<'_>) -> Result<Entry, ApiError>,
    ) -> Result<FactReceipt, ApiError> {
        self.count(&caller.id.to_string())?;
        for _ in 0..TRIES {
            let entry = make(&self.asking(caller))?;
            self.admit(&self.all, &[])?;
            match self.submit(entry).await {
                Ok(receipt) => return Ok(receipt),
                Err(FactError::Refused(FactRefused::OtherBundle)) => {}
                Err(error) => return Err(refusal(&error)),
            }
        }
        Err(ApiError::new(
            ApiErrorCode::Unavailable,
            "bundles are activated faster than the call can be recorded",
        ))
    }

    pub(super) fn asking<'a>(&self, caller: &'a Caller) -> Asking<'a> {
        let known = self.live.now();
        let now = self.clock.not_before(known.time());
        Asking { caller, known, now }
    }

    async fn submit(&self, entry: Entry) -> Result<FactReceipt, FactError> {
        let (done, recorded) = oneshot::channel();
        // The caller may have gone; what it asked for is recorded all the same.
        self.ledger.submit_fact(entry, Box::new(move |result| drop(done.send(result))));
        recorded.await.unwrap_or(Err(FactError::NotRecorded(RecordError::Closed)))
    }

    fn count(&self, source: &str) -> Result<(), ApiError> {
        self.admit(&self.each, &[source])
    }

    fn admit(&self, rates: &SharedRates, sources: &[&str]) -> Result<(), ApiError> {
        if rates.admit(sources, self.clock.since_boot()) {
            Ok(())
        } else {
            Err(ApiError::of(ApiErrorCode::TooMany))
        }
    }
}

impl Asking<'_> {
    /// The facts by which it is answered.
    pub(super) fn known(&self) -> &Arc<Known> {
        &self.known
    }

    fn context(&self) -> CallContext<'_> {
        CallContext { by: &self.caller.id, bundle: self.known.bundle().digest(), now: self.now }
    }

    fn terms(&self) -> StatementTerms<'_> {
        let bundle = self.known.bundle();
        StatementTerms {
            attestors: bundle.attestors(),
            audience: bundle.audience(),
            leeway: bundle.terms().leeway,
            now: self.now,
        }
    }

    /// The policy that was activated last judges callers, in force or not, and in every posture: nobody may be locked out.
    /// But while no bundle is in force, only what tightens or reads is permitted.
    pub(super) fn permit(
        &self,
        action: OperatorAction,
        resource: Resource,
        context: OperatorContext,
    ) -> Result<(), ApiError> {
        let not_permitted = |why: &str| ApiError::new(ApiErrorCode::NotPermitted, why);
        let may_while_stale =
            action.reads() || (tightens(action, context.stance) && !self.loosens(&resource, &context));
        if !may_while_stale && self.known.in_force(self.now).is_err() {
            return Err(not_permitted(
                "no bundle is in force, so only what tightens and what reads is permitted; sign a note or a bundle first",
            ));
        }
        let query = OperatorQuery {
            principal: match &self.caller.id {
                CallerId::Agent(id) => OperatorPrincipal::Agent(id.clone()),
                CallerId::Person(id) => OperatorPrincipal::Person(id.clone()),
            },
            groups: self.caller.groups.iter().map(ToString::to_string).collect(),
            action,
            resource: match resource {
                Resource::Mesh => OperatorResource::Mesh,
                Resource::Environment(place) => OperatorResource::Environment(place),
                Resource::Route(name) => OperatorResource::Route(name),
                Resource::Issuer(iss) => OperatorResource::Issuer(iss),
            },
            context,
        };
        match self.known.bundle().operators().decide(&query) {
            Ok(_) => Ok(()),
            Err(refused) => Err(match refused.reason {
                Some(reason) => not_permitted(&reason),
                None => ApiError::of(ApiErrorCode::NotPermitted),
            }),
        }
    }
}

impl Asking<'_> {
    /// Whether a call would allow more than the posture that holds in its scope.
    fn loosens(&self, resource: &Resource, context: &OperatorContext) -> bool {
        let (scope, subject) = match resource {
            Resource::Mesh => (FactScope::Mesh, ""),
            Resource::Environment(place) => (FactScope::Environment, place.as_str()),
            Resource::Route(name) => (FactScope::Route, name.as_str()),
            Resource::Issuer(iss) => (FactScope::Issuer, iss.as_str()),
        };
        let held = stance(self.known.tables().postures.stance(scope, subject));
        context.stance.is_some_and(|wanted| wanted < held)
    }
}

const fn stance(posture: Posture) -> Stance {
    match posture {
        Posture::Normal => Stance::Normal,
        Posture::Restricted => Stance::Restricted,
        Posture::Halted => Stance::Halted,
    }
}

/// What the caller is told about a fact that is not on record.
fn refusal(error: &FactError) -> ApiError {
    let conflict = |detail: String, index| ApiError::new(ApiErrorCode::Conflict, detail).with_index(index);
    match error {
        FactError::Refused(FactRefused::Conflict { newest: Some(newest) }) => conflict(
            format!(
                "this allows more than before, so `replaces` must name the newest entry, which is {newest}"
            ),
            Some(*newest),
        ),
        FactError::Refused(FactRefused::Conflict { newest: None }) => conflict(
            "`replaces` names an entry, but there is none of this scope and subject".to_owned(),
            None,
        ),
        FactError::Refused(FactRefused::Older { newest }) => {
            conflict(format!("its attestor made a newer statement, at {newest}"), None)
        }
        FactError::Refused(FactRefused::NotInForce) => {
            ApiError::new(ApiErrorCode::Unknown, "no revocation of this kind, value and index is in force")
        }
        FactError::Refused(FactRefused::Full) => {
            ApiError::new(ApiErrorCode::Unavailable, "the table of such facts is full until some of them end")
        }
        FactError::Refused(
            FactRefused::Repeats { .. } | FactRefused::OtherBundle | FactRefused::OtherFacts,
        ) => ApiError::of(ApiErrorCode::Unavailable),
        FactError::NotRecorded(refused) => ApiError::new(ApiErrorCode::Unavailable, refused),
    }
}
