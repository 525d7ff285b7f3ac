//! The two contexts that Envoy drives: the root context with this VM's gate, and an HTTP context for each request.
//! They decide nothing: they pass a request to the gate, and the gate's answer to Envoy.

use std::rc::Rc;

use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::{Action, ContextType},
};
use warrant::Denial;

use crate::{
    config::GateConfig,
    denial_response::DenialResponse,
    envoy::{self, EnvoyHost, NoAnswer},
    gate::Gate,
    verifier::HostVerifier,
};

type HostedGate = Gate<HostVerifier<EnvoyHost>>;

/// The root context, one in each VM. Without a gate, it denies all requests; Envoy should not send it any.
#[derive(Debug, Default)]
pub(crate) struct GateRootContext {
    gate: Option<Rc<HostedGate>>,
}

/// The context of one request.
#[derive(Debug)]
struct GateHttpContext {
    gate: Option<Rc<HostedGate>>,
    passed: bool,
}

impl Context for GateRootContext {}

impl RootContext for GateRootContext {
    /// Returns `false` when there is no gate. Then Envoy refuses the plugin, and no request passes.
    fn on_configure(&mut self, _size: usize) -> bool {
        self.gate = configured();
        self.gate.is_some()
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(GateHttpContext { gate: self.gate.clone(), passed: false }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

fn configured() -> Option<Rc<HostedGate>> {
    let Ok(written) = envoy::configuration() else {
        envoy::log_error("portcullis gate: cannot read the configuration from the proxy");
        return None;
    };
    let Ok(seed) = envoy::nanoseconds() else {
        envoy::log_error("portcullis gate: cannot read the time from the proxy");
        return None;
    };
    match GateConfig::parse(&written) {
        Ok(config) => {
            // The low 64 bits are the part that changes fastest.
            let seed = u64::try_from(seed & u128::from(u64::MAX)).unwrap_or_default();
            Some(Rc::new(Gate::new(config, HostVerifier(EnvoyHost), seed)))
        }
        Err(faults) => {
            let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
            envoy::log_error(&format!(
                "portcullis gate: the configuration is not valid: {}",
                faults.join("; ")
            ));
            None
        }
    }
}

impl Context for GateHttpContext {}

impl HttpContext for GateHttpContext {
    fn on_http_request_headers(&mut self, _headers: usize, _end: bool) -> Action {
        let response = match &self.gate {
            Some(gate) => admit(gate).err().map(|denial| gate.denial_response(denial)),
            None => Some(DenialResponse::new(Denial::Internal, "", std::iter::empty())),
        };
        self.passed = response.is_none();
        if response.is_some_and(|response| envoy::send_response(&response).is_err()) {
            envoy::log_error(
                "portcullis gate: the proxy did not accept the denial; the request is stopped without an answer",
            );
        }
        self.action()
    }

    // If the body or trailers of a stopped request could continue, its headers would continue with them.

    fn on_http_request_body(&mut self, _size: usize, _end: bool) -> Action {
        self.action()
    }

    fn on_http_request_trailers(&mut self, _trailers: usize) -> Action {
        self.action()
    }
}

impl GateHttpContext {
    const fn action(&self) -> Action {
        if self.passed { Action::Continue } else { Action::Pause }
    }
}

fn admit(gate: &HostedGate) -> Result<(), Denial> {
    let internal = |NoAnswer| Denial::Internal;
    let headers = envoy::request_headers().map_err(internal)?;
    gate.admit(&headers, envoy::now().map_err(internal)?)
}
