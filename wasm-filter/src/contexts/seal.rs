//! The context of a request in the position `seal`, and the streams of a root context that run.

use std::{cell::RefCell, rc::Rc};

use proxy_wasm::{
    traits::{Context, HttpContext},
    types::Action,
};
use warrant::{Denial, Seconds};

use super::{Passage, internal};
use crate::{
    config::SealConfig,
    denial_response::DenialResponse,
    envoy,
    live_streams::{LiveStream, LiveStreams, StreamId},
    seal,
};

/// So many streams are ended in one callback at most. The proxy ends them one inside the other, and its stack is finite.
const ENDED_AT_ONCE: usize = 64;

/// A seal with its live streams. No borrow of them is held while the proxy is called: it may call back at once.
#[derive(Debug)]
pub(super) struct HostedSeal {
    config: SealConfig,
    live: RefCell<LiveStreams>,
}

impl HostedSeal {
    pub(super) fn new(config: SealConfig) -> Self {
        Self { config, live: RefCell::default() }
    }

    fn response(&self, denial: Denial) -> DenialResponse {
        DenialResponse::new(denial, &self.config.audience, std::iter::empty())
    }

    fn insert(&self, id: StreamId, stream: LiveStream) {
        self.change(|live| live.insert(id, stream));
    }

    fn remove(&self, id: StreamId) {
        self.change(|live| drop(live.remove(id)));
    }

    /// Nobody else can hold the borrow: this module has one thread, and none is held across a call to the proxy.
    fn change<T: Default>(&self, change: impl FnOnce(&mut LiveStreams) -> T) -> T {
        let (changed, count) = match self.live.try_borrow_mut() {
            Ok(mut live) => (change(&mut live), live.len()),
            Err(_) => return T::default(),
        };
        envoy::gauge("portcullis_seal_live_streams", count);
        changed
    }

    /// Ends the streams whose time is over. Returns whether there are more of them. `root` is the root context's number.
    pub(super) fn end_expired(&self, root: u32, now: Seconds) -> bool {
        let over = self.change(|live| live.take_expired(now, ENDED_AT_ONCE));
        for (id, stream) in &over {
            // Each stream was removed before: two actions on one stream would crash the proxy.
            if envoy::end_stream(*id, &self.response(Denial::Expired)).is_ok() {
                envoy::count("portcullis_seal_ended_expired");
            } else {
                envoy::log_error(&format!(
                    "portcullis seal: the proxy did not end the stream of decision {}, whose time is over",
                    stream.decision
                ));
            }
        }
        if !over.is_empty() {
            envoy::return_to(root);
        }
        over.len() == ENDED_AT_ONCE
    }
}

/// The context of one request.
#[derive(Debug)]
pub(super) struct SealHttpContext {
    id: StreamId,
    seal: Rc<HostedSeal>,
    passage: Passage,
}

impl SealHttpContext {
    pub(super) fn new(id: StreamId, seal: Rc<HostedSeal>) -> Self {
        Self { id, seal, passage: Passage::default() }
    }

    fn admit() -> Result<LiveStream, Denial> {
        let stamp = envoy::stamp().map_err(internal)?;
        let headers = envoy::request_headers().map_err(internal)?;
        seal::admit(stamp.as_deref(), &headers, envoy::now().map_err(internal)?)
    }
}

impl Context for SealHttpContext {
    fn on_done(&mut self) -> bool {
        self.seal.remove(self.id);
        true
    }
}

impl HttpContext for SealHttpContext {
    fn on_http_request_headers(&mut self, _headers: usize, _end: bool) -> Action {
        match Self::admit() {
            Ok(stream) => {
                self.seal.insert(self.id, stream);
                envoy::count("portcullis_seal_passed");
                self.passage.open()
            }
            Err(denial) => self.passage.deny("seal", &self.seal.response(denial)),
        }
    }

    fn on_http_request_body(&mut self, _size: usize, _end: bool) -> Action {
        self.passage.action()
    }

    fn on_http_request_trailers(&mut self, _trailers: usize) -> Action {
        self.passage.action()
    }
}
