//! The gate: refuses inside the proxy what can be known to be bad without asking anyone.
//!
//! It lets pass what it has no fault to find with, and that is no permission: the server judges everything again.
//! What a warrant is and when it holds is said by the crate `warrant`; how a host is called, only by `host`.

mod cache;
mod config;
mod filter;
mod gate;
mod host;
mod hosts;
mod parts;
mod refusal;
#[cfg(test)]
mod testing;
mod verify;

pub use config::{Config, Fault};
pub use gate::Gate;
pub use parts::{Header, Parts};
pub use refusal::Refusal;
pub use verify::{Answer, HostCurves, HostVerifier};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(filter::Root::default()));
}}
