//! The forwards that run now, which of them must be judged again, and which must end. The ledger's writer enters a forward
//! together with its entry, and notes what a fact makes due before anybody can read that fact: so nothing falls between. This
//! module does not judge. A thread does, takes what is due, and says what became of it.

mod cases;
mod due;
mod groups;
mod list;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ledger::Committed;
use tokio::sync::watch as channel;
use warrant::statement::{DecisionKey, Ended};
use warrant::{Denial, Seconds};

pub(super) use due::Due;
pub use due::ReadKey;
pub use list::{ForwardList, HolderTag, RUN_AT_MOST};

pub use cases::KeptCase;
use cases::KeptCases;
use groups::Groups;
use watch::Watches;

/// How many are judged before somebody looks what else is due: some 50 ms of work.
const TAKEN_AT_ONCE: usize = 512;

/// So many must end before polls are told while a group is judged; and then half as many again as they were told before. A list of
/// many takes a while to make.
const TELL_AFTER: usize = 64;

/// What is due must be judged within this time.
const BEHIND_AT_MOST: Duration = Duration::from_secs(5);

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct LiveForwards(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// The thread that judges waits here.
    is_due: Condvar,
    /// Tells polls of changes in what statements say.
    changed: channel::Sender<()>,
}

#[derive(Debug)]
struct State {
    list: ForwardList,
    watches: Watches,
    cases: KeptCases,
    /// The size of the log up to which the writer has entered forwards and noted what is due.
    as_of: u64,
    due: Due,
    /// The facts that made it due: the index of the first, and the size of the log with the last.
    because_of: Option<(u64, u64)>,
    /// What was found due, and has not been judged.
    groups: Groups,
    /// The facts because of which it is: the index of the first, and the size of the log with the last.
    of_groups: Option<(u64, u64)>,
    /// The size of the log with the last fact because of which something was judged.
    settled: u64,
    /// What was due then has been judged. `None`: what ran at the start has not.
    judged_at: Option<Instant>,
    ended: BTreeMap<DecisionKey, (Denial, u64)>,
    /// The same as statements say it: as it was when polls were last told, or a judging was finished.
    said: Ended,
    /// Whether `ended` has changed since.
    has_more_to_say: bool,
    is_closed: bool,
}

/// What must be judged again now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgeAgain {
    /// In the order of the log.
    pub indices: Vec<u64>,
    /// When it was taken.
    taken: Instant,
    ends_its_group: bool,
}

/// What became of a forward that was judged again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Continues {
    /// It goes on. These are the facts that it depends on, and the moment at which the first of them lapses.
    Yes {
        lapses: Option<Seconds>,
        read: Vec<ReadKey>,
    },
    No(Denial),
}

/// How far judging is, for a statement.
#[derive(Clone, Debug)]
pub struct JudgedForwards {
    /// The facts below this size of the log were taken into account.
    pub size: u64,
    /// The size with the last fact because of which something was judged.
    pub settled: u64,
    pub ended: Ended,
    /// For how long something has been due at most. `None`: what ran at the start has not been judged.
    behind: Option<Duration>,
}

impl JudgedForwards {
    /// Whether proxies may let run what may not run: nothing is said to them meanwhile.
    pub fn is_behind(&self) -> bool {
        self.behind.is_none_or(|behind| behind >= BEHIND_AT_MOST)
    }
}

/// How many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardCounts {
    pub running: usize,
    /// Of these, those that statements say must end.
    pub to_end: usize,
}

impl LiveForwards {
    /// All of these are due: what held before the start may not hold any more.
    pub(super) fn new(list: ForwardList, as_of: u64, changed: channel::Sender<()>) -> LiveForwards {
        let is_due = !list.is_empty();
        let state = State {
            list,
            watches: Watches::default(),
            cases: KeptCases::default(),
            as_of,
            due: Due { all: is_due, ..Due::default() },
            because_of: is_due.then_some((0, as_of)),
            groups: Groups::default(),
            of_groups: None,
            settled: 0,
            judged_at: (!is_due).then(Instant::now),
            ended: BTreeMap::new(),
            said: Ended::default(),
            has_more_to_say: false,
            is_closed: false,
        };
        LiveForwards(Arc::new(Shared { state: Mutex::new(state), is_due: Condvar::new(), changed }))
    }

