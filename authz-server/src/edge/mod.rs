//! The edge: the protocols that proxies and operators speak with the server. It only translates, and knows nothing
//! about policies.

pub mod access_log;
mod address;
pub mod answer;
pub mod arrivals;
mod connections;
mod copied_writes;
pub mod ext_authz;
pub mod http;
pub mod listen;
pub mod peer;
pub mod proxy_identity;
pub mod serve;
pub mod tls;
