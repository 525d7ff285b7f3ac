//! Governance statements: what this server tells the filter of a proxy, signed, with the parts that the proxy does not hold.
//!
//! A statement is made from one [`Known`]: facts, size and root belong together. It is another thing than the statements of
//! attestors, which come to this server from outside. This module knows no listener, and only
//! [`Governance::make_lasting`] waits.

mod no_statement;
mod numbers;
mod poll;
mod proxies;
mod recent;
mod rules;
mod statement_keys;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ledger::{Ledger, entry};
use warrant::statement::{Answer, Ended, MarkSet, Posture, Section, Statement};
use warrant::{Digest, Seconds};

pub use no_statement::NoStatement;
pub use poll::{HeldParts, Poll, PollParameters};
pub use proxies::{HeardProxies, HeardProxy, Instance, ProxyReport};
pub use statement_keys::{ShownKey, StatementKeys};

use self::numbers::{NoNumber, Numbered, Numbers};
use self::recent::RecentlySent;
use self::rules::{MadeOnce, Part, halts, rules};
use crate::clock::Clock;
use crate::facts::{GovernanceChanges, JudgedForwards, Known, LiveFacts, places_of};
use crate::keys::NamedSigner;

/// How long a statement holds at most.
const LIFETIME_SECONDS: u64 = 30;

/// A server that has not answered a fact for so long promises nothing: nobody could revoke anything.
const FACT_WAITS_AT_MOST: Duration = Duration::from_secs(5);

/// Where a server's statements come from, and what they say of it.
#[derive(Debug)]
pub struct Source {
    pub live: LiveFacts,
    pub ledger: Ledger,
    pub clock: Clock,
    /// The keys that sign statements, and nothing else.
    pub keys: StatementKeys,
    /// The names of all logs that the ledger continues, the oldest first.
    pub predecessors: Vec<String>,
    /// Where this server runs.
    pub environment: BTreeMap<String, String>,
    /// The URL of this server's page about resources (RFC 9728), if it has one.
    pub resource_page: Option<String>,
}

/// Makes statements.
#[derive(Debug)]
pub struct Governance {
    source: Source,
    numbers: Mutex<Numbers>,
    /// By the bundle.
    rules: MadeOnce<Digest, Part>,
    /// By the bundle and the number of changes of postures.
    halts: MadeOnce<(Digest, u64), Part>,
    sent_marks: RecentlySent<MarkSet>,
    sent_ended: RecentlySent<Ended>,
}

/// The answer to one poll.
#[derive(Clone, Debug)]
pub struct Answered {
    pub body: Vec<u8>,
    /// The size of the log that its statement tells.
    seq: u64,
    /// When its statement runs out.
    pub until: Seconds,
    /// The name of the key that signed it.
    pub kid: String,
}

/// What a statement says to one proxy. It has no number and no time yet.
struct Said {
    known: Arc<Known>,
    statement: Statement,
    rules: Arc<Part>,
    halts: Arc<Part>,
    judged: JudgedForwards,
}

impl Said {
    /// What a proxy holds is compared with this. It changes with the content, and once more when what is due because of a fact
    /// is judged: so proxies learn at once that it is.
    fn version(&self) -> Digest {
        let settled = self.judged.settled.to_be_bytes();
        Digest::of(&[&self.statement.content().bytes()[..], &settled].concat())
    }
}

impl Governance {
    pub fn new(source: Source) -> Governance {
        Governance {
            source,
            numbers: Mutex::default(),
            rules: MadeOnce::default(),
            halts: MadeOnce::default(),
            sent_marks: RecentlySent::default(),
            sent_ended: RecentlySent::default(),
        }
    }

    /// Changes of what statements say, from now on.
    pub fn changes(&self) -> GovernanceChanges {
        self.source.live.changes()
    }

