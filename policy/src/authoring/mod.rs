//! Tools for policy authors: they build a bundle from a directory, run its tests, and explain and show a
//! policy.
//!
//! This module knows the judge, so that a team's tests use the same judge as requests. The judge does not
//! know this module.

mod built;
mod chain;
mod closed;
mod coverage;
mod crd;
mod editor;
mod explain;
mod judge;
mod objects;
mod question;
mod run;
mod view;
mod yaml;

pub use built::{Built, Tested};
pub use closed::{ClosedPlace, ClosedRoute, Grounds, Owner, TakenMatches};
pub use coverage::Coverage;
pub use crd::crd;
pub use editor::documents_schema;
pub use explain::{Explained, explain_case, explain_verdict};
pub use judge::JudgedCase;
pub use objects::{ObjectFault, RouteDocuments, Unbuilt, route_file};
pub use question::Question;
pub use run::TestOutcome;
pub use view::{RecordedArgument, View};
pub use yaml::yaml_lines;