    /// Whether a proxy may have one more for this holder. Those that are being decided are not counted yet, and they are few.
    pub fn has_room(&self, proxy: &str, holder: HolderTag) -> bool {
        self.state().list.has_room(proxy, holder)
    }

    /// Only the ledger's writer calls it, before it publishes anything of this. Returns whether the thread that judges must
    /// look: it is woken after that.
    pub(super) fn commit(&self, committed: &Committed<'_>, due: Due) -> bool {
        let Committed { head, facts, forwards, outcomes } = committed;
        let mut state = self.state();
        let lapse_before = state.watches.next_lapse();
        for forward in *forwards {
            if state.list.enter(forward.index, forward.decision) {
                let lapses = forward.decision.lapses.map(Seconds::new);
                state.watches.set(forward.index, lapses, ReadKey::of_decision(forward.decision));
                let terms = &forward.decision.terms;
                let unsaid = terms.links().filter(|_| terms.said_at().is_some());
                state.cases.keep(forward.index, KeptCase::new(forward.bytes, unsaid));
            }
        }
        outcomes.iter().for_each(|index| state.remove(*index));
        state.forget_ended(Seconds::new(head.time / 1000));
        let is_due = !due.is_empty();
        if let (true, Some((first, _))) = (is_due, facts.first()) {
            state.due.add(due);
            let first = state.because_of.map_or(*first, |(before, _)| before.min(*first));
            state.because_of = Some((first, head.size));
        }
        state.as_of = head.size;
        let lapse = state.watches.next_lapse();
        is_due || lapse.is_some_and(|at| lapse_before.is_none_or(|before| at < before))
    }

    /// Wakes the thread that judges.
    pub(super) fn wake(&self) {
        self.0.is_due.notify_all();
    }

    /// How far judging is.
    pub fn judged(&self) -> JudgedForwards {
        let state = self.state();
        let because_of = state.because_of.map(|(first, _)| first);
        let of_groups = state.of_groups.map(|(first, _)| first);
        let size = [because_of, of_groups].into_iter().flatten().fold(state.as_of, u64::min);
        let behind = state.judged_at.map(|at| at.elapsed());
        JudgedForwards { size, settled: state.settled, ended: state.said.clone(), behind }
    }

    pub fn counts(&self) -> ForwardCounts {
        let state = self.state();
        let to_end = state.ended.values().filter(|(_, index)| state.list.get(*index).is_some()).count();
        ForwardCounts { running: state.list.len(), to_end }
    }

    /// Takes what is due at this time, by the facts of a log of this size, or a part of it: `None` if the writer has noted newer
    /// facts, of which it will tell at once.
    pub fn take_due(&self, as_of: u64, now: Seconds) -> Option<JudgeAgain> {
        let mut state = self.state();
        if state.because_of.is_some_and(|(_, size)| size > as_of) {
            return None;
        }
        state.forget_ended(now);
        state.forget_listed();
        state.find_due(now);
        let (mut indices, ends_its_group) = state.groups.take(TAKEN_AT_ONCE);
        let is_listed =
            |index: &u64| state.list.get(*index).is_none_or(|forward| state.ended.contains_key(&forward.id));
        indices.retain(|index| !is_listed(index));
        Some(JudgeAgain { indices, taken: Instant::now(), ends_its_group })
    }

    /// Whether something was due that has not been taken.
    #[cfg(test)]
    pub(crate) fn has_due(&self) -> bool {
        self.state().has_due()
    }

    /// The entry of a forward that runs, if it is in memory.
    pub fn case(&self, index: u64) -> Option<KeptCase> {
        self.state().cases.get(index)
    }

    /// Keeps the entry of a forward that runs, as it was read from the log.
    pub fn keep_case(&self, index: u64, case: KeptCase) {
        let mut state = self.state();
        if state.list.get(index).is_some() {
            state.cases.keep(index, case);
        }
    }

    /// Says what became of a forward. Returns whether it still ran.
    pub fn note(&self, index: u64, continues: Continues) -> bool {
        let mut state = self.state();
        let Some(id) = state.list.get(index).map(|forward| forward.id) else { return false };
        match continues {
            Continues::Yes { lapses, read } => state.watches.set(index, lapses, read),
            Continues::No(denial) => {
                state.watches.remove(index);
                state.cases.remove(index);
                state.ended.insert(id, (denial, index));
                state.has_more_to_say = true;
                let untold = state.ended.len().saturating_sub(state.said.len());
                if untold >= TELL_AFTER.max(state.said.len() / 2) {
                    drop(state);
                    self.tell();
                }
            }
        }
        true
    }

