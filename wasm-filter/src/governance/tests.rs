//! Several root contexts of one proxy, with the memory that they share, and a server that answers their polls.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};

use warrant::{Denial, PureVerifier, Seconds, statement::Posture};

use super::{Events, Governance, Member, PollFailure, SharedMemory};
use crate::testing::{self, NOW, Says};

const TICK: Duration = Duration::from_millis(250);

/// The memory of a proxy.
#[derive(Default)]
struct Memory {
    values: RefCell<BTreeMap<String, (Vec<u8>, u32)>>,
    queues: Cell<u32>,
    woken: RefCell<Vec<u32>>,
}

impl SharedMemory for Memory {
    fn read(&self, key: &str) -> (Option<Vec<u8>>, Option<u32>) {
        let values = self.values.borrow();
        values.get(key).map_or((None, None), |(value, version)| (Some(value.clone()), Some(*version)))
    }

    fn write(&self, key: &str, value: &[u8], version: Option<u32>) -> bool {
        let mut values = self.values.borrow_mut();
        let held = values.entry(key.to_owned()).or_default();
        if version.is_some_and(|version| version != held.1) {
            return false;
        }
        *held = (value.to_vec(), held.1.saturating_add(1));
        true
    }

    fn make_queue(&self, _name: &str) -> Option<u32> {
        self.queues.set(self.queues.get().saturating_add(1));
        Some(self.queues.get())
    }

    fn wake(&self, queue: u32) {
        self.woken.borrow_mut().push(queue);
    }
}

/// One VM with one root context.
struct Vm {
    governance: Rc<Governance<PureVerifier>>,
    member: Member<PureVerifier>,
    queue: u32,
    poll: Option<String>,
    /// What was written to the proxy's log.
    lines: Vec<String>,
}

/// A proxy with several VMs, and the server.
struct Proxy {
    memory: Memory,
    vms: Vec<Vm>,
    /// The proxy's clock.
    clock: Seconds,
    says: Says,
}

impl Vm {
    fn new() -> Self {
        let governance = Rc::new(Governance::new(&testing::config(), PureVerifier));
        let member = Member::new(Rc::clone(&governance), "00");
        Self { governance, member, queue: 0, poll: None, lines: Vec::new() }
    }

    fn follow(&mut self, events: Events) {
        // A poll whose answer never comes is given up after a while, and there is another.
        self.poll = events.poll.map(|poll| poll.path).or(self.poll.take());
        self.lines.extend(events.line);
    }

    /// No stream runs here.
    fn carry_out(&mut self, memory: &Memory, clock: Seconds) {
        let events = self.member.carried_out(memory, clock);
        self.follow(events);
    }

    fn standing(&self, clock: Seconds) -> Result<u64, Denial> {
        self.governance.current(clock).map(|current| current.held.statement().n)
    }
}

impl Proxy {
    fn new(vms: usize) -> Self {
        let vms = (0..vms).map(|_| Vm::new()).collect();
        Self { memory: Memory::default(), vms, clock: NOW, says: testing::says() }
    }

    /// Each VM ticks once. Nobody's poll is answered.
    fn tick(&mut self) {
        for (place, vm) in self.vms.iter_mut().enumerate() {
            let before = self.memory.queues.get();
            let name = (u32::try_from(place).unwrap(), 7);
            let events = vm.member.tick(&self.memory, TICK, self.clock, name);
            if self.memory.queues.get() > before {
                vm.queue = self.memory.queues.get();
            }
            vm.follow(events);
            vm.carry_out(&self.memory, self.clock);
        }
    }

    /// Answers the polls that wait, and delivers all messages.
    fn answer(&mut self, body: &Result<Vec<u8>, PollFailure>) {
        for vm in &mut self.vms {
            if vm.poll.take().is_some() {
                let events = vm.member.answered(&self.memory, self.clock, body.clone());
                vm.follow(events);
                vm.carry_out(&self.memory, self.clock);
            }
        }
        self.deliver();
    }

    fn deliver(&mut self) {
        loop {
            let woken = std::mem::take(&mut *self.memory.woken.borrow_mut());
            if woken.is_empty() {
                return;
            }
            for queue in woken {
                if let Some(vm) = self.vms.iter_mut().find(|vm| vm.queue == queue) {
                    vm.member.woken(&self.memory, self.clock);
                    vm.carry_out(&self.memory, self.clock);
                }
            }
        }
    }

