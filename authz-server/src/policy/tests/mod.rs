//! What the policy promises, from files to an answer. A small sound bundle is in `fixture`; each test changes one thing of it.

mod bundles;
mod deciding;
mod disk;
mod documents;
mod fixture;
mod notes;
mod tenancy;
mod yaml;
