//! Warnings: what can be built but is probably a mistake. Each has a name; with `--strict` each is a fault.

use std::fmt;

use super::fault::{Fault, Place};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Warning {
    /// The place and the text.
    #[serde(flatten)]
    pub fault: Fault,
    pub name: &'static str,
}

/// The names, in the order in which the documentation lists them.
pub const WARNINGS: &[&str] = &[
    "cedar",
    "open-permit",
    "no-permit",
    "unconditional-forbid",
    "slash-twins",
    "unserved-host",
    "until-past",
    "until-far",
    "duplicate",
    "untested-policy",
];

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} [{}]", self.fault, self.name)
    }
}

/// A warning whose file is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) at: Place,
    pub(crate) name: &'static str,
    pub(crate) what: String,
    pub(crate) instead: String,
}

impl Notice {
    pub(crate) fn new(
        at: Place,
        name: &'static str,
        what: impl Into<String>,
        instead: impl Into<String>,
    ) -> Self {
        Self { at, name, what: what.into(), instead: instead.into() }
    }

    pub(crate) fn on(&self, file: &std::path::Path) -> Warning {
        let Self { at, name, what, instead } = self.clone();
        Warning {
            fault: Fault { file: file.to_path_buf(), line: at.line, column: at.column, what, instead },
            name,
        }
    }
}