    /// Says the next thing, to somebody who holds what was said before.
    fn say(&mut self, change: impl FnOnce(&mut Says)) {
        let next = self.says.next(change);
        let body = next.answer(Some(&self.says));
        self.says = next;
        self.answer(&Ok(body));
    }

    /// Starts, and tells everything.
    fn started(vms: usize) -> Self {
        let mut proxy = Self::new(vms);
        proxy.tick();
        let whole = proxy.says.answer(None);
        proxy.answer(&Ok(whole));
        proxy
    }

    fn standings(&self) -> Vec<Result<u64, Denial>> {
        self.vms.iter().map(|vm| vm.standing(self.clock)).collect()
    }

    fn polling(&self) -> Vec<usize> {
        self.vms.iter().enumerate().filter(|(_, vm)| vm.poll.is_some()).map(|(place, _)| place).collect()
    }
}

#[test]
fn before_the_first_statement_everything_is_denied() {
    let mut proxy = Proxy::new(2);
    assert_eq!(proxy.standings(), [Err(Denial::GovernanceStale); 2]);
    proxy.tick();
    assert_eq!(proxy.standings(), [Err(Denial::GovernanceStale); 2]);
}

/// Two threads that first tick in the same moment both find no roster, unless the run was named before.
#[test]
fn a_run_is_named_once_and_the_first_that_ticks_reports_this_name() {
    let mut proxy = Proxy::new(3);
    for (vm, nanoseconds) in proxy.vms.iter().zip([5, 6, 7]) {
        vm.member.name_run(&proxy.memory, nanoseconds);
    }
    proxy.vms.rotate_left(2);
    proxy.tick();
    let polls: Vec<&String> = proxy.vms.iter().filter_map(|vm| vm.poll.as_ref()).collect();
    assert_eq!(polls.len(), 1);
    assert!(polls[0].contains("&instance=0000000000000005&"), "{polls:?}");
}

#[test]
fn one_fetches_for_all_and_the_next_poll_follows_when_all_have_the_answer() {
    let mut proxy = Proxy::new(3);
    proxy.tick();
    assert_eq!(proxy.polling(), [0]);
    let whole = proxy.says.answer(None);
    proxy.answer(&Ok(whole));
    assert_eq!(proxy.standings(), [Ok(1); 3]);
    let poll = proxy.vms[0].poll.clone().expect("the next poll waits at the server already");
    assert!(poll.contains("?seq=10&judged=10&") && poll.contains("&n=1&"), "{poll}");
    proxy.say(|says| says.revocations = says.revocations.with([warrant::Mark::from_bytes([1; 16])], []));
    assert_eq!(proxy.standings(), [Ok(2); 3]);
    assert!(proxy.vms.iter().all(|vm| vm.governance.held().unwrap().revocations().len() == 1));
}

#[test]
fn a_poll_reports_the_slowest_of_the_members() {
    let mut proxy = Proxy::started(2);
    let next = proxy.says.next(|says| says.statement.posture = Posture::Restricted);
    // The second VM is not woken.
    proxy.vms[0].poll = None;
    let (vm, memory) = (&mut proxy.vms[0], &proxy.memory);
    vm.member.answered(memory, proxy.clock, Ok(next.answer(Some(&proxy.says))));
    assert_eq!(vm.member.carried_out(memory, NOW), Events::default(), "it waits for the other");
    proxy.memory.woken.borrow_mut().clear();
    let name = (0, 7);
    let events = proxy.vms[0].member.tick(&proxy.memory, TICK, proxy.clock, name);
    let poll = events.poll.expect("a tick does not wait for it").path;
    assert!(poll.contains("?seq=10&judged=10&") && poll.contains("&n=2&"), "{poll}");
}

