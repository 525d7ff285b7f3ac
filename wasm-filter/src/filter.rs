//! The two contexts that Envoy drives: the root, which holds the gate of this VM, and one for each request. May not
//! decide anything: it carries the request to the gate and the gate's word back.

use std::rc::Rc;

use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::{Action, ContextType},
};
use warrant::Denial;

use crate::{
    config::Config,
    gate::Gate,
    host::{self, NoAnswer, Proxy},
    refusal::Refusal,
    verify::HostVerifier,
};

type HostedGate = Gate<HostVerifier<Proxy>>;

/// One a VM. Without a gate it makes requests that are all denied: Envoy should not ask it for any.
#[derive(Debug, Default)]
pub(crate) struct Root {
    gate: Option<Rc<HostedGate>>,
}

#[derive(Debug)]
struct Request {
    gate: Option<Rc<HostedGate>>,
    passed: bool,
}

impl Context for Root {}

impl RootContext for Root {
    /// `false` makes Envoy refuse the plugin, which closes everything behind it.
    fn on_configure(&mut self, _size: usize) -> bool {
        self.gate = configured();
        self.gate.is_some()
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Request { gate: self.gate.clone(), passed: false }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

fn configured() -> Option<Rc<HostedGate>> {
    let Ok(written) = host::configuration() else {
        host::complain("portcullis gate: the proxy hands over no configuration");
        return None;
    };
    let Ok(seed) = host::nanoseconds() else {
        host::complain("portcullis gate: the proxy tells no time");
        return None;
    };
    match Config::parse(&written) {
        Ok(config) => {
            // Truncating keeps the part that changes fastest.
            let seed = u64::try_from(seed & u128::from(u64::MAX)).unwrap_or_default();
            Some(Rc::new(Gate::new(config, HostVerifier(Proxy), seed)))
        }
        Err(faults) => {
            let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
            host::complain(&format!("portcullis gate: the configuration is refused: {}", faults.join("; ")));
            None
        }
    }
}

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _headers: usize, _end: bool) -> Action {
        let refusal = match &self.gate {
            Some(gate) => admit(gate).err().map(|denial| gate.refusal(denial)),
            None => Some(Refusal::new(Denial::Internal, "", std::iter::empty())),
        };
        self.passed = refusal.is_none();
        if refusal.is_some_and(|refusal| host::answer(&refusal).is_err()) {
            host::complain("portcullis gate: the proxy takes no answer; the request stays where it is");
        }
        self.go_on()
    }

    // A body or trailers that may go on take the headers that were stopped with them.

    fn on_http_request_body(&mut self, _size: usize, _end: bool) -> Action {
        self.go_on()
    }

    fn on_http_request_trailers(&mut self, _trailers: usize) -> Action {
        self.go_on()
    }
}

impl Request {
    const fn go_on(&self) -> Action {
        if self.passed { Action::Continue } else { Action::Pause }
    }
}

fn admit(gate: &HostedGate) -> Result<(), Denial> {
    let internal = |NoAnswer| Denial::Internal;
    let headers = host::request_headers().map_err(internal)?;
    gate.admit(&headers, host::now().map_err(internal)?)
}
