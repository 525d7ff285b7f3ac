//! The root context of a configured filter: gate or seal. A VM has one for each of them. It drives everything that happens apart
//! from requests: fetching statements, and ending streams.

use std::{rc::Rc, time::Duration};

use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::ContextType,
};
use warrant::{
    Seconds,
    statement::{FilterConfig, Position},
};

use super::{
    gate::HostedGate,
    request::{Hosted, RequestContext},
    seal::HostedSeal,
    vm::{self, HostedGovernance},
};
use crate::{
    envoy::{self, EnvoyHost},
    governance::{Events, Member},
    verifier::HostVerifier,
};

/// How often a root context ticks.
const TICK: Duration = Duration::from_millis(250);
/// The first tick, and the next one when there were more streams to end than are ended at once.
const SOON: Duration = Duration::from_millis(1);

/// The digest of the sources that this module was built from.
const MODULE: &str = env!("PORTCULLIS_MODULE");

/// The root context. Without a configuration, it denies all requests; Envoy should not send it any.
#[derive(Debug)]
pub(crate) struct FilterRootContext {
    id: u32,
    filter: Option<Filter>,
    tick: Duration,
}

#[derive(Debug)]
struct Filter {
    position: Hosted,
    governance: Rc<HostedGovernance>,
    member: Member<HostVerifier<EnvoyHost>>,
    cluster: Box<str>,
    /// The poll that waits for its answer.
    call: Option<u32>,
    /// Whether there was a current statement when this was looked at last.
    was_current: bool,
}

impl FilterRootContext {
    pub(crate) const fn new(id: u32) -> Self {
        Self { id, filter: None, tick: Duration::ZERO }
    }

    fn tick_every(&mut self, tick: Duration) -> bool {
        if self.tick == tick {
            return true;
        }
        self.tick = tick;
        envoy::tick_every(tick).is_ok()
    }

    /// Does what a call left to do, ends streams that may not go on, and sets the time of the next tick.
    fn follow(&mut self, events: impl FnOnce(&mut Filter, Seconds) -> Events) {
        let Some(filter) = &mut self.filter else { return };
        let Ok(clock) = envoy::now() else { return };
        let events = events(filter, clock);
        filter.follow(events);
        let more = match &filter.position {
            Hosted::Closed | Hosted::Gate(_) => false,
            Hosted::Seal(seal) => seal.end_due(self.id, clock),
        };
        if !more {
            let events = filter.member.carried_out(&EnvoyHost, clock);
            filter.follow(events);
        }
        filter.show(clock);
        envoy::tell_metrics();
        if !self.tick_every(if more { SOON } else { TICK }) {
            envoy::log_error("portcullis: the proxy did not take the time of the next tick");
        }
    }
}

impl Filter {
    fn new(config: &FilterConfig, seed: u64) -> Self {
        let governance = vm::governance(config);
        let position = match config.position {
            Position::Gate => Hosted::Gate(Rc::new(HostedGate::new(Rc::clone(&governance), seed))),
            Position::Seal => Hosted::Seal(Rc::new(HostedSeal::new(Rc::clone(&governance)))),
        };
        Self {
            position,
            member: Member::new(Rc::clone(&governance), MODULE),
            governance,
            cluster: config.cluster.clone(),
            call: None,
            was_current: false,
        }
    }

    fn follow(&mut self, Events { poll, line }: Events) {
        let not_sent = poll.and_then(|poll| match envoy::call(&self.cluster, &poll.path, poll.timeout) {
            Ok(call) => {
                self.call = Some(call);
                None
            }
            Err(envoy::NoAnswer) => self.member.not_sent(),
        });
        for line in line.into_iter().chain(not_sent) {
            envoy::log_warning(&format!("portcullis: {line}"));
        }
    }

    /// Shows in Envoy's statistics what is held.
    fn show(&mut self, clock: Seconds) {
        let position = self.position.position();
        let current = self.governance.current(clock);
        if current.is_ok() != self.was_current {
            self.was_current = current.is_ok();
            let word = if self.was_current { "current" } else { "stopped" };
            envoy::count(&format!("portcullis_{position}_became_{word}"));
        }
        if let Some(held) = self.governance.held() {
            let statement = held.statement();
            envoy::gauge("portcullis_statement_seq", statement.seq);
            envoy::gauge("portcullis_statement_judged", statement.judged);
            envoy::gauge("portcullis_statement_iat", statement.iat.get());
            envoy::gauge(
                "portcullis_statement_revocations",
                u64::try_from(held.revocations().len()).unwrap_or(u64::MAX),
            );
        }
    }
}

/// The proxy deletes a root context whose configuration was replaced when its last stream has ended.
impl Drop for Filter {
    fn drop(&mut self) {
        self.member.leave(&EnvoyHost);
        envoy::tell_metrics();
    }
}

impl Context for FilterRootContext {
    fn on_http_call_response(&mut self, call: u32, headers: usize, body: usize, _trailers: usize) {
        self.follow(|filter, clock| {
            if filter.call != Some(call) {
                return Events::default();
            }
            filter.call = None;
            filter.member.answered(&EnvoyHost, clock, envoy::answer(headers, body))
        });
    }
}

impl RootContext for FilterRootContext {
    /// Returns `false` when there is no filter. Then Envoy refuses the plugin, and no request passes. Envoy also calls this in a VM
    /// that only tries the configuration, on its main thread and before any worker has it. So the run has its name before several
    /// threads tick, and nothing else that others could see happens here.
    fn on_configure(&mut self, _size: usize) -> bool {
        self.filter = configured();
        let Some(filter) = &self.filter else { return false };
        filter.member.name_run(&EnvoyHost, envoy::nanoseconds().unwrap_or_default());
        let ticks = self.tick_every(SOON);
        if !ticks {
            envoy::log_error("portcullis: the proxy does not tick, so no statement could be fetched");
        }
        ticks
    }

    fn on_tick(&mut self) {
        let (id, interval) = (self.id, self.tick);
        self.follow(|filter, clock| {
            let nanoseconds = envoy::nanoseconds().unwrap_or_default();
            filter.member.tick(&EnvoyHost, interval, clock, (id, nanoseconds))
        });
    }

    fn on_queue_ready(&mut self, queue: u32) {
        envoy::empty_queue(queue);
        self.follow(|filter, clock| {
            filter.member.woken(&EnvoyHost, clock);
            Events::default()
        });
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        let filter = self.filter.as_ref().map_or(Hosted::Closed, |filter| filter.position.clone());
        Some(Box::new(RequestContext::new(id, filter)))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

fn configured() -> Option<Filter> {
    let Ok(written) = envoy::configuration() else {
        envoy::log_error("portcullis: cannot read the configuration from the proxy");
        return None;
    };
    let Ok(seed) = envoy::nanoseconds() else {
        envoy::log_error("portcullis: cannot read the time from the proxy");
        return None;
    };
    match FilterConfig::parse(&written) {
        Ok(config) => {
            // The low 64 bits are the part that changes fastest.
            let seed = u64::try_from(seed & u128::from(u64::MAX)).unwrap_or_default();
            Some(Filter::new(&config, seed))
        }
        Err(faults) => {
            let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
            envoy::log_error(&format!("portcullis: the configuration is not valid: {}", faults.join("; ")));
            None
        }
    }
}
