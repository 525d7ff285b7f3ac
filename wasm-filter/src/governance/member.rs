//! One root context among those of the proxy that hold governance by the same pins: it shows that it lives, takes what the others
//! shared, and fetches if that falls to it. Any of them can fetch. If the one that does so dies, another takes over.

use std::{
    fmt::{Display, Formatter},
    mem::discriminant,
    rc::Rc,
    time::Duration,
};

use warrant::{Seconds, Verifier, statement::NotTaken};

use super::{
    Governance, PollFailure, PollRequest, SharedMemory,
    answers::SharedAnswers,
    poll::{Polls, Report},
    roster::{Entry, Roster},
    time::Ticks,
};

/// A fetcher that has not ticked for so long is dead, and another member fetches.
const FETCHER_SILENT: Duration = Duration::from_secs(1);
/// A member that has not ticked for so long is forgotten: by then its statement has run out, whatever hinders it.
const MEMBER_SILENT: Duration = Duration::from_secs(30);
/// How often a change of the roster is tried before it waits for the next tick.
const TRIES: usize = 4;
/// A line about the same kind of failure is written again after this time.
const SAID_AGAIN: Duration = Duration::from_secs(60);

/// One root context that holds governance.
#[derive(Debug)]
pub(crate) struct Member<V> {
    governance: Rc<Governance<V>>,
    answers: SharedAnswers,
    roster_key: String,
    /// The digest of what this proxy's filters are configured with, which is the same in both positions.
    config: String,
    /// The pinned keys, for the server: it signs with a new key when every proxy pins it.
    pins: String,
    module: &'static str,
    ticks: Ticks,
    /// Names this member's queue, and this run of the proxy if it is the first.
    nanoseconds: u128,
    own: Option<Entry>,
    /// How often something had been taken when it could not follow.
    lost_at: Option<u64>,
    /// The same when the poll that waits was sent.
    polled_at: u64,
    polls: Polls,
    heard: Heard,
    said: Option<(Failure, Duration)>,
}

/// Why no statement was taken.
#[derive(Debug)]
enum Failure {
    Poll(PollFailure),
    Refused(NotTaken),
}

impl Failure {
    /// Whether it is of the same kind. Two of one kind can differ in a number that changes with every answer.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Poll(one), Self::Poll(other)) => one == other,
            (Self::Refused(one), Self::Refused(other)) => discriminant(one) == discriminant(other),
            (Self::Poll(_), Self::Refused(_)) | (Self::Refused(_), Self::Poll(_)) => false,
        }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Poll(failure) => failure.fmt(f),
            Self::Refused(why) => why.fmt(f),
        }
    }
}

/// What is to be done after a call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Events {
    /// Send this poll.
    pub(crate) poll: Option<PollRequest>,
    /// Write this line to the proxy's log.
    pub(crate) line: Option<String>,
}

impl<V: Verifier> Member<V> {
    /// `module` is the digest of what the module was built from.
    pub(crate) fn new(governance: Rc<Governance<V>>, module: &'static str) -> Self {
        let prefix = format!("portcullis.{}", governance.pins_digest().to_base64url());
        Self {
            answers: SharedAnswers::at(&prefix),
            roster_key: format!("{prefix}.roster"),
            config: governance.pins_digest().to_hex(),
            pins: governance.pins().report(),
            module,
            ticks: Ticks::starting(governance.time()),
            governance,
            nanoseconds: 0,
            own: None,
            lost_at: None,
            polled_at: 0,
            polls: Polls::default(),
            heard: Heard::default(),
            said: None,
        }
    }

    /// Names this run of the proxy to the server, unless it has a name. The proxy's memory cannot tell a first write from a second one: two
    /// threads that both found no roster would each write one and ask under two names. So this is done before several threads tick.
    pub(crate) fn name_run(&self, memory: &dyn SharedMemory, nanoseconds: u128) {
        let (value, version) = memory.read(&self.roster_key);
        if value.and_then(|value| Roster::decode(&value)).is_none() {
            // Without it the first tick writes one.
            memory.write(&self.roster_key, &Roster::of_run(nanoseconds).encode(), version);
        }
    }

