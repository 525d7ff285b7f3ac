//! What attestors said: about workloads (attestations), and about environments and the mesh (conditions). Of each
//! attestor only the newest statement about the same thing counts. This module does not know which attestors a bundle
//! trusts: the caller says that.

use std::sync::Arc;

use ledger::FactRefused;
use ledger::entry::{AttestationStatement, ConditionStatement, FactScope, Signer};
use rpds::{HashTrieMapSync, RedBlackTreeSetSync};
use warrant::Seconds;

use super::{KEPT_AFTER_END_SECONDS, Recorded, TableSize};

/// No statement may be valid for longer than this. So an attestor's newest statement can be forgotten this long after it
/// was made: every older one has ended too.
pub const STATEMENT_SECONDS_AT_MOST: u64 = 24 * 3600;

const BOUND: usize = 200_000;

const FORGOTTEN_AT_ONCE: usize = 256;

/// What a bundle says about those who make statements.
pub trait Speakers {
    /// Whether this attestor is in the bundle.
    fn knows(&self, attestor: &str) -> bool;
    /// Whether this signer may speak for this attestor now.
    fn trusts(&self, attestor: &str, signer: &Signer, now: Seconds) -> bool;
    /// Whether a positive statement of this attestor without a key counts for every key of its workload.
    fn may_omit_key(&self, attestor: &str) -> bool;
}

/// The newest statement of each attestor about each workload, and each key of it.
#[derive(Clone, Debug, Default)]
pub struct Attestations(Newest<AttestationStatement>);

/// The newest statement of each attestor about each condition, and each environment of it.
#[derive(Clone, Debug, Default)]
pub struct Conditions(Newest<ConditionStatement>);

