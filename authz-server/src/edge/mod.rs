//! The edge: what the world speaks to. It translates and nothing else; no policy detail is known here.

pub mod access_log;
mod address;
pub mod answer;
pub mod ext_authz;
pub mod http;
pub mod listen;
mod serve;
