//! The newest statement of each attestor about each thing. What an attestor said is kept apart from what others said: a
//! bundle without it ends all of it at once.

use std::sync::Arc;

use ledger::FactRefused;
use rpds::{HashTrieMapSync, RedBlackTreeSetSync};
use warrant::Seconds;

use super::super::{FORGOTTEN_AT_ONCE, KEPT_AFTER_END_SECONDS, Recorded, TableSize};
use super::STATEMENT_SECONDS_AT_MOST;

const BOUND: usize = 200_000;

/// What both kinds of statements have in common. Of those by one attestor with the same topic and the same part, only the
/// newest counts.
pub trait Statement: Clone {
    /// The name of its table in metrics.
    const TABLE: &'static str;
    fn iss(&self) -> &str;
    /// The workload, or the name of the condition.
    fn topic(&self) -> &str;
    /// The key of the workload, or the environment of the condition; empty if the statement names none.
    fn part(&self) -> &str;
    fn made(&self) -> u64;
    /// Whether it denies. Such a statement is never forgotten by time, and always taken.
    fn is_negative(&self) -> bool;
    /// Whether both are the same signed statement.
    fn repeats(&self, other: &Self) -> bool;
}

/// The newest statements of one kind.
#[derive(Clone, Debug)]
pub struct Newest<S> {
    by_attestor: HashTrieMapSync<Arc<str>, Said<S>>,
    count: usize,
}

/// Topic and part.
type About = (Arc<str>, Arc<str>);

/// What one attestor said.
#[derive(Clone, Debug)]
struct Said<S> {
    newest: HashTrieMapSync<About, Arc<Recorded<S>>>,
    /// Those that end, by the second after which they can be forgotten.
    ends: RedBlackTreeSetSync<(u64, About)>,
    /// The negative ones: topic, when it was made, part.
    negative: RedBlackTreeSetSync<(Arc<str>, u64, Arc<str>)>,
}

impl<S> Default for Newest<S> {
    fn default() -> Newest<S> {
        Newest { by_attestor: HashTrieMapSync::new_sync(), count: 0 }
    }
}

impl<S> Default for Said<S> {
    fn default() -> Said<S> {
        let (ends, negative) = (RedBlackTreeSetSync::new_sync(), RedBlackTreeSetSync::new_sync());
        Said { newest: HashTrieMapSync::new_sync(), ends, negative }
    }
}

impl<S: Statement> Newest<S> {
    pub(super) fn get(&self, iss: &str, topic: &str, part: &str) -> Option<&S> {
        Some(&self.recorded(iss, topic, part)?.fact)
    }

    /// The negative statement about a topic that was made last, whatever its part.
    pub(super) fn last_negative(&self, iss: &str, topic: &str) -> Option<&S> {
        let said = self.by_attestor.get(iss)?;
        let (topic, none): About = (topic.into(), "".into());
        let all = (Arc::clone(&topic), 0, Arc::clone(&none))..(topic, u64::MAX, none);
        let (topic, _, part) = said.negative.range(all).next_back()?;
        let recorded = said.newest.get(&(Arc::clone(topic), Arc::clone(part)))?;
        Some(&recorded.fact)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Recorded<S>> {
        self.by_attestor.values().flat_map(|said| said.newest.values().map(|recorded| &**recorded))
    }

    pub(in super::super) fn size(&self) -> TableSize {
        TableSize { name: S::TABLE, facts: self.count, bound: BOUND }
    }

    /// Made at the same time, a negative statement wins.
    pub(in super::super) fn check(&self, new: &S) -> Result<(), FactRefused> {
        let Some(held) = self.recorded(new.iss(), new.topic(), new.part()) else {
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
    pub(in super::super) fn add(&mut self, index: u64, time: u64, statement: &S) {
        let new = Recorded { index, time, fact: statement.clone() };
        if self.check(&new.fact).is_err_and(|refused| !matches!(refused, FactRefused::Full)) {
            return;
        }
        let iss: Arc<str> = new.fact.iss().into();
        let mut said = self.by_attestor.get(&iss).cloned().unwrap_or_default();
        let about: About = (new.fact.topic().into(), new.fact.part().into());
        if !said.remove(&about) {
            self.count = self.count.saturating_add(1);
        }
        if new.fact.is_negative() {
            said.negative.insert_mut((Arc::clone(&about.0), new.fact.made(), Arc::clone(&about.1)));
        } else {
            said.ends.insert_mut((last_needed(&new.fact), about.clone()));
        }
        said.newest.insert_mut(about, Arc::new(new));
        self.by_attestor.insert_mut(iss, said);
    }

    pub(in super::super) fn has_ended(&self, now: Seconds) -> bool {
        self.by_attestor.values().any(|said| said.ended(now).next().is_some())
    }

    pub(in super::super) fn forget_ended(&mut self, now: Seconds) {
        let by_attestor = self.by_attestor.iter();
        let ended = by_attestor.flat_map(|(iss, said)| said.ended(now).map(move |about| (iss, about)));
        let ended: Vec<(Arc<str>, About)> =
            ended.take(FORGOTTEN_AT_ONCE).map(|(iss, about)| (Arc::clone(iss), about.clone())).collect();
        for (iss, about) in ended {
            let Some(mut said) = self.by_attestor.get(&iss).cloned() else { continue };
            if said.remove(&about) {
                self.count = self.count.saturating_sub(1);
            }
            if said.newest.is_empty() {
                self.by_attestor.remove_mut(&iss);
            } else {
                self.by_attestor.insert_mut(iss, said);
            }
        }
    }

    /// Forgets what attestors said that are not among these.
    pub(in super::super) fn keep_only(&mut self, attestors: &[String]) {
        let gone = |iss: &Arc<str>| !attestors.iter().any(|kept| **kept == **iss);
        let gone: Vec<Arc<str>> = self.by_attestor.keys().filter(|iss| gone(iss)).cloned().collect();
        for iss in gone {
            let facts = self.by_attestor.get(&iss).map_or(0, |said| said.newest.size());
            self.count = self.count.saturating_sub(facts);
            self.by_attestor.remove_mut(&iss);
        }
    }

    fn recorded(&self, iss: &str, topic: &str, part: &str) -> Option<&Recorded<S>> {
        let said = self.by_attestor.get(iss)?;
        Some(said.newest.get(&(topic.into(), part.into()))?)
    }
}

impl<S: Statement> Said<S> {
    fn ended(&self, now: Seconds) -> impl Iterator<Item = &About> {
        self.ends.iter().take_while(move |(end, _)| *end < now.get()).map(|(_, about)| about)
    }

    /// Returns whether there was a statement.
    fn remove(&mut self, about: &About) -> bool {
        let Some(held) = self.newest.get(about).cloned() else { return false };
        let (topic, part) = about.clone();
        self.negative.remove_mut(&(topic, held.fact.made(), part));
        self.ends.remove_mut(&(last_needed(&held.fact), about.clone()));
        self.newest.remove_mut(about)
    }
}

/// The second after which the statement, and every older one of its attestor about the same thing, has ended.
fn last_needed(statement: &impl Statement) -> u64 {
    statement.made().saturating_add(STATEMENT_SECONDS_AT_MOST).saturating_add(KEPT_AFTER_END_SECONDS)
}
