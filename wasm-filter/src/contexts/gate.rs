//! The context of a request in the position `gate`.

use std::rc::Rc;

use proxy_wasm::{
    traits::{Context, HttpContext},
    types::Action,
};
use warrant::Denial;

use super::{Passage, internal};
use crate::{
    envoy::{self, EnvoyHost},
    gate::Gate,
    verifier::HostVerifier,
};

pub(super) type HostedGate = Gate<HostVerifier<EnvoyHost>>;

#[derive(Debug)]
pub(super) struct GateHttpContext {
    gate: Rc<HostedGate>,
    passage: Passage,
}

impl GateHttpContext {
    pub(super) fn new(gate: Rc<HostedGate>) -> Self {
        Self { gate, passage: Passage::default() }
    }

    fn admit(&self) -> Result<(), Denial> {
        // Before the server was asked, nobody may have said what it answered.
        if envoy::has_an_answer_of_the_server().map_err(internal)? {
            return Err(Denial::RequestAmbiguous);
        }
        let headers = envoy::request_headers().map_err(internal)?;
        self.gate.admit(&headers, envoy::now().map_err(internal)?)
    }
}

impl Context for GateHttpContext {}

impl HttpContext for GateHttpContext {
    fn on_http_request_headers(&mut self, _headers: usize, _end: bool) -> Action {
        match self.admit() {
            Ok(()) => {
                envoy::count("portcullis_gate_passed");
                self.passage.open()
            }
            Err(denial) => self.passage.deny("gate", &self.gate.denial_response(denial)),
        }
    }

    fn on_http_request_body(&mut self, _size: usize, _end: bool) -> Action {
        self.passage.action()
    }

    fn on_http_request_trailers(&mut self, _trailers: usize) -> Action {
        self.passage.action()
    }
}
