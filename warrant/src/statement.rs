//! The governance statement: what the server tells every gate, and how a gate takes it.
//!
//! The server signs a [`Statement`] anew every few seconds. It holds the digests of four parts, which are sent only when
//! they changed: [`Rules`], [`Halts`], the revoked marks ([`MarkSet`]) and the decisions to end ([`Ended`]). One
//! [`Answer`] carries a statement and the parts that the gate does not have yet. [`Held::take`] makes of it what the gate
//! holds from then on. There is no clock and no I/O here: the server and the gate use the same code.

mod answer;
mod bytes;
mod claims;
mod ended;
mod filter_config;
mod halts;
mod held;
mod jws;
mod marks;
mod matches;
mod not_taken;
mod pins;
mod rules;

pub use answer::{Answer, Section};
pub use claims::{Posture, Statement};
pub use ended::{DecisionKey, Ended};
pub use filter_config::{ConfigFault, FilterConfig, Position};
pub use halts::Halts;
pub use held::Held;
pub use marks::MarkSet;
pub use matches::Match;
pub use not_taken::{NotTaken, Part};
pub use pins::{Pins, pin};
pub use rules::{Found, Rule, Rules};

use std::borrow::Cow;

use crate::{json::Malformed, trust::TrustFaults};

/// A statement, a part or an answer is not of the required form. Says what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementFault(Cow<'static, str>);

impl From<Malformed> for StatementFault {
    fn from(Malformed(what): Malformed) -> Self {
        Self(Cow::Borrowed(what))
    }
}

impl From<TrustFaults> for StatementFault {
    fn from(faults: TrustFaults) -> Self {
        Self(Cow::Owned(faults.to_string()))
    }
}

impl std::fmt::Display for StatementFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StatementFault {}
