//! The documents that platform teams write, as typed values: one file a kind.
//!
//! A document is read alone: what depends on another document (grounds, aliases, groups, defaults) is the assembly's.

pub(crate) mod arguments;
pub(crate) mod callers;
pub(crate) mod files;
pub(crate) mod groups;
pub(crate) mod identities;
mod kind;
pub(crate) mod matches;
pub(crate) mod mesh;
mod posture;
pub(crate) mod proxies;
pub(crate) mod require;
pub(crate) mod route;
pub(crate) mod route_tests;
pub(crate) mod situation;
pub(crate) mod teams;
pub(crate) mod ungoverned;
pub(crate) mod words;

pub use posture::Posture;
