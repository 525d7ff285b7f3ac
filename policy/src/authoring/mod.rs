//! What only authors use: building a bundle's directory, running its tests, explaining and showing a policy.
//!
//! It knows the judge, so that a team's tests meet the judge that requests meet; the judge does not know it.

mod built;
mod chain;
mod coverage;
mod editor;
mod explain;
mod judge;
mod question;
mod run;
mod view;

pub use built::{Built, Tested};
pub use coverage::Coverage;
pub use editor::documents_schema;
pub use explain::{Explained, explain_case, explain_verdict};
pub use judge::Judged;
pub use question::Question;
pub use run::Outcome;
pub use view::{Recorded, View};
