//! Tests of the crate, from files to an answer. `fixture` has a small valid bundle; each test changes one thing in it.

mod all_at_once;
mod arguments;
mod bundles;
mod cures;
mod deciding;
mod documents;
mod editor;
mod explaining;
pub(crate) mod fixture;
mod hostile;
mod limits;
mod mesh;
mod messages;
mod notes;
mod operators;
mod orders;
mod permuted;
mod policies;
mod readers;
mod requirements;
mod route_tests;
mod scale;
mod tenancy;
mod ungoverned;
mod view;
mod warnings;
mod yaml;