    /// One tick, after this interval. `nanoseconds` is the proxy's clock, for names that nobody else has.
    pub(crate) fn tick(
        &mut self,
        memory: &dyn SharedMemory,
        interval: Duration,
        clock: Seconds,
        (root, nanoseconds): (u32, u128),
    ) -> Events {
        self.ticks.count(interval, self.governance.time());
        self.polls.tick(interval);
        if self.own.is_none() {
            self.nanoseconds = nanoseconds;
            let queue = memory.make_queue(&format!("{}.{root}.{nanoseconds}", self.roster_key));
            self.own = queue.map(|queue| Entry { queue, ..Entry::default() });
        }
        let refused = self.catch_up(memory, clock);
        let Some(own) = &mut self.own else { return Events::default() };
        own.beats = own.beats.wrapping_add(1);
        let queue = own.queue;
        let heard = std::mem::take(&mut self.heard);
        let roster = self.describe(memory, |roster| elect(roster, queue, &heard));
        let Some(roster) = roster else {
            self.heard = heard;
            return Events::default();
        };
        self.heard = heard.after(&roster, interval);
        if roster.fetcher != queue {
            return Events { poll: None, line: refused.and_then(|why| self.say(Failure::Refused(why))) };
        }
        if roster.members.iter().any(|entry| entry.is_lost && entry.queue != queue) {
            self.answers.share_whole(memory, &self.governance);
            self.wake_others(memory, &roster);
        }
        if !self.polls.may_send() || (self.polls.ends_its_turn() && self.hand_over(memory)) {
            return Events::default();
        }
        Events { poll: Some(self.next_poll(&roster, clock)), line: None }
    }

    /// Somebody shared an answer, or has carried one out.
    pub(crate) fn woken(&mut self, memory: &dyn SharedMemory, clock: Seconds) {
        let _: Option<NotTaken> = self.catch_up(memory, clock); // the next tick says it
    }

    /// The answer to a poll.
    pub(crate) fn answered(
        &mut self,
        memory: &dyn SharedMemory,
        clock: Seconds,
        answer: Result<Vec<u8>, PollFailure>,
    ) -> Events {
        let body = match answer {
            Ok(body) => body,
            Err(failure) => {
                self.polls.brought_nothing();
                return Events { poll: None, line: self.say(Failure::Poll(failure)) };
            }
        };
        // Another member may have been taken for dead, and have fetched something newer meanwhile.
        let is_first = self.polled_at == self.governance.taken();
        match self.governance.take_from_server(&body, clock, is_first) {
            Ok(()) => {}
            Err(NotTaken::RolledBack { .. }) if !is_first => {
                self.polls.failed(false);
                return Events::default();
            }
            Err(why) => {
                let asks_all = matches!(why, NotTaken::NeedsAll(_) | NotTaken::OtherDigest(_));
                self.polls.failed(asks_all);
                return Events { poll: None, line: self.say(Failure::Refused(why)) };
            }
        }
        self.polls.succeeded();
        self.said = None;
        self.answers.share(memory, &body, &self.governance);
        if let Some(roster) = self.describe(memory, |_| ()) {
            self.wake_others(memory, &roster);
        }
        Events::default()
    }

    /// Everything that is held has been carried out: no stream runs here that must end by it. Only now the server is told.
    pub(crate) fn carried_out(&mut self, memory: &dyn SharedMemory, clock: Seconds) -> Events {
        let Some(own) = &mut self.own else { return Events::default() };
        let before = (own.seq, own.judged);
        if let Some(held) = self.governance.held() {
            (own.seq, own.judged) = (held.statement().seq, held.statement().judged);
        }
        let (is_news, queue) = (before != (own.seq, own.judged), own.queue);
        if !is_news && !self.polls.may_send() {
            return Events::default();
        }
        let Some(roster) = self.describe(memory, |_| ()) else { return Events::default() };
        if roster.fetcher == queue {
            return Events { poll: self.poll_if_all_have(&roster, clock), line: None };
        }
        if is_news {
            memory.wake(roster.fetcher);
        }
        Events::default()
    }

    /// The root context ends. The others do not wait for it any more.
    pub(crate) fn leave(&mut self, memory: &dyn SharedMemory) {
        if let Some(own) = self.own {
            self.describe(memory, |roster| roster.members.retain(|entry| entry.queue != own.queue));
        }
    }

    /// The proxy did not send the poll.
    pub(crate) fn not_sent(&mut self) -> Option<String> {
        self.polls.failed(false);
        self.say(Failure::Poll(PollFailure::NotSent))
    }

    /// Lets the next living member fetch: this thread's connection to the server may be the only one that does not work.
    /// Returns whether there is one.
    fn hand_over(&self, memory: &dyn SharedMemory) -> bool {
        let Some(own) = self.own else { return false };
        let is_alive = |entry: &&Entry| self.heard.silence_of(entry) < FETCHER_SILENT;
        let handed = self.describe(memory, |roster| {
            let others = roster.members.iter().filter(|entry| entry.queue != own.queue).filter(is_alive);
            let (before, after): (Vec<u32>, Vec<u32>) =
                others.map(|entry| entry.queue).partition(|queue| *queue < own.queue);
            // In a ring, so that each has its turn.
            let next = after.into_iter().min().or(before.into_iter().min());
            if roster.fetcher == own.queue {
                roster.fetcher = next.unwrap_or(own.queue);
            }
        });
        handed.is_some_and(|roster| roster.fetcher != own.queue)
    }

