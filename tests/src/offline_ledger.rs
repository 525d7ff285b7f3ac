//! The ledger of a server that does not run, to write into it what no server would.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ledger::entry::{BurnKind, Decision, DecisionOutcome, RecordedBurn, Revocation, RevocationTarget};
use ledger::{Entry, Ledger, Options, Receipt, RecordError, SigningKey};
use std::sync::{Arc, mpsc};

use crate::example_decision::denied;
use crate::server::Home;
use crate::signed_bundles::now;

/// As many as one entry can hold.
const USES_OF_AN_ENTRY: usize = 32;

/// Entries on their way into the ledger while it is filled.
const WAITING_AT_MOST: usize = 256;

/// Of no warrant here.
const ISSUER: &str = "https://authority.elsewhere";

/// Opens it for writing. The caller closes it before the server starts.
///
/// # Panics
/// When it cannot be opened.
#[must_use]
pub fn open(home: &Home) -> Ledger {
    Ledger::open(&home.file("ledger"), options(home, now())).expect("nobody else has it open")
}

/// Puts another first ledger in the place of the one that `init` made: with the same key, and begun at this time, in seconds. Returns its
/// name.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn begin_again(home: &Home, audience: &str, time: u64) -> String {
    let path = home.file("ledger");
    std::fs::remove_dir_all(&path).expect("the home has a ledger");
    let origin = Ledger::init(&path, audience, &options(home, time)).expect("a new ledger");
    origin.name().to_owned()
}

/// Entries get a time that begins with this one, in seconds.
fn options(home: &Home, from: u64) -> Options {
    let key = std::fs::read(home.file("keys/ledger.jwk")).expect("the home has a ledger key");
    let key: serde_json::Value = serde_json::from_slice(&key).expect("JSON");
    let seed = URL_SAFE_NO_PAD.decode(key["d"].as_str().expect("a private key")).expect("base64url");
    let key = SigningKey::from_seed(&seed.try_into().expect("32 bytes")).expect("a seed");
    let earlier = now().saturating_sub(from);
    Options::new(key, Arc::new(move || now().saturating_sub(earlier) * 1000), "test")
}

/// Writes so many revocations and used warrants. They concern no request of a test.
///
/// # Panics
/// When an entry is not recorded.
pub fn fill(home: &Home, revocations: usize, uses: usize) {
    let (ledger, until) = (open(home), now() + 3 * 3600);
    let revocation = |n| Revocation {
        bundle: None,
        by: "test".to_owned(),
        iss: ISSUER.to_owned(),
        reason: "a measurement".to_owned(),
        until: Some(until),
        value: format!("lineage-{n}"),
        was: None,
        what: RevocationTarget::Lineage,
    };
    let used = |n| {
        let (owner, name) = (ISSUER.to_owned(), format!("warrant-{n}"));
        RecordedBurn { max: 1, name, owner, until, what: BurnKind::Use }.into()
    };
    let decision = |first: usize| Decision {
        burned: (first..uses.min(first + USES_OF_AN_ENTRY)).map(used).collect(),
        clock: now(),
        ..denied(&format!("{first:032x}"))
    };
    let revocations = (0..revocations).map(|n| revocation(n).into());
    let decisions = (0..uses).step_by(USES_OF_AN_ENTRY).map(|first| decision(first).into());
    record(&ledger, revocations.chain(decisions));
    ledger.close();
}

/// Writes so many decisions, each of which spent a use of a warrant of its own.
///
/// # Panics
/// When an entry is not recorded.
pub fn fill_with_spent_uses(home: &Home, decisions: usize) {
    let (ledger, clock) = (open(home), now());
    record(&ledger, (0..decisions).map(|n| spent_use(n, clock).into()));
    ledger.close();
}

/// A decision at this time that spent the use of a warrant. Each number has a warrant of its own.
#[must_use]
pub fn spent_use(number: usize, clock: u64) -> Decision {
    let (owner, name) = (ISSUER.to_owned(), format!("warrant-{number}"));
    let used = RecordedBurn { max: 1, name, owner, until: clock + 3 * 3600, what: BurnKind::Use };
    Decision { burned: vec![used.into()], clock, ..denied(&format!("{number:032x}")) }
}

/// Writes so many forwards of this proxy that have no outcome. Nobody can judge them again.
///
/// # Panics
/// When an entry is not recorded.
pub fn fill_with_forwards(home: &Home, proxy: &str, forwards: u128) {
    let ledger = open(home);
    let as_of = ledger.size();
    let forward = |n: u128| {
        let id = URL_SAFE_NO_PAD.encode(n.to_be_bytes());
        let outcome = DecisionOutcome::Observed;
        Decision {
            as_of,
            clock: now(),
            ends: Some(now() + 3600),
            outcome,
            proxy: proxy.to_owned(),
            ..denied(&id)
        }
    };
    record(&ledger, (1..=forwards).map(|n| forward(n).into()));
    ledger.close();
}

fn record(ledger: &Ledger, entries: impl Iterator<Item = Entry>) {
    let (done, answers) = mpsc::channel::<Result<Receipt, RecordError>>();
    let recorded = || answers.recv().expect("an answer").expect("it is recorded");
    for (n, entry) in entries.enumerate() {
        let done = done.clone();
        ledger.submit(entry, Box::new(move |answer| done.send(answer).expect("somebody waits")));
        if n >= WAITING_AT_MOST {
            recorded();
        }
    }
    drop(done);
    while let Ok(answer) = answers.recv() {
        answer.expect("it is recorded");
    }
}
