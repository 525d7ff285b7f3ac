//! The position `gate` inside the proxy.

use std::rc::Rc;

use warrant::{Denial, Seconds};

use super::{internal, vm::HostedGovernance};
use crate::{
    envoy::{self, EnvoyHost},
    gate::{Gate, Governed},
    governance::Current,
    verifier::HostVerifier,
};

/// A gate with what it holds.
#[derive(Debug)]
pub(super) struct HostedGate {
    gate: Gate<HostVerifier<EnvoyHost>>,
    pub(super) governance: Rc<HostedGovernance>,
}

impl HostedGate {
    pub(super) fn new(governance: Rc<HostedGovernance>, seed: u64) -> Self {
        Self { gate: Gate::new(HostVerifier(EnvoyHost), seed), governance }
    }

    pub(super) fn admit(&self, clock: Seconds) -> Result<(), Denial> {
        let Current { held, now } = self.governance.current(clock)?;
        // Before the server was asked, nobody may have said what it answered.
        if envoy::has_an_answer_of_the_server().map_err(internal)? {
            return Err(Denial::RequestAmbiguous);
        }
        let headers = envoy::request_headers().map_err(internal)?;
        self.gate.admit(&headers, Governed { held: &held, now }, envoy::client)
    }
}