#[test]
fn another_member_fetches_when_the_one_that_does_has_died_and_the_dead_are_forgotten() {
    let mut proxy = Proxy::started(3);
    let mut dead = proxy.vms.remove(0);
    for _ in 0..3 {
        proxy.tick();
        assert_eq!(proxy.polling(), Vec::<usize>::new());
    }
    (0..3).for_each(|_| proxy.tick());
    assert_eq!(proxy.polling().len(), 1);
    proxy.say(|_| ());
    assert_eq!(proxy.standings(), [Ok(2); 2]);
    proxy.say(|_| ());
    proxy.tick();
    let poll = proxy.vms.iter().find_map(|vm| vm.poll.clone()).unwrap();
    assert!(poll.contains("?seq=10&"), "the dead one counts while its statement may hold: {poll}");
    (0..120).for_each(|_| proxy.tick());
    proxy.clock = NOW.plus(31);
    proxy.say(|says| (says.statement.iat, says.statement.exp) = (NOW.plus(31), NOW.plus(61)));
    let poll = proxy.vms.iter().find_map(|vm| vm.poll.clone()).unwrap();
    assert!(poll.contains("?seq=13&"), "the dead one's size does not count: {poll}");
    // It was only slow. It comes back, does not fetch beside the other, and has what it missed.
    dead.poll = None;
    proxy.vms.push(dead);
    proxy.tick();
    proxy.say(|_| ());
    proxy.tick();
    assert_eq!(proxy.standings(), [Ok(5); 3]);
    assert_eq!(proxy.polling().len(), 1);
}

#[test]
fn a_member_whose_polls_keep_failing_lets_the_others_fetch_in_turn() {
    let mut proxy = Proxy::started(3);
    let mut asked = Vec::new();
    for _ in 0..60 {
        proxy.tick();
        asked.extend(proxy.polling());
        proxy.answer(&Err(PollFailure::NoAnswer));
    }
    let mut members = asked.clone();
    members.sort_unstable();
    members.dedup();
    assert_eq!(members, [0, 1, 2], "{asked:?}");
    // Only the third one reaches the server.
    let mut ticks = 0;
    while proxy.standings() != [Ok(2); 3] {
        ticks += 1;
        assert!(ticks < 40, "{:?}", proxy.standings());
        proxy.tick();
        if proxy.polling() == [2] {
            proxy.say(|_| ());
        } else {
            proxy.answer(&Err(PollFailure::NoAnswer));
        }
    }
    assert_eq!(proxy.polling(), [2], "it goes on");
}

#[test]
fn a_new_vm_begins_with_what_the_others_shared() {
    let mut proxy = Proxy::started(1);
    for n in 1..=5 {
        proxy.say(|says| says.revocations = says.revocations.with([warrant::Mark::from_bytes([n; 16])], []));
    }
    proxy.say(|_| ()); // nothing but a newer statement
    proxy.vms.push(Vm::new());
    proxy.tick();
    assert_eq!(proxy.standings(), [Ok(7); 2]);
    assert_eq!(proxy.vms[1].governance.held().unwrap().revocations().len(), 5);
}

#[test]
fn many_changes_do_not_make_the_shared_memory_grow() {
    let mut proxy = Proxy::started(2);
    for n in 0..2_000_u32 {
        let mut mark = [0; 16];
        mark[..4].copy_from_slice(&n.to_be_bytes());
        if n % 30 == 0 {
            proxy.tick(); // polls are limited between two ticks
        }
        proxy.say(|says| says.revocations = says.revocations.with([warrant::Mark::from_bytes(mark)], []));
    }
    assert_eq!(proxy.standings(), [Ok(2_001); 2]);
    let size: usize = proxy.memory.values.borrow().values().map(|(value, _)| value.len()).sum();
    assert!(size < 64 * 1024 + 2_000 * 16 + 10_000, "{size} bytes");
}

#[test]
fn what_others_write_into_the_shared_memory_stops_nothing_and_opens_nothing() {
    let mut proxy = Proxy::started(2);
    for garbage in [&b""[..], b"x", &[0; 100], &[0xff; 5_000], b"PSTM1\x01\x00\x00\x00\x01x"] {
        for (value, _) in proxy.memory.values.borrow_mut().values_mut() {
            *value = garbage.to_vec();
        }
        (0..8).for_each(|_| proxy.tick());
        assert_eq!(proxy.standings().iter().filter(|standing| standing.is_ok()).count(), 2);
        proxy.vms.iter_mut().for_each(|vm| vm.poll = None);
        let polling =
            |vm: &mut Vm| vm.member.answered(&proxy.memory, proxy.clock, Err(PollFailure::NoAnswer));
        proxy.vms.iter_mut().for_each(|vm| drop(polling(vm)));
        (0..8).for_each(|_| proxy.tick());
        proxy.say(|says| says.revocations = says.revocations.with([warrant::Mark::from_bytes([7; 16])], []));
        proxy.tick();
        assert_eq!(proxy.standings(), [Ok(proxy.says.statement.n); 2], "after {}", garbage.escape_ascii());
    }
}

