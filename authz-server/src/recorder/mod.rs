//! Writes decisions into the ledger: the recorder, summaries for floods of denials, and the tickets by which outcomes
//! are recognised.

mod decision_id;
mod floods;
mod recorder;
mod tickets;

pub use decision_id::DecisionId;
pub use recorder::Recorder;
pub use tickets::Tickets;
