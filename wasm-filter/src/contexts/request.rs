//! The context of a request. There is one type for both positions, because each type costs the module the whole table of the SDK's
//! methods.

use std::rc::Rc;

use proxy_wasm::{
    traits::{Context, HttpContext},
    types::Action,
};
use warrant::{
    Denial,
    problem::{self, DENIAL_HEADER},
};

use super::{gate::HostedGate, internal, response, seal::HostedSeal};
use crate::{denial_response::DenialResponse, envoy, live_streams::StreamId};

/// The filter of a root context, for its requests.
#[derive(Clone, Debug)]
pub(super) enum Hosted {
    /// It has no configuration. Envoy should not send it any request.
    Closed,
    Gate(Rc<HostedGate>),
    Seal(Rc<HostedSeal>),
}

impl Hosted {
    pub(super) const fn position(&self) -> &'static str {
        match self {
            Self::Closed | Self::Gate(_) => "gate",
            Self::Seal(_) => "seal",
        }
    }

    fn admit(&self, id: StreamId) -> Result<(), Denial> {
        let clock = envoy::now().map_err(internal)?;
        match self {
            Self::Closed => Err(Denial::Internal),
            Self::Gate(gate) => gate.admit(clock),
            Self::Seal(seal) => seal.admit(id, clock),
        }
    }

    /// Only the gate names the issuers: the seal denies nobody who could do something about it.
    fn response(&self, denial: Denial) -> DenialResponse {
        match self {
            Self::Closed => DenialResponse::new(denial, "", std::iter::empty()),
            Self::Gate(gate) => {
                let held = gate.governance.held();
                response(denial, gate.governance.pins(), held.as_deref()).leading_to(|| {
                    let page = held.as_deref()?.rules().resource_page()?;
                    let [scheme, authority] = [":scheme", ":authority"].map(envoy::request_header);
                    problem::resource_metadata(page, &scheme?, &authority?)
                })
            }
            Self::Seal(seal) => response(denial, seal.governance.pins(), None),
        }
    }
}

/// One request. Until it passes, nothing of it goes on: if the body or the trailers of a stopped request could go on, its headers
/// would go on with them.
#[derive(Debug)]
pub(super) struct RequestContext {
    id: StreamId,
    filter: Hosted,
    passed: bool,
}

impl RequestContext {
    pub(super) const fn new(id: StreamId, filter: Hosted) -> Self {
        Self { id, filter, passed: false }
    }

    const fn action(&self) -> Action {
        if self.passed { Action::Continue } else { Action::Pause }
    }

    /// Answers the request instead.
    fn deny(&self, response: &DenialResponse) {
        let position = self.filter.position();
        envoy::count(&format!("portcullis_{position}_denied_{}", response.denial().code().replace('-', "_")));
        if envoy::send_response(response).is_err() {
            envoy::log_error(&format!(
                "portcullis {position}: the proxy did not accept the denial; the request is stopped without an answer"
            ));
        }
    }
}

impl Context for RequestContext {
    fn on_done(&mut self) -> bool {
        if let Hosted::Seal(seal) = &self.filter {
            seal.remove(self.id);
        }
        true
    }
}

impl HttpContext for RequestContext {
    fn on_http_request_headers(&mut self, _headers: usize, _end: bool) -> Action {
        match self.filter.admit(self.id) {
            Ok(()) => {
                self.passed = true;
                envoy::count(match self.filter.position() {
                    "seal" => "portcullis_seal_passed",
                    _ => "portcullis_gate_passed",
                });
            }
            Err(denial) => self.deny(&self.filter.response(denial)),
        }
        self.action()
    }

    /// Only Portcullis says that a request was denied. From an upstream it would make an executed request look denied.
    fn on_http_response_headers(&mut self, _headers: usize, _end: bool) -> Action {
        if let Hosted::Seal(seal) = &self.filter
            && seal.runs(self.id)
        {
            envoy::remove_response_header(DENIAL_HEADER);
        }
        Action::Continue
    }

    fn on_http_request_body(&mut self, _size: usize, _end: bool) -> Action {
        self.action()
    }

    fn on_http_request_trailers(&mut self, _trailers: usize) -> Action {
        self.action()
    }
}
