//! What the policy promises, from files to an answer. A small sound bundle is in `fixture`; each test changes one thing of it.

mod arguments;
mod bundles;
mod deciding;
mod documents;
mod editor;
mod explaining;
pub(crate) mod fixture;
mod hostile;
mod limits;
mod notes;
mod orders;
mod permuted;
mod policies;
mod readers;
mod requirements;
mod route_tests;
mod scale;
mod showing;
mod tenancy;
mod ungoverned;
mod warnings;
mod yaml;
