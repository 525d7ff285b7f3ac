//! The contexts that Envoy drives: the root contexts of a VM, and an HTTP context for each request. They decide nothing: they
//! pass a request to the gate or the seal, and the answer to Envoy.

mod gate;
mod request;
mod root;
mod seal;
mod vm;

pub(crate) use root::FilterRootContext;

use warrant::{
    Denial,
    statement::{Held, Pins},
};

use crate::{denial_response::DenialResponse, envoy::NoAnswer};

/// The answer to a client. It names the issuers that are known.
fn response(denial: Denial, pins: &Pins, held: Option<&Held>) -> DenialResponse {
    let issuers = held.into_iter().flat_map(|held| held.rules().trust().issuers());
    DenialResponse::new(denial, &pins.audience, issuers.map(|issuer| issuer.iss.as_str()))
}

fn internal(NoAnswer: NoAnswer) -> Denial {
    Denial::Internal
}
