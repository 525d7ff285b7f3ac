//! What a VM holds of governance: the last statement that it took, and whether anything may be executed by it now.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use warrant::{
    Denial, Digest, Seconds, Verifier,
    statement::{FilterConfig, Held, NotTaken, Pins, Posture},
};

use super::{answers::ReadUpTo, time::TickTime};

/// What is held by all filters of a VM that have the same pins. No borrow is held across a call.
#[derive(Debug)]
pub(crate) struct Governance<V> {
    pins: Pins,
    pins_digest: Digest,
    verifier: V,
    held: RefCell<Option<HeldSince>>,
    /// Rises whenever something was taken.
    taken: Cell<u64>,
    /// How far the shared answers were read.
    read: Cell<ReadUpTo>,
    /// The server's last answer contradicted what is held.
    contradicted: Cell<bool>,
    time: TickTime,
}

#[derive(Clone, Debug)]
struct HeldSince {
    held: Rc<Held>,
    /// The earliest that it can have been when this was taken. It never falls, whatever the clock does.
    earliest: Seconds,
    /// When this was taken, by the ticks.
    since: Duration,
}

impl HeldSince {
    /// The earliest that it can be, by the ticks.
    fn earliest(&self, passed: Duration) -> Seconds {
        self.earliest.plus(passed.saturating_sub(self.since).as_secs())
    }
}

/// What is current at this moment.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    pub(crate) held: Rc<Held>,
    /// The later of the proxy's clock and the statement's time with the ticks since then.
    pub(crate) now: Seconds,
}

impl<V: Verifier> Governance<V> {
    pub(crate) fn new(config: &FilterConfig, verifier: V) -> Self {
        Self {
            pins: config.pins.clone(),
            pins_digest: config.pins_digest(),
            verifier,
            held: RefCell::default(),
            taken: Cell::default(),
            read: Cell::default(),
            contradicted: Cell::default(),
            time: TickTime::default(),
        }
    }

    pub(crate) const fn pins(&self) -> &Pins {
        &self.pins
    }

    /// Names what is pinned, and from where it is fetched.
    pub(crate) const fn pins_digest(&self) -> Digest {
        self.pins_digest
    }

    pub(crate) const fn time(&self) -> &TickTime {
        &self.time
    }

    pub(super) const fn read(&self) -> &Cell<ReadUpTo> {
        &self.read
    }

    /// How often something was taken.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.get()
    }

    /// What is held, current or not.
    pub(crate) fn held(&self) -> Option<Rc<Held>> {
        self.held_since().map(|since| since.held)
    }

    /// The time. `clock` is the proxy's.
    pub(crate) fn now(&self, clock: Seconds) -> Seconds {
        self.held_since().map_or(clock, |since| clock.max(since.earliest(self.time.passed())))
    }

    /// What is current. `clock` is the proxy's.
    ///
    /// # Errors
    /// The denial of everything.
    pub(crate) fn current(&self, clock: Seconds) -> Result<Current, Denial> {
        let Some(since) = self.held_since() else { return Err(Denial::GovernanceStale) };
        let (now, held) = (clock.max(since.earliest(self.time.passed())), since.held);
        if !held.is_current(now) {
            let contradicted = self.contradicted.get();
            return Err(if contradicted { Denial::GovernanceInconsistent } else { Denial::GovernanceStale });
        }
        if held.statement().posture == Posture::Halted {
            return Err(Denial::Halted);
        }
        Ok(Current { held, now })
    }

    /// Takes an answer of the server. If something else was taken since it was asked for, an older answer contradicts nothing.
    pub(crate) fn take_from_server(
        &self,
        answer: &[u8],
        clock: Seconds,
        is_first: bool,
    ) -> Result<(), NotTaken> {
        let taken = self.take(answer, clock);
        let contradicts = |why: &NotTaken| match why {
            NotTaken::RolledBack { .. } => is_first,
            NotTaken::Forked { .. }
            | NotTaken::OldOrigin(_)
            | NotTaken::OtherLog(_)
            | NotTaken::FromTheFuture { .. } => true,
            NotTaken::Malformed(_)
            | NotTaken::KeyNotPinned(_)
            | NotTaken::SignatureInvalid
            | NotTaken::OtherAudience(_)
            | NotTaken::LivesTooLong
            | NotTaken::NeedsAll(_)
            | NotTaken::OtherDigest(_) => false,
        };
        self.contradicted.set(taken.as_ref().is_err_and(contradicts));
        taken
    }

    /// Takes an answer, whoever wrote it down.
    pub(super) fn take(&self, answer: &[u8], clock: Seconds) -> Result<(), NotTaken> {
        let before = self.held_since();
        let passed = self.time.passed();
        let earliest = before.as_ref().map_or(Seconds::default(), |before| before.earliest(passed));
        let held_before = before.as_ref().map(|before| &*before.held);
        let held = Held::take(held_before, &self.pins, answer, clock.max(earliest), &self.verifier)?;
        if held_before.is_some_and(|before| before.statement() == held.statement()) {
            return Ok(()); // once more the same: it must not begin its time again
        }
        let iat = held.statement().iat;
        let (earliest, since) = match &before {
            // A part of a second that was counted already is not lost.
            Some(before) if iat <= earliest => (before.earliest, before.since),
            Some(_) | None => (iat, passed),
        };
        self.set(HeldSince { held: Rc::new(held), earliest, since });
        Ok(())
    }

    /// Takes over what another filter of this VM holds, if it was signed by a key that is pinned here too.
    pub(crate) fn take_over(&self, other: &Self) {
        let Some(before) = other.held_since() else { return };
        let same_log = (&self.pins.audience, &self.pins.log_name, &self.pins.origin)
            == (&other.pins.audience, &other.pins.log_name, &other.pins.origin);
        let is_newer = self.held().is_none_or(|own| {
            let (own, other) = (own.statement(), before.held.statement());
            (own.iat, own.n) < (other.iat, other.n)
        });
        if same_log && is_newer && before.held.is_by_pinned_key(&self.pins) {
            let earliest = before.earliest(other.time.passed());
            self.set(HeldSince { held: before.held, earliest, since: self.time.passed() });
        }
    }

    fn set(&self, held: HeldSince) {
        // There is one thread, and no borrow outlives its line.
        if let Ok(mut place) = self.held.try_borrow_mut() {
            *place = Some(held);
            self.taken.set(self.taken.get().saturating_add(1));
        }
    }

    fn held_since(&self) -> Option<HeldSince> {
        self.held.try_borrow().ok().and_then(|held| held.clone())
    }
}
