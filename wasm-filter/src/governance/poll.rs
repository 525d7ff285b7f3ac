//! When the next statement is asked for, and how. A poll waits at the server until something changes. After a failure the next one
//! comes from a tick and never from the callback of the failed one: with a dead server that would spin.

use std::time::Duration;

use warrant::{Seconds, statement::Held};

/// How long a poll waits at the server.
const WAIT: Duration = Duration::from_secs(5);
/// The proxy gives up a poll after this time.
const TIMEOUT: Duration = Duration::from_secs(7);
/// A poll without any callback counts as failed after this time.
const GIVEN_UP: Duration = Duration::from_secs(21);
/// After a failure: the first pause, and the longest.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// After so many polls in vain, and the pause after the last one, another thread of the proxy asks.
const IN_VAIN: u32 = 2;
/// So many polls may follow each other between two ticks. A server that answers at once and says nothing new gets no more.
const POLLS_A_TICK: u32 = 32;

/// One poll to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PollRequest {
    pub(crate) path: String,
    pub(crate) timeout: Duration,
}

/// Why a poll brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PollFailure {
    /// The proxy does not know the cluster, or does not send the call.
    NotSent,
    /// There is no answer.
    NoAnswer,
    /// The server answered with this status.
    Status(u16),
    /// The answer is longer than one may be.
    TooLong,
}

impl std::fmt::Display for PollFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotSent => {
                f.write_str("the proxy does not send the call: is `cluster` a cluster of Envoy?")
            }
            Self::NoAnswer => f.write_str("the server does not answer"),
            Self::Status(status) => write!(f, "the server answered with status {status}"),
            Self::TooLong => f.write_str("the server's answer is longer than 32 MiB"),
        }
    }
}

/// What a proxy says of itself with each poll.
#[derive(Clone, Debug)]
pub(super) struct Report<'a> {
    pub(super) instance: u64,
    /// How far all VMs are.
    pub(super) seq: u64,
    pub(super) judged: u64,
    pub(super) module: &'a str,
    pub(super) config: &'a str,
    pub(super) pins: &'a str,
}

/// The polls of one root context.
#[derive(Debug, Default)]
pub(super) struct Polls {
    is_waiting: bool,
    waited: Duration,
    /// Says that nothing is held.
    ask_all: bool,
    failures: u32,
    /// How many brought nothing since this thread began to ask.
    in_vain: u32,
    pause: Duration,
    since_tick: u32,
}

impl Polls {
    /// Counts the time that passed since the last tick.
    pub(super) fn tick(&mut self, interval: Duration) {
        self.pause = self.pause.saturating_sub(interval);
        self.since_tick = 0;
        if self.is_waiting {
            self.waited = self.waited.saturating_add(interval);
        }
        // The proxy promises a callback. Without it, nobody would ask again.
        if self.waited >= GIVEN_UP {
            self.failed(false);
        }
    }

    /// Whether a poll may be sent now.
    pub(super) fn may_send(&self) -> bool {
        !self.is_waiting && self.pause.is_zero() && self.since_tick < POLLS_A_TICK
    }

    /// The next poll. It counts as sent.
    pub(super) fn send(&mut self, held: Option<&Held>, now: Seconds, report: &Report<'_>) -> PollRequest {
        (self.is_waiting, self.waited) = (true, Duration::ZERO);
        self.since_tick = self.since_tick.saturating_add(1);
        let Report { instance, seq, judged, module, config, pins } = report;
        let mut path = format!(
            "/v1/statement?seq={seq}&judged={judged}&module={module}&config={config}&instance={instance:016x}&pins={pins}"
        );
        if let Some(held) = held.filter(|_| !self.ask_all) {
            let statement = held.statement();
            // The next statement must come before this one runs out, and at once if it has.
            let left = Duration::from_secs(statement.exp.get().saturating_sub(now.get()) / 2);
            let wait = WAIT.min(left);
            path.push_str(&format!(
                "&wait={}&n={}&rules={}&halts={}&revocations={}&ended={}",
                wait.as_millis(),
                statement.n,
                statement.rules.to_base64url(),
                statement.halts.to_base64url(),
                statement.revocations.to_base64url(),
                statement.ended.to_base64url(),
            ));
        }
        PollRequest { path, timeout: TIMEOUT }
    }

    /// The answer was taken.
    pub(super) fn succeeded(&mut self) {
        *self = Self { since_tick: self.since_tick, ..Self::default() };
    }

    /// Nothing came of the poll that was sent: another thread may reach the server.
    pub(super) fn brought_nothing(&mut self) {
        self.failed(false);
        self.in_vain = self.in_vain.saturating_add(1);
    }

    /// Whether this thread has asked in vain often enough. Its turn ends with this answer.
    pub(super) fn ends_its_turn(&mut self) -> bool {
        let ends = self.in_vain >= IN_VAIN;
        if ends {
            self.in_vain = 0;
        }
        ends
    }

    /// There is no answer that could be taken. The next poll asks for everything if this one's parts did not fit.
    pub(super) fn failed(&mut self, ask_all: bool) {
        (self.is_waiting, self.waited) = (false, Duration::ZERO);
        self.ask_all = ask_all;
        self.pause = PAUSE.saturating_mul(1 << self.failures.min(4)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Seconds = Seconds::new(1_800_000_000);
    const REPORT: Report<'_> =
        Report { instance: 10, seq: 7, judged: 6, module: "ab", config: "cd", pins: "e.f" };

    #[test]
    fn one_poll_waits_at_a_time_and_a_failed_one_is_not_repeated_at_once() {
        let mut polls = Polls::default();
        assert!(polls.may_send());
        let poll = polls.send(None, NOW, &REPORT);
        let path = "/v1/statement?seq=7&judged=6&module=ab&config=cd&instance=000000000000000a&pins=e.f";
        assert_eq!(poll.path, path);
        assert!(!polls.may_send());
        let mut pauses = Vec::new();
        for _ in 0..5 {
            polls.failed(false);
            let mut ticks = 0;
            while !polls.may_send() {
                polls.tick(Duration::from_millis(250));
                ticks += 1;
            }
            pauses.push(ticks);
            polls.send(None, NOW, &REPORT);
        }
        assert_eq!(pauses, [1, 2, 4, 4, 4]);
        polls.succeeded();
        assert!(polls.may_send());
    }

    #[test]
    fn a_server_that_answers_at_once_and_always_is_asked_a_few_times_between_two_ticks() {
        let mut polls = Polls::default();
        let mut sent = 0;
        while polls.may_send() {
            polls.send(None, NOW, &REPORT);
            polls.succeeded();
            sent += 1;
        }
        assert_eq!(sent, POLLS_A_TICK);
        polls.tick(Duration::from_millis(250));
        assert!(polls.may_send());
    }
}