    /// How long a poll may wait without a change: a proxy must get the next statement before the one that it holds runs out,
    /// also if the bundle is soon out of force.
    pub fn may_wait(&self) -> Duration {
        let known = self.source.live.now();
        let now = self.source.clock.compared_with(known.time()).now;
        let left = known.in_force_until().map_or(0, |until| until.get().saturating_sub(now.get()));
        Duration::from_secs((left / 2).max(1))
    }

    /// Whether a proxy holds everything that a statement would say to it now.
    pub fn is_held(&self, proxy: &str, held: &HeldParts) -> bool {
        let Some(n) = held.n else { return false };
        let Ok(said) = self.say(proxy) else { return false };
        let statement = &said.statement;
        held.rules == Some(statement.rules)
            && held.halts == Some(statement.halts)
            && held.revocations == Some(statement.revocations)
            && held.ended == Some(statement.ended)
            && self.numbers().is_held(proxy, n, said.version())
    }

    /// The keys of statements, and which of them is in use.
    pub fn keys(&self) -> Vec<ShownKey> {
        self.source.keys.shown(self.source.clock.now())
    }

    /// A new statement, signed for a proxy with these pins, and the parts that it does not hold.
    pub fn answer(&self, proxy: &str, held: &HeldParts, pins: &[Digest]) -> Result<Answered, NoStatement> {
        let (said, statement) = self.numbered(proxy)?;
        let (jws, kid) = self.sign(&statement, pins)?;
        let part =
            |part: &Part, held| (held != Some(part.digest)).then(|| part.json.clone().into_bytes().into());
        let marks = said.known.tables().revocations.marks();
        let marks_of = |held| self.sent_marks.find(held).map(|older| marks.delta_from(&older));
        let ended = &said.judged.ended;
        let ended_of = |held| self.sent_ended.find(held).map(|older| ended.delta_from(&older));
        let answer = Answer {
            statement: jws.into_bytes().into(),
            rules: part(&said.rules, held.rules),
            halts: part(&said.halts, held.halts),
            revocations: section(marks.digest(), held.revocations, marks_of, || marks.to_bytes()),
            ended: section(ended.digest(), held.ended, ended_of, || ended.to_bytes()),
        };
        self.sent_marks.note(marks.digest(), marks);
        self.sent_ended.note(ended.digest(), ended);
        Ok(Answered { body: answer.encode(), seq: statement.seq, until: statement.exp, kid })
    }

    /// The statement, signed for a proxy with these pins, and the name of the key. A next key whose signer does not answer must not
    /// end what the first can still do.
    fn sign(&self, statement: &Statement, pins: &[Digest]) -> Result<(String, String), NoStatement> {
        let mut refused = NoStatement::NoKey;
        for NamedSigner { kid, signer } in self.source.keys.signers_for(pins, statement.iat) {
            match statement.sign(&*signer, &kid) {
                Ok(jws) => return Ok((jws, kid)),
                Err(why) => {
                    tracing::error!(kid, %why, "a key for statements cannot sign");
                    refused = NoStatement::NotSigned(why);
                }
            }
        }
        Err(refused)
    }

    /// Whether the log can never be shorter again than this answer says. Until then the answer must not leave this server: a
    /// server that lost the last entries would tell proxies of another log with the same name.
    pub fn is_lasting(&self, answered: &Answered) -> bool {
        self.source.ledger.is_handed_out(answered.seq)
    }

    /// Sees to it that the log can never be shorter again. It waits for the disk.
    pub fn make_lasting(&self, answered: &Answered) -> Result<(), NoStatement> {
        self.source.ledger.hand_out(answered.seq).map_err(NoStatement::NotLasting)
    }