#[test]
fn past_its_end_a_statement_denies_everything_and_a_clock_that_is_set_back_does_not_prolong_it() {
    let mut proxy = Proxy::started(1);
    proxy.clock = NOW.plus(29);
    assert_eq!(proxy.standings(), [Ok(1)]);
    proxy.clock = NOW.plus(30);
    assert_eq!(proxy.standings(), [Err(Denial::GovernanceStale)]);
    // The same with a clock that stands an hour earlier, by the ticks alone.
    proxy.clock = Seconds::new(NOW.get() - 3_600);
    assert_eq!(proxy.standings(), [Ok(1)]);
    (0..29 * 4).for_each(|_| proxy.tick());
    assert_eq!(proxy.standings(), [Ok(1)]);
    (0..4).for_each(|_| proxy.tick());
    assert_eq!(proxy.standings(), [Err(Denial::GovernanceStale)]);
    // The same statement once more does not begin its time again.
    let again = proxy.says.answer(None);
    proxy.answer(&Ok(again));
    assert_eq!(proxy.standings(), [Err(Denial::GovernanceStale)]);
}

#[test]
fn a_server_that_contradicts_itself_is_named_when_the_statement_runs_out() {
    let mut proxy = Proxy::started(1);
    let old = proxy.says.answer(None);
    proxy.say(|_| ());
    proxy.answer(&Ok(old));
    assert_eq!(proxy.standings(), [Ok(2)], "what is held stays");
    proxy.clock = NOW.plus(30);
    assert_eq!(proxy.standings(), [Err(Denial::GovernanceInconsistent)]);
    proxy.tick();
    proxy.answer(&Err(PollFailure::NoAnswer));
    assert_eq!(proxy.standings(), [Err(Denial::GovernanceInconsistent)], "silence takes nothing back");
    for _ in 0..4 {
        proxy.tick();
    }
    proxy.say(|says| (says.statement.iat, says.statement.exp) = (NOW.plus(30), NOW.plus(60)));
    assert_eq!(proxy.standings(), [Ok(3)]);
}

#[test]
fn a_failure_is_written_to_the_log_once_a_minute_whatever_numbers_it_has() {
    let mut proxy = Proxy::started(1);
    for second in 0..=60 {
        let iat = NOW.plus(3_600 + second);
        let ahead = proxy.says.next(|says| (says.statement.iat, says.statement.exp) = (iat, iat.plus(30)));
        proxy.answer(&Ok(ahead.answer(Some(&proxy.says))));
        let lines = &proxy.vms[0].lines;
        assert_eq!(lines.len(), 1 + usize::from(second == 60), "{lines:?}");
        (0..4).for_each(|_| proxy.tick());
    }
    proxy.answer(&Err(PollFailure::NoAnswer));
    assert_eq!(proxy.vms[0].lines.len(), 3, "another failure is news");
}

#[test]
fn a_halt_of_everything_denies_everything() {
    let mut proxy = Proxy::started(2);
    proxy.say(|says| says.statement.posture = Posture::Halted);
    assert_eq!(proxy.standings(), [Err(Denial::Halted); 2]);
    proxy.say(|says| says.statement.posture = Posture::Normal);
    assert_eq!(proxy.standings(), [Ok(3); 2]);
}

#[test]
fn an_answer_whose_parts_do_not_fit_is_asked_for_as_a_whole() {
    let mut proxy = Proxy::started(1);
    let next = proxy
        .says
        .next(|says| says.revocations = says.revocations.with([warrant::Mark::from_bytes([1; 16])], []));
    let unknown =
        next.next(|says| says.revocations = says.revocations.with([warrant::Mark::from_bytes([2; 16])], []));
    proxy.answer(&Ok(unknown.answer(Some(&next))));
    assert_eq!(proxy.standings(), [Ok(1)]);
    assert_eq!(proxy.polling(), Vec::<usize>::new(), "not from the callback of a failed call");
    proxy.tick();
    let poll = proxy.vms[0].poll.clone().unwrap();
    assert!(!poll.contains("&n="), "{poll}");
    proxy.answer(&Ok(unknown.answer(None)));
    assert_eq!(proxy.standings(), [Ok(3)]);
}

