//! The root context of a configured filter: gate or seal. A VM has one for each of them.

use std::{rc::Rc, time::Duration};

use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::{Action, ContextType},
};
use warrant::Denial;

use super::{
    Passage,
    gate::{GateHttpContext, HostedGate},
    seal::{HostedSeal, SealHttpContext},
};
use crate::{
    config::FilterConfig,
    denial_response::DenialResponse,
    envoy::{self, EnvoyHost},
    gate::Gate,
    verifier::HostVerifier,
};

/// How often the seal looks for streams whose time is over.
const TICK: Duration = Duration::from_millis(250);
/// The next look when there were more of them than are ended at once.
const NEXT: Duration = Duration::from_millis(1);

/// The root context. Without a configuration, it denies all requests; Envoy should not send it any.
#[derive(Debug)]
pub(crate) struct FilterRootContext {
    id: u32,
    filter: Filter,
    tick: Duration,
}

#[derive(Debug)]
enum Filter {
    None,
    Gate(Rc<HostedGate>),
    Seal(Rc<HostedSeal>),
}

impl FilterRootContext {
    pub(crate) const fn new(id: u32) -> Self {
        Self { id, filter: Filter::None, tick: Duration::ZERO }
    }

    fn tick_every(&mut self, tick: Duration) -> bool {
        if self.tick == tick {
            return true;
        }
        self.tick = tick;
        envoy::tick_every(tick).is_ok()
    }
}

impl Context for FilterRootContext {}

impl RootContext for FilterRootContext {
    /// Returns `false` when there is no filter. Then Envoy refuses the plugin, and no request passes.
    fn on_configure(&mut self, _size: usize) -> bool {
        self.filter = configured();
        match self.filter {
            Filter::None => false,
            Filter::Gate(_) => true,
            Filter::Seal(_) => {
                let ticks = self.tick_every(TICK);
                if !ticks {
                    envoy::log_error("portcullis seal: the proxy does not tick, so no stream could be ended");
                }
                ticks
            }
        }
    }

    fn on_tick(&mut self) {
        let Filter::Seal(seal) = &self.filter else { return };
        let Ok(now) = envoy::now() else { return };
        let more = seal.end_expired(self.id, now);
        if !self.tick_every(if more { NEXT } else { TICK }) {
            envoy::log_error("portcullis seal: the proxy did not take the time of the next tick");
        }
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(match &self.filter {
            Filter::None => Box::new(ClosedHttpContext),
            Filter::Gate(gate) => Box::new(GateHttpContext::new(Rc::clone(gate))),
            Filter::Seal(seal) => Box::new(SealHttpContext::new(id, Rc::clone(seal))),
        })
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

fn configured() -> Filter {
    let Ok(written) = envoy::configuration() else {
        envoy::log_error("portcullis: cannot read the configuration from the proxy");
        return Filter::None;
    };
    let Ok(seed) = envoy::nanoseconds() else {
        envoy::log_error("portcullis: cannot read the time from the proxy");
        return Filter::None;
    };
    match FilterConfig::parse(&written) {
        Ok(FilterConfig::Gate(config)) => {
            // The low 64 bits are the part that changes fastest.
            let seed = u64::try_from(seed & u128::from(u64::MAX)).unwrap_or_default();
            Filter::Gate(Rc::new(Gate::new(config, HostVerifier(EnvoyHost), seed)))
        }
        Ok(FilterConfig::Seal(config)) => Filter::Seal(Rc::new(HostedSeal::new(config))),
        Err(faults) => {
            let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
            envoy::log_error(&format!("portcullis: the configuration is not valid: {}", faults.join("; ")));
            Filter::None
        }
    }
}

/// The context of a request to a filter without a configuration.
#[derive(Debug)]
struct ClosedHttpContext;

impl Context for ClosedHttpContext {}

impl HttpContext for ClosedHttpContext {
    fn on_http_request_headers(&mut self, _headers: usize, _end: bool) -> Action {
        Passage::default().deny("gate", &DenialResponse::new(Denial::Internal, "", std::iter::empty()))
    }

    fn on_http_request_body(&mut self, _size: usize, _end: bool) -> Action {
        Action::Pause
    }

    fn on_http_request_trailers(&mut self, _trailers: usize) -> Action {
        Action::Pause
    }
}
