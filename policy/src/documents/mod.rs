//! The documents that platform teams write, as typed values: one module per kind.
//!
//! Each document is read on its own, as far as it can be read (`parts`). `assembly` checks what depends on another
//! document (grounds, aliases, groups, defaults).

pub(crate) mod arguments;
pub(crate) mod attestors;
pub(crate) mod body_limit;
pub(crate) mod caller_issuers;
pub(crate) mod callers;
pub(crate) mod files;
pub(crate) mod grants;
pub(crate) mod groups;
pub(crate) mod identities;
pub(crate) mod issuance;
pub(crate) mod issuance_tests;
mod kind;
pub(crate) mod matches;
pub(crate) mod mesh;
pub(crate) mod numbered;
pub(crate) mod operator_tests;
pub(crate) mod operators;
pub(crate) mod parts;
mod posture;
pub(crate) mod proxies;
pub(crate) mod proxy_terms;
pub(crate) mod require;
pub(crate) mod route;
pub(crate) mod route_tests;
pub(crate) mod scalars;
pub(crate) mod situation;
pub(crate) mod stream_limit;
pub(crate) mod subject_issuers;
pub(crate) mod subject_name;
pub(crate) mod teams;
pub(crate) mod times;
pub(crate) mod ungoverned;

pub use posture::Posture;