    /// Tells polls what must end. Only the thread that judges calls it.
    fn tell(&self) {
        self.say();
        self.0.changed.send_replace(());
    }

    /// Makes the list for statements. A long one takes a while, and the ledger's writer must not wait for it. Returns whether it is
    /// another one now.
    fn say(&self) -> bool {
        let ended: Vec<_> = {
            let mut state = self.state();
            if !std::mem::take(&mut state.has_more_to_say) {
                return false;
            }
            state.ended.iter().map(|(id, (denial, _))| (*id, *denial)).collect()
        };
        let said = Ended::new(ended.into_iter().collect());
        self.state().said = said;
        true
    }

    /// All of it is judged.
    pub fn finish(&self, judged: &JudgeAgain) {
        // Before it counts as judged: what must end is said by then.
        let says_more = judged.ends_its_group && self.say();
        let mut state = self.state();
        let mut is_settled = false;
        if state.groups.is_empty() {
            state.judged_at = Some(judged.taken);
            if let Some((_, size)) = state.of_groups.take() {
                (state.settled, is_settled) = (size, true);
            }
        }
        drop(state);
        if says_more || is_settled {
            self.0.changed.send_replace(());
        }
    }

    /// Waits until something may be due. `most` says for how long at most, if the first fact lapses then. Returns false once the
    /// server stops.
    pub fn wait(&self, most: impl Fn(Option<Seconds>) -> Duration) -> bool {
        let state = self.state();
        let most = if state.has_due() { Duration::ZERO } else { most(state.watches.next_lapse()) };
        self.wait_with(state, most)
    }

    /// Waits for this long, whatever is due.
    pub fn pause(&self, pause: Duration) -> bool {
        self.wait_with(self.state(), pause)
    }

    fn wait_with(&self, state: MutexGuard<'_, State>, most: Duration) -> bool {
        if state.is_closed || most.is_zero() {
            return !state.is_closed;
        }
        let (state, _) = self.0.is_due.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner);
        !state.is_closed
    }

    /// Ends the thread that judges.
    pub fn close(&self) {
        self.state().is_closed = true;
        self.wake();
    }

    /// Gives a proxy all forwards that it may have.
    #[cfg(test)]
    pub(crate) fn fill(&self, proxy: &str) {
        let mut state = self.state();
        for index in (1 << 40).. {
            let holder = HolderTag(index);
            if !state.list.has_room(proxy, holder) {
                return;
            }
            state.list.insert(index, [0; 16], proxy, holder, u64::MAX);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change under this lock is small, and the list can be judged again after any of them.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether something was due that has not been taken.
    fn has_due(&self) -> bool {
        self.because_of.is_some() || !self.groups.is_empty()
    }

    /// Puts what is due now into groups.
    fn find_due(&mut self, now: Seconds) {
        let due = std::mem::take(&mut self.due);
        if let Some((first, size)) = self.because_of.take() {
            let first = self.of_groups.map_or(first, |(before, _)| before.min(first));
            self.of_groups = Some((first, size));
        }
        if due.all {
            self.groups.add(self.list.iter().map(|(index, _)| index));
        } else {
            self.groups.add(due.that_read.iter().flat_map(|key| self.watches.that_read(*key)));
        }
        self.groups.add(self.watches.take_lapsed(now).into_iter());
    }

    fn remove(&mut self, index: u64) {
        if self.list.remove(index).is_some() {
            self.watches.remove(index);
            self.cases.remove(index);
        }
    }

    fn forget_ended(&mut self, now: Seconds) {
        while let Some(index) = self.list.first_ended(now) {
            self.remove(index);
        }
    }

    /// Forgets what must end and has ended. Only the thread that judges calls it: if each outcome changed what statements say,
    /// proxies would poll without a pause while many streams end.
    fn forget_listed(&mut self) {
        let before = self.ended.len();
        let list = &self.list;
        self.ended.retain(|_, (_, index)| list.get(*index).is_some());
        self.has_more_to_say |= self.ended.len() < before;
    }
}