    /// What a statement says now, with its number and its time.
    fn numbered(&self, proxy: &str) -> Result<(Said, Statement), NoStatement> {
        loop {
            let said = self.say(proxy)?;
            let now = self.may_sign(&said)?;
            let numbered = self.numbers().next(proxy, said.known.as_of(), said.version(), now);
            let Numbered { n, iat } = match numbered {
                Ok(numbered) => numbered,
                // Another poll has seen a newer value, so there is one.
                Err(NoNumber::Overtaken) => continue,
                Err(NoNumber::UsedUp) => return Err(NoStatement::NumbersUsedUp),
            };
            let in_force = said.known.in_force_until().ok_or(NoStatement::NotInForce)?;
            let exp = iat.plus(LIFETIME_SECONDS).min(in_force);
            let statement = Statement { n, iat, exp, ..said.statement.clone() };
            return Ok((said, statement));
        }
    }

    fn say(&self, proxy: &str) -> Result<Said, NoStatement> {
        let known = self.source.live.now();
        let bundle = known.bundle();
        let rules = self.rules.get(&bundle.digest(), proxy, || {
            self.numbers().keep_only(|proxy| bundle.proxy(proxy).is_some());
            rules(bundle, proxy, self.source.resource_page.as_deref()).map(Part::from)
        });
        let postures = &known.tables().postures;
        let by = (bundle.digest(), postures.changes());
        let halts = self.halts.get(&by, proxy, || halts(&known, proxy).map(Part::from));
        let (rules, halts) = (rules.map_err(NoStatement::NotMade)?, halts.map_err(NoStatement::NotMade)?);
        // After the facts: what these make due is noted before they can be read.
        let judged = self.source.live.forwards().judged();
        let places = places_of(&bundle.environment_for(proxy, &self.source.environment));
        let statement = Statement {
            aud: bundle.audience().into(),
            bundle: bundle.digest(),
            ended: judged.ended.digest(),
            exp: Seconds::default(),
            halts: halts.digest,
            iat: Seconds::default(),
            iss: self.source.ledger.origin().into(),
            judged: judged.size.min(known.as_of()),
            n: 0,
            posture: posture(postures.of_server(&places)),
            restored: self.source.predecessors.iter().map(|name| Box::from(name.as_str())).collect(),
            revocations: known.tables().revocations.marks().digest(),
            root: Digest::from_bytes(known.root()),
            rules: rules.digest,
            seq: known.as_of(),
            version: bundle.version(),
        };
        Ok(Said { known, statement, rules, halts, judged })
    }

    /// The time, if this server may say anything at this moment.
    fn may_sign(&self, Said { known, judged, .. }: &Said) -> Result<Seconds, NoStatement> {
        let health = self.source.ledger.health();
        if health.refuses_facts {
            return Err(NoStatement::FactsRefused);
        }
        if health.fact_waits.is_some_and(|waits| waits >= FACT_WAITS_AT_MOST) {
            return Err(NoStatement::FactWaits);
        }
        let reading = self.source.clock.compared_with(known.time());
        if reading.unreliable.is_some() {
            return Err(NoStatement::ClockUnreliable);
        }
        // Only now: while the clock cannot be relied on nothing is judged.
        if judged.is_behind() {
            return Err(NoStatement::JudgedBehind);
        }
        known.in_force(reading.now).map_err(|_| NoStatement::NotInForce)?;
        Ok(reading.now)
    }

    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        // A number is counted before it is used, so none is used twice even after a panic.
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A part that can be sent as a change of what is held; nothing if it is held.
fn section(
    digest: Digest,
    held: Option<Digest>,
    delta_from: impl FnOnce(Digest) -> Option<Vec<u8>>,
    whole: impl FnOnce() -> Vec<u8>,
) -> Option<Section<'static>> {
    if held == Some(digest) {
        return None;
    }
    let delta = held.and_then(delta_from);
    match delta {
        Some(delta) => Some(Section::Delta(delta.into())),
        None => Some(Section::Whole(whole().into())),
    }
}

const fn posture(posture: entry::Posture) -> Posture {
    match posture {
        entry::Posture::Normal => Posture::Normal,
        entry::Posture::Restricted => Posture::Restricted,
        entry::Posture::Halted => Posture::Halted,
    }
}