#[test]
fn a_filter_that_is_configured_anew_goes_on_with_what_is_held_while_its_key_is_pinned() {
    let mut proxy = Proxy::started(1);
    proxy.clock = Seconds::new(NOW.get() - 3_600);
    (0..40).for_each(|_| proxy.tick());
    let mut config = testing::config();
    config.pins.keys.push(("s2".into(), testing::stranger_key()));
    let rotated = Governance::new(&config, PureVerifier);
    rotated.take_over(&proxy.vms[0].governance);
    let current = rotated.current(proxy.clock).unwrap();
    assert_eq!((current.held.statement().n, current.now), (1, NOW.plus(10)));
    config.pins.keys.remove(0);
    let without = Governance::new(&config, PureVerifier);
    without.take_over(&rotated);
    assert_eq!(without.current(proxy.clock).unwrap_err(), Denial::GovernanceStale);
}

#[test]
fn what_is_not_carried_out_yet_is_not_reported() {
    let mut proxy = Proxy::started(1);
    let next = proxy
        .says
        .next(|says| says.revocations = says.revocations.with([warrant::Mark::from_bytes([1; 16])], []));
    let (vm, memory) = (&mut proxy.vms[0], &proxy.memory);
    vm.poll = None;
    assert_eq!(vm.member.answered(memory, NOW, Ok(next.answer(Some(&proxy.says)))), Events::default());
    // Streams still run that must end. A tick polls all the same.
    let poll = vm.member.tick(memory, TICK, NOW, (0, 7)).poll.unwrap().path;
    assert!(poll.contains("?seq=10&") && poll.contains("&n=2&"), "{poll}");
    vm.member.answered(memory, NOW, Err(PollFailure::NoAnswer));
    assert_eq!(vm.member.carried_out(memory, NOW).poll, None, "a failed poll is repeated from a tick");
    let poll = vm.member.tick(memory, TICK, NOW, (0, 7)).poll.unwrap().path;
    assert!(poll.contains("?seq=11&") && poll.contains("&n=2&"), "{poll}");
}

#[test]
fn a_member_that_was_taken_for_dead_stops_fetching_and_blames_no_server() {
    let mut proxy = Proxy::started(2);
    let slow = proxy.vms[0].poll.take().unwrap();
    assert!(slow.contains("&n=1&"));
    // The first VM does not tick. The second one takes over, and fetches something newer.
    for _ in 0..6 {
        let events = proxy.vms[1].member.tick(&proxy.memory, TICK, NOW, (1, 7));
        proxy.vms[1].follow(events);
    }
    assert_eq!(proxy.polling(), [1]);
    let old = proxy.says.next(|_| ());
    proxy.say(|says| says.statement.n += 1);
    // Now comes the answer to the first poll, which is older.
    let (vm, memory) = (&mut proxy.vms[0], &proxy.memory);
    let events = vm.member.answered(memory, NOW, Ok(old.answer(None)));
    assert_eq!(events, Events::default());
    assert_eq!(vm.member.carried_out(memory, NOW).poll, None);
    assert_eq!(vm.standing(NOW.plus(30)), Err(Denial::GovernanceStale), "and not inconsistent");
}

#[test]
fn the_same_statement_again_and_again_does_not_stop_time() {
    let mut proxy = Proxy::started(1);
    proxy.clock = Seconds::new(NOW.get() - 3_600);
    for _ in 0..30 * 4 {
        proxy.tick();
        let again = proxy.says.answer(None);
        proxy.answer(&Ok(again));
    }
    assert_eq!(proxy.standings(), [Err(Denial::GovernanceStale)]);
}

#[test]
fn a_poll_waits_at_the_server_for_half_of_what_the_statement_still_holds() {
    let mut proxy = Proxy::started(1);
    let mut polls = Vec::new();
    for seconds in [1, 25, 28, 30, 90] {
        proxy.clock = NOW.plus(seconds);
        proxy.answer(&Err(PollFailure::NoAnswer));
        (0..4).for_each(|_| proxy.tick());
        let poll = proxy.vms[0].poll.clone().unwrap();
        polls.push(poll.split('&').find(|part| part.starts_with("wait=")).unwrap().to_owned());
    }
    assert_eq!(polls, ["wait=5000", "wait=2000", "wait=1000", "wait=0", "wait=0"]);
}

#[test]
fn a_member_that_leaves_is_not_waited_for() {
    let mut proxy = Proxy::started(2);
    let mut gone = proxy.vms.remove(1);
    gone.member.leave(&proxy.memory);
    proxy.say(|says| says.statement.posture = Posture::Restricted);
    let poll = proxy.vms[0].poll.clone().expect("it waits for nobody");
    assert!(poll.contains("?seq=11&"), "{poll}");
}
