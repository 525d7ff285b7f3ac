//! Reads and validates a policy text: each policy gets its name, its place, and the author's advice.

use std::collections::BTreeSet;
use std::str::FromStr;

use cedar_policy::{Effect, Policy, PolicySet, ValidationMode, Validator};
use miette::Diagnostic;
use serde_json::Value;

use super::bounds;
use super::check::Findings;
use super::est;
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
}

/// What the author of a policy tells a denied caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Advice {
    pub(crate) reason: Option<String>,
    pub(crate) cure: Option<String>,
}

/// Reads and validates a text against a schema; `prefix` begins the name of each policy.
pub(super) fn read(
    text: &PolicyText,
    prefix: &str,
    validator: &Validator,
    findings: &mut Findings,
) -> Vec<Written> {
    let place = |offset: usize| place_inside(text.at, text.style, &text.text, offset);
    let starts = match bounds::scan(&text.text) {
        Ok(starts) => starts,
        Err(excesses) => {
            for excess in excesses {
                findings.fault(place(excess.at), excess.what, excess.instead);
            }
            return Vec::new();
        }
    };
    let set = match PolicySet::from_str(&text.text) {
        Ok(set) => set,
        Err(errors) => {
            for error in errors.iter() {
                report_diagnostic(error, &place, text.at, findings);
            }
            return Vec::new();
        }
    };
    validate(&set, validator, &place, text.at, findings);
    if starts.len() != set.num_of_policies() || set.num_of_templates() != 0 {
        findings.fault(
            text.at,
            "the policies could not be separated",
            "write plain `permit` and `forbid` policies, without slots",
        );
        return Vec::new();
    }
    let written: Vec<_> = starts
        .iter()
        .enumerate()
        .filter_map(|(number, start)| one(&set, number, place(*start), prefix, findings))
        .collect();
    check_names_are_unique(&written, findings);
    written
}

fn validate(
    set: &PolicySet,
    validator: &Validator,
    place: &impl Fn(usize) -> Place,
    at: Place,
    findings: &mut Findings,
) {
    let result = validator.validate(set, ValidationMode::Strict);
    for error in result.validation_errors() {
        report_diagnostic(error, place, at, findings);
    }
    for warning in result.validation_warnings() {
        let at = offset(warning).map_or(at, place);
        findings.warn(at, "cedar", without_policy_number(&warning.to_string()), help(warning));
    }
}

fn report_diagnostic(
    error: &impl Diagnostic,
    place: &impl Fn(usize) -> Place,
    at: Place,
    findings: &mut Findings,
) {
    let at = offset(error).map_or(at, place);
    findings.fault_once(at, without_policy_number(&error.to_string()), help(error));
}

fn offset(diagnostic: &impl Diagnostic) -> Option<usize> {
    diagnostic.labels()?.map(|label| label.offset()).min()
}

fn help(diagnostic: &impl Diagnostic) -> String {
    diagnostic.help().map_or_else(
        || "see the route's schema: `portcullis policy schema <route>`".to_owned(),
        |help| help.to_string(),
    )
}

/// Cedar names a policy by its number; we give its place instead.
fn without_policy_number(message: &str) -> String {
    match message.strip_prefix("for policy `").and_then(|rest| rest.split_once("`, ")) {
        Some((_, rest)) => rest.to_owned(),
        None => message.to_owned(),
    }
}

fn one(set: &PolicySet, number: usize, at: Place, prefix: &str, findings: &mut Findings) -> Option<Written> {
    let policy = set.policy(&cedar_policy::PolicyId::new(format!("policy{number}")))?;
    check_annotations(policy, at, findings);
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
    Some(Written { id: format!("{prefix}/{name}"), at, effect: policy.effect(), est, advice })
}

fn is_id(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// An unknown annotation is probably misspelt.
fn check_annotations(policy: &Policy, at: Place, findings: &mut Findings) {
    for (name, text) in policy.annotations() {
        if !matches!(name, "id" | "reason" | "cure") {
            findings.fault(at, format!("unknown annotation `@{name}`"), "known here: @id, @reason, @cure");
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
