//! Who will hold a root, and on whose behalf. A pure function of what was verified: tokens, and the certificate of the
//! connection.

use policy::{StarterQuery, SubjectRole};
use serde_json::{Map, Value};
use warrant::{Digest, Seconds};

use super::refusal::{Refusal, RefusalCode};
use super::subject_tokens::NamedByToken;
use crate::authority::callers::ClientCertificate;
use crate::facts::counted_of;

/// The parties of a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parties {
    pub(super) holder: String,
    /// What says that this is the holder: only a token does so for a key that is not the certificate's.
    pub(super) shown_by: ShownHolder,
    /// On whose behalf; `None` if the holder asks for himself.
    pub(super) starter: Option<StarterQuery>,
    /// The subject's token: its `iss`, the digest of its signing input, and its end.
    pub(super) token: Option<(String, Digest, Seconds)>,
    /// The earliest end of everything that shows who they are.
    pub(super) until: Option<Seconds>,
}

impl Parties {
    /// For what their roots are counted.
    pub(super) fn counted_of(&self) -> Digest {
        counted_of(self.token.as_ref().map(|(_, digest, _)| *digest), &self.holder)
    }
}

/// What says who the holder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShownHolder {
    Token,
    /// The certificate of the connection alone. A token of somebody on whose behalf the holder asks says nothing of the holder.
    Certificate,
}

/// Who acts for a subject.
enum Actor<'a> {
    Token(&'a NamedByToken),
    /// By a certificate with this SPIFFE ID.
    Certificate(&'a str),
}

impl Actor<'_> {
    fn name(&self) -> &str {
        match self {
            Actor::Token(named) => &named.name,
            Actor::Certificate(id) => id,
        }
    }

    fn shown_by(&self) -> ShownHolder {
        match self {
            Actor::Token(_) => ShownHolder::Token,
            Actor::Certificate(_) => ShownHolder::Certificate,
        }
    }

    /// Whether this is the actor whom a claim like `may_act` of a token names. Without an `iss` it is one of the token's own
    /// issuer, or a workload. Every other member must be a claim of the actor.
    fn is_named_by(&self, claim: &Map<String, Value>, iss_of_token: &str) -> bool {
        claim.contains_key("sub")
            && claim.iter().all(|(name, value)| match (self, name.as_str()) {
                (Actor::Token(named), "iss") => value == named.iss.as_str(),
                (Actor::Token(named), _) => named.token.claim(name) == Some(value),
                (Actor::Certificate(id), "sub") => value == id,
                (Actor::Certificate(_), _) => false,
            })
            && match self {
                Actor::Token(named) => claim.contains_key("iss") || named.iss == iss_of_token,
                Actor::Certificate(_) => true,
            }
    }
}

/// The parties, or why there are none.
pub(super) fn parties(
    subject: Option<&NamedByToken>,
    actor: Option<&NamedByToken>,
    certificate: Option<&ClientCertificate>,
) -> Result<Parties, Refusal> {
    let workload = certificate.and_then(|certificate| certificate.spiffe_id.as_deref());
    let ends = [subject, actor].into_iter().flatten().map(|named| named.token.exp);
    let until = ends.chain(certificate.map(|certificate| certificate.not_after)).min();
    let Some(subject) = subject else {
        let holder = workload.ok_or(RefusalCode::SubjectMissing)?.to_owned();
        let shown_by = ShownHolder::Certificate;
        return Ok(Parties { holder, shown_by, starter: None, token: None, until });
    };
    let token = Some((subject.iss.clone(), subject.token.digest, subject.token.exp));
    let acts = match (actor, workload) {
        (Some(actor), Some(workload)) if workload != actor.name => {
            let detail = "the client certificate is another workload's than the actor's token";
            return Err(Refusal::new(RefusalCode::ActorInvalid, detail));
        }
        (Some(actor), _) if actor.role != SubjectRole::Holder => {
            return Err(Refusal::new(
                RefusalCode::ActorInvalid,
                "tokens of its issuer only start, and hold nothing",
            ));
        }
        (Some(actor), _) => Some(Actor::Token(actor)),
        (None, workload) => workload.map(Actor::Certificate),
    };
    // Somebody who acts for himself is not an actor.
    let acts = acts.filter(|actor| actor.name() != subject.name);
    check_only_actor(subject, acts.as_ref())?;
    match acts {
        Some(actor) => {
            let may_act = subject.token.claim("may_act").and_then(Value::as_object);
            let may_act = may_act.is_some_and(|claim| actor.is_named_by(claim, &subject.iss));
            let starter = StarterQuery { iss: subject.iss.clone(), sub: subject.name.clone(), may_act };
            let (holder, shown_by) = (actor.name().to_owned(), actor.shown_by());
            Ok(Parties { holder, shown_by, starter: Some(starter), token, until })
        }
        None if subject.role == SubjectRole::Starter => Err(RefusalCode::ActorMissing.into()),
        None => {
            let (holder, shown_by) = (subject.name.clone(), ShownHolder::Token);
            Ok(Parties { holder, shown_by, starter: None, token, until })
        }
    }
}

/// A token with `act` was issued to an actor already, and serves only him.
fn check_only_actor(subject: &NamedByToken, actor: Option<&Actor<'_>>) -> Result<(), Refusal> {
    let Some(act) = subject.token.claim("act") else { return Ok(()) };
    // An `act` inside it names actors before this one.
    let current = act.as_object().map(|act| {
        act.iter()
            .filter(|(name, _)| *name != "act")
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    });
    match (current, actor) {
        (Some(claim), Some(actor)) if actor.is_named_by(&claim, &subject.iss) => Ok(()),
        (Some(_), None) => Err(RefusalCode::ActorMissing.into()),
        (Some(_) | None, _) => {
            Err(Refusal::new(RefusalCode::ActorInvalid, "the subject's token is for another actor"))
        }
    }
}
