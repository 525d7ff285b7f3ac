//! The filter, in two positions. The *gate* runs before the server is asked, and denies bad requests inside the proxy. The *seal*
//! runs behind the server's answer: it lets a request pass only with the stamp of its own decision, and ends streams when their
//! time is over or their decision does not hold any more. Both deny everything without a current statement of the server.
//!
//! A request that passes the gate is not allowed yet: the server judges every request again. The crate `warrant` says
//! what a warrant is and when it holds, and what a statement says. Only the module `envoy` calls the proxy.

mod cache;
mod contexts;
mod denial_response;
mod envoy;
mod gate;
mod governance;
mod live_streams;
mod new_chains;
mod request_head;
pub mod seal;
#[cfg(test)]
mod testing;
mod verifier;

pub use denial_response::DenialResponse;
pub use gate::{Gate, Governed};
pub use live_streams::{EndingStream, LIVE_AT_MOST, LiveStream, LiveStreams, StreamId};
pub use request_head::{Header, RequestHead};
pub use verifier::{HostAnswer, HostCurves, HostVerifier};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|id| Box::new(contexts::FilterRootContext::new(id)));
}}
