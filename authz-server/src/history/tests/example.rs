//! Entries for the tests of the index.

use ledger::Entry;
use ledger::entry::{
    Archived, Decision, DecisionOutcome, DenialCode, Digest, Issued, Nonce, OutcomeReport, RecordedLink,
    RecordedVerdict, Stamps, Stop, VerdictCode,
};
use proptest::prelude::*;

use crate::example_decision::denied;
use crate::facts::examples;

#[derive(Clone, Debug)]
pub(super) enum Event {
    Decision {
        route: Option<String>,
        is_allowed: bool,
        links: Vec<Link>,
    },
    Issued(Link),
    /// The outcome of this decision, if it is one.
    Outcome(u64),
    Archived(u64),
    Other,
}

/// A link. Its other members follow from these.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    pub(super) iss: String,
    pub(super) txn: String,
    pub(super) jti: String,
    pub(super) sub: String,
}

impl Link {
    pub(crate) fn new(jti: &str, holder: u8) -> Link {
        Link {
            iss: "https://a".to_owned(),
            txn: "t0".to_owned(),
            jti: jti.to_owned(),
            sub: format!("agent:{holder}"),
        }
    }

    pub(super) fn cnf(&self) -> String {
        format!("key of {}", self.sub)
    }
}

pub(super) const EXP: u64 = 1_700_000_060;

pub(super) fn id(at: u64) -> String {
    format!("id-{at}")
}

pub(super) fn decision(route: Option<&str>, links: &[Link]) -> Event {
    Event::Decision { route: route.map(str::to_owned), is_allowed: true, links: links.to_vec() }
}

pub(super) fn issued(jti: &str) -> Event {
    Event::Issued(Link::new(jti, 0))
}

fn link() -> impl Strategy<Value = Link> {
    let parts = (0..2_u8, 0..2_u8, 0..3_u8, 0..2_u8);
    parts.prop_map(|(iss, txn, jti, sub)| Link {
        iss: format!("https://{}", char::from(b'a' + iss)),
        txn: format!("t{txn}"),
        ..Link::new(&format!("j{jti}"), sub)
    })
}

pub(super) fn event() -> impl Strategy<Value = Event> {
    let route = prop::option::of(prop::sample::select(vec!["hello".to_owned(), "pay".to_owned()]));
    let decision = (route, any::<bool>(), prop::collection::vec(link(), 0..4));
    prop_oneof![
        6 => decision.prop_map(|(route, is_allowed, links)| Event::Decision { route, is_allowed, links }),
        1 => link().prop_map(Event::Issued),
        2 => (0..120_u64).prop_map(Event::Outcome),
        1 => Just(Event::Other),
    ]
}

/// The entry at an index.
pub(super) fn bytes_of(at: u64, event: &Event) -> Vec<u8> {
    let stamps = Stamps { nonce: Nonce([7; 16]), time: time(at) };
    entry(at, event).to_bytes(stamps).unwrap()
}

pub(super) fn time(at: u64) -> u64 {
    1_700_000_000_000 + at
}

pub(super) fn entry(at: u64, event: &Event) -> Entry {
    match event {
        Event::Decision { route, is_allowed, links } => {
            decided(&id(at), route.as_deref(), *is_allowed, links).into()
        }
        Event::Issued(link) => Issued {
            cnf: link.cnf(),
            exp: EXP,
            iss: link.iss.clone(),
            jti: link.jti.clone(),
            sub: link.sub.clone(),
            txn: link.txn.clone(),
            ..examples::issued(EXP - 60)
        }
        .into(),
        Event::Outcome(decision) => outcome(*decision).into(),
        Event::Archived(below) => Archived { below: *below, snapshot: Digest::of(b"facts") }.into(),
        Event::Other => Stop { refused: 0 }.into(),
    }
}

pub(crate) fn decided(id: &str, route: Option<&str>, is_allowed: bool, links: &[Link]) -> Decision {
    let (outcome, code) = if is_allowed {
        (DecisionOutcome::Allowed, VerdictCode::Permit)
    } else {
        (DecisionOutcome::Denied(DenialCode::Expired), VerdictCode::Denied(DenialCode::Expired))
    };
    let is_root = |depth: usize| depth == 0;
    let chain: Vec<_> =
        links.iter().enumerate().map(|(depth, link)| recorded(link, is_root(depth))).collect();
    Decision {
        chain: chain.into(),
        outcome,
        verdict: RecordedVerdict { code, policies: vec![], route: route.map(str::to_owned) },
        ..denied(id)
    }
}

pub(super) fn outcome(index: u64) -> OutcomeReport {
    examples::outcome(index, &id(index))
}

fn recorded(link: &Link, is_root: bool) -> RecordedLink {
    RecordedLink {
        att: None,
        cnf: link.cnf(),
        exp: EXP,
        iss: is_root.then(|| link.iss.clone()),
        jti: link.jti.clone(),
        key: is_root.then(|| "key-of-the-authority".to_owned()),
        sub: link.sub.clone(),
        txn: is_root.then(|| link.txn.clone()),
        r#use: None,
    }
}
