//! The position `seal` inside the proxy, and the streams of a root context that run.

use std::{cell::RefCell, rc::Rc};

use warrant::{Denial, Seconds, statement::Held};

use super::{
    internal, response,
    vm::{self, HostedGovernance},
};
use crate::{
    envoy,
    gate::Governed,
    governance::Current,
    live_streams::{LiveStream, LiveStreams, StreamId},
    seal,
};

/// So many streams are ended in one callback at most. The proxy ends them one inside the other, and its stack is finite.
const ENDED_AT_ONCE: usize = 64;

const LIVE_STREAMS: &str = "portcullis_seal_live_streams";

/// A seal with its live streams. No borrow of them is held while the proxy is called: it may call back at once.
#[derive(Debug)]
pub(super) struct HostedSeal {
    pub(super) governance: Rc<HostedGovernance>,
    live: RefCell<LiveStreams>,
    /// What was held when the live streams were looked through last.
    seen: RefCell<Option<Rc<Held>>>,
}

impl HostedSeal {
    pub(super) fn new(governance: Rc<HostedGovernance>) -> Self {
        Self { governance, live: RefCell::default(), seen: RefCell::default() }
    }

    pub(super) fn admit(&self, id: StreamId, clock: Seconds) -> Result<(), Denial> {
        let Current { held, now } = self.governance.current(clock)?;
        let stamp = envoy::stamp().map_err(internal)?;
        let headers = envoy::request_headers().map_err(internal)?;
        let stream = seal::admit(stamp.as_deref(), &headers, Governed { held: &held, now })?;
        // The streams that run are compared with what was held before. This one is compared with what is held now.
        self.look(&held);
        self.insert(id, stream)
    }

    /// Finds the streams that may not go on by what is held, if that is new.
    fn look(&self, held: &Rc<Held>) {
        let before = self.seen.try_borrow().ok().and_then(|seen| seen.clone());
        if before.as_ref().is_some_and(|before| Rc::ptr_eq(before, held)) {
            return;
        }
        let looked = self.change(|live| live.look_through(held, before.as_deref()));
        if let (Some(()), Ok(mut seen)) = (looked, self.seen.try_borrow_mut()) {
            *seen = Some(Rc::clone(held));
        }
    }

    fn insert(&self, id: StreamId, stream: LiveStream) -> Result<(), Denial> {
        // A decision admits one stream. With two seals in a chain, each would end the stream, and the second end would crash
        // the proxy.
        let decision = stream.decision;
        if !vm::begin(decision) {
            return Err(Denial::Ungoverned);
        }
        let inserted = self.insert_begun(id, stream);
        if inserted.is_err() {
            vm::end(decision);
        }
        inserted
    }

    fn insert_begun(&self, id: StreamId, stream: LiveStream) -> Result<(), Denial> {
        match self.change(|live| live.insert(id, stream)) {
            Some(true) => {
                envoy::add(LIVE_STREAMS, 1);
                Ok(())
            }
            Some(false) => Err(Denial::Overloaded),
            None => Err(Denial::Internal),
        }
    }

    pub(super) fn remove(&self, id: StreamId) {
        if let Some(stream) = self.change(|live| live.remove(id)).flatten() {
            envoy::add(LIVE_STREAMS, -1);
            vm::end(stream.decision);
        }
    }

    /// Whether this stream passed, and was not ended.
    pub(super) fn runs(&self, id: StreamId) -> bool {
        self.live.try_borrow().is_ok_and(|live| live.holds(id))
    }

    /// Nobody else can hold the borrow: this module has one thread, and none is held across a call to the proxy.
    fn change<T>(&self, change: impl FnOnce(&mut LiveStreams) -> T) -> Option<T> {
        self.live.try_borrow_mut().ok().map(|mut live| change(&mut live))
    }

    /// Ends streams that may not go on. Returns whether there are more of them. `root` is the root context's number.
    pub(super) fn end_due(&self, root: u32, clock: Seconds) -> bool {
        let ending = match self.governance.current(clock) {
            Err(denial) => self.change(|live| live.take_any(denial, ENDED_AT_ONCE)),
            Ok(Current { held, now }) => {
                self.look(&held);
                self.change(|live| live.take_due(now, ENDED_AT_ONCE))
            }
        };
        let ending = ending.unwrap_or_default();
        for stream in &ending {
            envoy::add(LIVE_STREAMS, -1);
            vm::end(stream.decision);
            // Each stream was removed before: two actions on one stream would crash the proxy.
            let response = response(stream.denial, self.governance.pins(), None);
            if envoy::end_stream(stream.id, &response).is_ok() {
                envoy::count(&format!("portcullis_seal_ended_{}", stream.denial.code().replace('-', "_")));
            } else {
                envoy::count("portcullis_seal_not_ended");
                envoy::log_error("portcullis seal: the proxy did not end a stream that may not go on");
            }
        }
        if !ending.is_empty() {
            envoy::return_to(root);
        }
        ending.len() == ENDED_AT_ONCE
    }
}
