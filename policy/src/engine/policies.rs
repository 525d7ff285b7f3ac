//! Parses and validates a policy text: each policy gets its name, its place, and the author's advice.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use cedar_policy::{Effect, Policy, PolicySet, ValidationMode, Validator};
use miette::Diagnostic;
use serde_json::Value;

use super::bounds;
use super::check::Findings;
use super::est;
use super::message::{self, Message};
use super::names::KnownNames;
use crate::documents::route::PolicyText;
use crate::fault::Place;
use crate::strict::{is_deceptive, place_inside};

/// One policy as it was written.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// Its name in the whole bundle.
    pub(super) id: String,
    pub(super) at: Place,
    pub(super) effect: Effect,
    pub(super) est: Value,
    pub(super) advice: Advice,
    /// The annotations that only this kind of text has.
    pub(super) annotations: BTreeMap<String, String>,
}

impl Written {
    pub(super) fn reads_now(&self) -> bool {
        est::may_read(&self.est, "now")
    }
}

/// What the author of a policy tells a denied caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Advice {
    pub(crate) reason: Option<String>,
    pub(crate) cure: Option<String>,
}

/// A text that Cedar can parse, with its policies.
#[derive(Debug)]
pub(super) struct Parsed<'a> {
    text: &'a PolicyText,
    set: PolicySet,
    pub(super) written: Vec<Written>,
}

/// The annotations that every policy may have.
const ANNOTATIONS: &[&str] = &["id", "reason", "cure"];

/// Parses a text; `prefix` begins the name of each policy, and `own` are the annotations that only this kind of text has. `None`,
/// with faults, if it cannot be parsed.
pub(super) fn parse<'a>(
    text: &'a PolicyText,
    prefix: &str,
    own: &[&str],
    findings: &mut Findings,
) -> Option<Parsed<'a>> {
    let starts = match bounds::scan(&text.text) {
        Ok(starts) => starts,
        Err(excesses) => {
            for excess in excesses {
                findings.fault(place(text, excess.at), excess.what, excess.instead);
            }
            return None;
        }
    };
    let set = match PolicySet::from_str(&text.text) {
        Ok(set) => set,
        Err(errors) => {
            for error in errors.iter() {
                findings.fault_once(place_of(text, error), message::of_syntax(error));
            }
            return None;
        }
    };
    if starts.len() != set.num_of_policies() || set.num_of_templates() != 0 {
        findings.fault(
            text.at,
            "the policies could not be separated",
            "write plain `permit` and `forbid` policies, without slots",
        );
        return None;
    }
    let written: Vec<_> = starts
        .iter()
        .enumerate()
        .filter_map(|(number, start)| one(&set, number, place(text, *start), prefix, own, findings))
        .collect();
    check_names_are_unique(&written, findings);
    Some(Parsed { text, set, written })
}

impl Parsed<'_> {
    /// Validates the policies against a schema, which has these names.
    pub(super) fn validate(&self, validator: &Validator, known: &KnownNames<'_>, findings: &mut Findings) {
        let result = validator.validate(&self.set, ValidationMode::Strict);
        // Cedar reports a fault once for each action, in an order that changes from run to run.
        let errors: BTreeSet<_> = result
            .validation_errors()
            .map(|error| (place_of(self.text, error), message::of_validation(error, known)))
            .collect();
        for (at, message) in errors {
            findings.fault_once(at, message);
        }
        let warnings: BTreeSet<_> = result
            .validation_warnings()
            .map(|warning| (place_of(self.text, warning), message::of_warning(warning)))
            .collect();
        for (at, Message { what, instead }) in warnings {
            findings.warn(at, "cedar", what, instead);
        }
    }
}

fn place(text: &PolicyText, offset: usize) -> Place {
    place_inside(text.at, text.style, &text.text, offset)
}

fn place_of(text: &PolicyText, diagnostic: &impl Diagnostic) -> Place {
    let offset = diagnostic.labels().and_then(|labels| labels.map(|label| label.offset()).min());
    offset.map_or(text.at, |offset| place(text, offset))
}

fn one(
    set: &PolicySet,
    number: usize,
    at: Place,
    prefix: &str,
    own: &[&str],
    findings: &mut Findings,
) -> Option<Written> {
    let policy = set.policy(&cedar_policy::PolicyId::new(format!("policy{number}")))?;
    check_annotations(policy, at, own, findings);
    let est = match est::of(policy) {
        Ok(est) => est,
        Err(why) => {
            findings.fault(at, why, "write the policy in a simpler form");
            return None;
        }
    };
    let name = match policy.annotation("id") {
        Some(id) if !is_id(id) => {
            findings.fault(
                at,
                format!("`{id}` is not a valid policy name"),
                "use 1 to 63 of a-z, 0-9 and `-`",
            );
            return None;
        }
        Some(id) => id.to_owned(),
        None => est::short_digest(&est),
    };
    let annotation = |key: &str| policy.annotation(key).filter(|text| !text.is_empty()).map(str::to_owned);
    let advice = Advice { reason: annotation("reason"), cure: annotation("cure") };
    let annotations = policy.annotations().filter(|(name, _)| own.contains(name));
    let annotations = annotations.map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    Some(Written { id: format!("{prefix}/{name}"), at, effect: policy.effect(), est, advice, annotations })
}

fn is_id(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// An unknown annotation is probably misspelt.
fn check_annotations(policy: &Policy, at: Place, own: &[&str], findings: &mut Findings) {
    for (name, text) in policy.annotations() {
        let mut known = ANNOTATIONS.iter().chain(own);
        if !known.any(|known| *known == name) {
            let all: Vec<_> = ANNOTATIONS.iter().chain(own).map(|name| format!("@{name}")).collect();
            findings.fault(
                at,
                format!("unknown annotation `@{name}`"),
                format!("known here: {}", all.join(", ")),
            );
        }
        if text.len() > 256 || text.chars().any(is_deceptive) {
            findings.fault(
                at,
                format!("the text of `@{name}` is too long or contains control characters"),
                "keep it within 256 bytes of plain text",
            );
        }
    }
}

fn check_names_are_unique(written: &[Written], findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for policy in written {
        if !seen.insert(&policy.id) {
            findings.fault(
                policy.at,
                format!("a second policy called `{}`", policy.id),
                "give each its own `@id`",
            );
        }
    }
}