    fn catch_up(&mut self, memory: &dyn SharedMemory, clock: Seconds) -> Option<NotTaken> {
        let before = self.governance.read().get();
        let refused = self.answers.catch_up(memory, &self.governance, clock);
        let taken = self.governance.taken();
        if matches!(refused, Some(NotTaken::NeedsAll(_) | NotTaken::OtherDigest(_))) {
            self.lost_at = Some(taken);
        } else if self.governance.read().get() != before {
            self.lost_at = None;
        }
        if let Some(own) = &mut self.own {
            own.is_lost = self.lost_at == Some(taken);
        }
        refused
    }

    /// Writes to the roster how far this member is, and changes it. `None` if others were faster each time.
    fn describe(&self, memory: &dyn SharedMemory, change: impl Fn(&mut Roster)) -> Option<Roster> {
        let own = self.own?;
        for _ in 0..TRIES {
            let (value, version) = memory.read(&self.roster_key);
            let found = value.and_then(|value| Roster::decode(&value));
            let mut roster = found.unwrap_or_else(|| Roster::of_run(self.nanoseconds));
            roster.note(own);
            change(&mut roster);
            if memory.write(&self.roster_key, &roster.encode(), version) {
                return Some(roster);
            }
        }
        None
    }

    /// The next poll, unless there is a member that has not taken the last answer: then it wakes this one, or the next tick comes.
    fn poll_if_all_have(&mut self, roster: &Roster, clock: Seconds) -> Option<PollRequest> {
        let held = self.governance.held()?;
        let (seq, judged) = roster.all_have();
        let all_have = seq >= held.statement().seq && judged >= held.statement().judged;
        (all_have && self.polls.may_send()).then(|| self.next_poll(roster, clock))
    }

    fn next_poll(&mut self, roster: &Roster, clock: Seconds) -> PollRequest {
        let (seq, judged) = roster.all_have();
        let (module, config, pins) = (self.module, self.config.as_str(), self.pins.as_str());
        self.polled_at = self.governance.taken();
        let report = Report { instance: roster.instance, seq, judged, module, config, pins };
        self.polls.send(self.governance.held().as_deref(), self.governance.now(clock), &report)
    }

    fn wake_others(&self, memory: &dyn SharedMemory, roster: &Roster) {
        let own = self.own.map(|own| own.queue);
        roster
            .members
            .iter()
            .filter(|entry| Some(entry.queue) != own)
            .for_each(|entry| memory.wake(entry.queue));
    }

    /// A line for the proxy's log, unless one like it was just written.
    fn say(&mut self, why: Failure) -> Option<String> {
        let now = self.governance.time().passed();
        let was_just_said = |(said, since): &(Failure, Duration)| {
            said.is_like(&why) && now.saturating_sub(*since) < SAID_AGAIN
        };
        if self.said.as_ref().is_some_and(was_just_said) {
            return None;
        }
        let line = format!("no governance statement was taken: {why}");
        self.said = Some((why, now));
        Some(line)
    }
}

/// Takes over if the member that fetches is dead. Who fetches also forgets the dead.
fn elect(roster: &mut Roster, own: u32, heard: &Heard) {
    let fetcher = roster.entry(roster.fetcher);
    if fetcher.is_none_or(|fetcher| heard.silence_of(fetcher) >= FETCHER_SILENT) {
        roster.fetcher = own;
    }
    if roster.fetcher == own {
        roster.members.retain(|entry| entry.queue == own || heard.silence_of(entry) < MEMBER_SILENT);
    }
}

/// The queue of each member, its beats, and for how long they have been the same.
#[derive(Debug, Default)]
struct Heard(Vec<(u32, u32, Duration)>);

impl Heard {
    /// For how long a member has not shown that it lives.
    fn silence_of(&self, entry: &Entry) -> Duration {
        self.find(entry).unwrap_or_default()
    }

    /// What is heard after this interval.
    fn after(&self, roster: &Roster, interval: Duration) -> Self {
        let silence =
            |entry| self.find(entry).map_or(Duration::ZERO, |silence| silence.saturating_add(interval));
        Self(roster.members.iter().map(|entry| (entry.queue, entry.beats, silence(entry))).collect())
    }

    fn find(&self, entry: &Entry) -> Option<Duration> {
        let same = |(queue, beats, _): &&(u32, u32, Duration)| (*queue, *beats) == (entry.queue, entry.beats);
        self.0.iter().find(same).map(|(_, _, silence)| *silence)
    }
}
