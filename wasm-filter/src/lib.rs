//! The gate: a filter that denies bad requests inside the proxy, without asking the server.
//!
//! A request that passes the gate is not allowed yet: the server judges every request again. The crate `warrant` says
//! what a warrant is and when it holds. Only the module `envoy` calls the proxy.

mod cache;
mod config;
mod contexts;
mod denial_response;
mod envoy;
mod gate;
mod request_head;
mod served_hosts;
#[cfg(test)]
mod testing;
mod verifier;

pub use config::{ConfigFault, GateConfig};
pub use denial_response::DenialResponse;
pub use gate::Gate;
pub use request_head::{Header, RequestHead};
pub use verifier::{HostAnswer, HostCurves, HostVerifier};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(contexts::GateRootContext::default()));
}}
