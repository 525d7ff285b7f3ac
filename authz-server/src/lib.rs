//! The court: the ext_authz server, its authority and its command line, in one binary.
//!
//! `gateway` is the one path of a decision; `decision` judges, purely; `policy` is what teams write; `record` is a decision as
//! the ledger keeps it, and back; `facts` is what is known beside the request; `outcomes` is what the proxies say became of it;
//! `fetch` gets files by HTTP(S); `edge` translates to and from the world; `cli` is one file a command.

pub mod bundle_news;
pub mod candidate;
pub mod cli;
pub mod clock;
pub mod config;
pub mod decision;
pub mod edge;
pub mod facts;
pub mod fetch;
pub mod gateway;
pub mod keys;
pub mod metrics;
pub mod outcomes;
pub mod policy;
pub mod policy_in_force;
pub mod readiness;
pub mod record;
pub mod server;
pub mod witness_news;
