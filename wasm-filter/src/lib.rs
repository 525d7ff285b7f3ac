//! The filter, in two positions. The *gate* runs before the server is asked, and denies bad requests inside the proxy. The *seal*
//! runs behind the server's answer: it lets a request pass only with the stamp of its own decision, and ends streams when their
//! time is over.
//!
//! A request that passes the gate is not allowed yet: the server judges every request again. The crate `warrant` says
//! what a warrant is and when it holds. Only the module `envoy` calls the proxy.

mod cache;
mod config;
mod contexts;
mod denial_response;
mod envoy;
mod gate;
mod live_streams;
mod request_head;
pub mod seal;
mod served_hosts;
#[cfg(test)]
mod testing;
mod verifier;

pub use config::{ConfigFault, FilterConfig, GateConfig, SealConfig};
pub use denial_response::DenialResponse;
pub use gate::Gate;
pub use live_streams::{LiveStream, LiveStreams, StreamId};
pub use request_head::{Header, RequestHead};
pub use verifier::{HostAnswer, HostCurves, HostVerifier};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|id| Box::new(contexts::FilterRootContext::new(id)));
}}