impl Attestations {
    /// The current statements about the workload of a certificate. `key` is the thumbprint of the certificate's key;
    /// without it no positive statement about a key applies, and every negative one does.
    ///
    /// A negative statement outlives its end, and counts as long as the bundle knows its attestor.
    pub fn current(
        &self,
        workload: &str,
        key: Option<&str>,
        now: Seconds,
        speakers: &impl Speakers,
    ) -> impl Iterator<Item = &AttestationStatement> {
        self.0.about(workload).filter(move |said| {
            let (iss, is_positive) = (said.iss.as_str(), said.positive);
            let applies = match (&said.key, key) {
                (Some(named), Some(key)) => named == key,
                (Some(_), None) => !is_positive,
                (None, _) => !is_positive || speakers.may_omit_key(iss),
            };
            let holds = || now.get() < said.exp && speakers.trusts(iss, &said.signer, now);
            applies && speakers.knows(iss) && (!is_positive || holds())
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = &Recorded<AttestationStatement>> {
        self.0.iter()
    }

    pub(super) fn size(&self) -> TableSize {
        self.0.size("attestations")
    }

    pub(super) fn check(&self, statement: &AttestationStatement) -> Result<(), FactRefused> {
        self.0.check(statement)
    }

    pub(super) fn add(&mut self, index: u64, time: u64, statement: &AttestationStatement) {
        self.0.add(Recorded { index, time, fact: statement.clone() });
    }

    pub(super) fn forget_ended(&mut self, now: Seconds) {
        self.0.forget_ended(now);
    }
}

impl Conditions {
    /// The current statements about a condition that apply in an environment.
    pub fn current<'a>(
        &'a self,
        name: &str,
        is_here: impl Fn(&str) -> bool + 'a,
        now: Seconds,
        speakers: &'a impl Speakers,
    ) -> impl Iterator<Item = &'a ConditionStatement> {
        self.0.about(name).filter(move |said| {
            let applies = match said.scope {
                FactScope::Mesh => true,
                FactScope::Environment => is_here(&said.subject),
                FactScope::Route | FactScope::Issuer => false,
            };
            applies && now.get() < said.exp && speakers.trusts(&said.iss, &said.signer, now)
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = &Recorded<ConditionStatement>> {
        self.0.iter()
    }

    pub(super) fn size(&self) -> TableSize {
        self.0.size("conditions")
    }

    pub(super) fn check(&self, statement: &ConditionStatement) -> Result<(), FactRefused> {
        self.0.check(statement)
    }

    pub(super) fn add(&mut self, index: u64, time: u64, statement: &ConditionStatement) {
        self.0.add(Recorded { index, time, fact: statement.clone() });
    }

    pub(super) fn forget_ended(&mut self, now: Seconds) {
        self.0.forget_ended(now);
    }
}

/// What both kinds of statements have in common.
trait Statement: Clone + PartialEq {
    /// What it is about: the workload, or the name of the condition.
    fn topic(&self) -> &str;
    /// Whether both are of one attestor about one thing.
    fn replaces(&self, other: &Self) -> bool;
    fn made(&self) -> u64;
    /// Whether it denies. It is never forgotten by time, and always taken.
    fn is_negative(&self) -> bool;
    /// Whether both are the same signed statement.
    fn repeats(&self, other: &Self) -> bool;
}

impl Statement for AttestationStatement {
    fn topic(&self) -> &str {
        &self.subject
    }

    fn replaces(&self, other: &Self) -> bool {
        (&self.iss, &self.subject, &self.key) == (&other.iss, &other.subject, &other.key)
    }

    fn made(&self) -> u64 {
        self.iat
    }

    fn is_negative(&self) -> bool {
        !self.positive
    }

    fn repeats(&self, other: &Self) -> bool {
        self.statement == other.statement
    }
}

impl Statement for ConditionStatement {
    fn topic(&self) -> &str {
        &self.name
    }

    fn replaces(&self, other: &Self) -> bool {
        (&self.iss, &self.name, self.scope, &self.subject)
            == (&other.iss, &other.name, other.scope, &other.subject)
    }

    fn made(&self) -> u64 {
        self.iat
    }

    fn is_negative(&self) -> bool {
        false
    }

    fn repeats(&self, other: &Self) -> bool {
        self.statement == other.statement
    }
}

/// The statements about one topic: few, so a list.
type About<S> = Arc<Vec<Recorded<S>>>;

#[derive(Clone, Debug)]
struct Newest<S> {
    by_topic: HashTrieMapSync<Arc<str>, About<S>>,
    /// When each can be forgotten.
    ends: RedBlackTreeSetSync<(u64, Arc<str>)>,
    count: usize,
}

impl<S> Default for Newest<S> {
    fn default() -> Newest<S> {
        Newest { by_topic: HashTrieMapSync::new_sync(), ends: RedBlackTreeSetSync::new_sync(), count: 0 }
    }
}

impl<S: Statement> Newest<S> {
    fn about(&self, topic: &str) -> impl Iterator<Item = &S> {
        self.by_topic.get(topic).into_iter().flat_map(|said| said.iter().map(|said| &said.fact))
    }

    fn iter(&self) -> impl Iterator<Item = &Recorded<S>> {
        self.by_topic.values().flat_map(|said| said.iter())
    }

    fn size(&self, name: &'static str) -> TableSize {
        TableSize { name, facts: self.count, bound: BOUND }
    }

    /// Made at the same time, a negative statement wins.
    fn check(&self, new: &S) -> Result<(), FactRefused> {
        let said = self.by_topic.get(new.topic());
        let Some(held) = said.and_then(|said| said.iter().find(|said| new.replaces(&said.fact))) else {
            let has_space = self.count < BOUND || new.is_negative();
            return if has_space { Ok(()) } else { Err(FactRefused::Full) };
        };
        let is_newer = new.made() > held.fact.made()
            || (new.made() == held.fact.made() && new.is_negative() && !held.fact.is_negative());
        if new.repeats(&held.fact) {
            Err(FactRefused::Repeats { index: held.index, time: held.time })
        } else if is_newer {
            Ok(())
        } else {
            Err(FactRefused::Older { newest: held.fact.made() })
        }
    }

    /// An older statement changes nothing.
    fn add(&mut self, new: Recorded<S>) {
        if self.check(&new.fact).is_err_and(|refused| !matches!(refused, FactRefused::Full)) {
            return;
        }
        let topic: Arc<str> = new.fact.topic().into();
        let mut said = self.by_topic.get(&topic).cloned().unwrap_or_default();
        let list = Arc::make_mut(&mut said);
        let before = list.len();
        list.retain(|held| !new.fact.replaces(&held.fact));
        self.count = self.count.saturating_sub(before.saturating_sub(list.len())).saturating_add(1);
        self.ends.insert_mut((last_needed(&new.fact), Arc::clone(&topic)));
        list.push(new);
        self.by_topic.insert_mut(topic, said);
    }

    fn forget_ended(&mut self, now: Seconds) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            let Some((end, topic)) = self.ends.first().filter(|(end, _)| *end < now.get()).cloned() else {
                return;
            };
            self.ends.remove_mut(&(end, Arc::clone(&topic)));
            let Some(mut said) = self.by_topic.get(&topic).cloned() else { continue };
            let list = Arc::make_mut(&mut said);
            let before = list.len();
            list.retain(|held| held.fact.is_negative() || last_needed(&held.fact) > end);
            self.count = self.count.saturating_sub(before.saturating_sub(list.len()));
            if list.is_empty() {
                self.by_topic.remove_mut(&topic);
            } else {
                self.by_topic.insert_mut(topic, said);
            }
        }
    }
}

/// The second after which the statement, and every older one of its attestor about the same thing, has ended.
fn last_needed(statement: &impl Statement) -> u64 {
    statement.made().saturating_add(STATEMENT_SECONDS_AT_MOST).saturating_add(KEPT_AFTER_END_SECONDS)
}
