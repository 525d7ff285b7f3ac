//! A policy text, read: each policy with its name, its place and what its author says of it.

use std::collections::BTreeSet;
use std::str::FromStr;

use cedar_policy::{Effect, Policy, PolicySet, ValidationMode, Validator};
use miette::Diagnostic;
use serde_json::Value;

use super::bounds;
use super::check::Report;
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

/// What its author says to whoever is refused by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Advice {
    pub(crate) reason: Option<String>,
    pub(crate) cure: Option<String>,
}

/// Reads and validates a text against a schema; `prefix` is what its policies' names begin with.
pub(super) fn read(
    text: &PolicyText,
    prefix: &str,
    validator: &Validator,
    report: &mut Report,
) -> Vec<Written> {
    let place = |offset: usize| place_inside(text.at, text.style, &text.text, offset);
    let starts = match bounds::scan(&text.text) {
        Ok(starts) => starts,
        Err(excesses) => {
            for excess in excesses {
                report.fault(place(excess.at), excess.what, excess.instead);
            }
            return Vec::new();
        }
    };
    let set = match PolicySet::from_str(&text.text) {
        Ok(set) => set,
        Err(errors) => {
            for error in errors.iter() {
                cedar_says(error, &place, text.at, report);
            }
            return Vec::new();
        }
    };
    validate(&set, validator, &place, text.at, report);
    if starts.len() != set.num_of_policies() || set.num_of_templates() != 0 {
        report.fault(
            text.at,
            "policies that could not be told apart",
            "write plain `permit` and `forbid` policies, without slots",
        );
        return Vec::new();
    }
    let written: Vec<_> = starts
        .iter()
        .enumerate()
        .filter_map(|(number, start)| one(&set, number, place(*start), prefix, report))
        .collect();
    are_told_apart(&written, report);
    written
}

fn validate(
    set: &PolicySet,
    validator: &Validator,
    place: &impl Fn(usize) -> Place,
    at: Place,
    report: &mut Report,
) {
    let result = validator.validate(set, ValidationMode::Strict);
    for error in result.validation_errors() {
        cedar_says(error, place, at, report);
    }
    for warning in result.validation_warnings() {
        let at = offset(warning).map_or(at, place);
        report.warn(at, "cedar", without_policy_number(&warning.to_string()), help(warning));
    }
}

fn cedar_says(error: &impl Diagnostic, place: &impl Fn(usize) -> Place, at: Place, report: &mut Report) {
    let at = offset(error).map_or(at, place);
    report.fault_once(at, without_policy_number(&error.to_string()), help(error));
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

/// Cedar counts policies; we say where they stand.
fn without_policy_number(message: &str) -> String {
    match message.strip_prefix("for policy `").and_then(|rest| rest.split_once("`, ")) {
        Some((_, rest)) => rest.to_owned(),
        None => message.to_owned(),
    }
}

fn one(set: &PolicySet, number: usize, at: Place, prefix: &str, report: &mut Report) -> Option<Written> {
    let policy = set.policy(&cedar_policy::PolicyId::new(format!("policy{number}")))?;
    annotations_are_known(policy, at, report);
    let est = match est::of(policy) {
        Ok(est) => est,
        Err(why) => {
            report.fault(at, why, "write the policy more plainly");
            return None;
        }
    };
    let name = match policy.annotation("id") {
        Some(id) if !is_id(id) => {
            report.fault(at, format!("`{id}` is no name for a policy"), "use 1 to 63 of a-z, 0-9 and `-`");
            return None;
        }
        Some(id) => id.to_owned(),
        None => est::short_digest(&est),
    };
    let said = |key: &str| policy.annotation(key).filter(|text| !text.is_empty()).map(str::to_owned);
    let advice = Advice { reason: said("reason"), cure: said("cure") };
    Some(Written { id: format!("{prefix}/{name}"), at, effect: policy.effect(), est, advice })
}

fn is_id(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// An annotation that nobody reads is a misspelt one.
fn annotations_are_known(policy: &Policy, at: Place, report: &mut Report) {
    for (name, text) in policy.annotations() {
        if !matches!(name, "id" | "reason" | "cure") {
            report.fault(at, format!("unknown annotation `@{name}`"), "known here: @id, @reason, @cure");
        }
        if text.len() > 256 || text.chars().any(is_deceptive) {
            report.fault(
                at,
                format!("the text of `@{name}` is long or holds control characters"),
                "keep it within 256 bytes of plain text",
            );
        }
    }
}

fn are_told_apart(written: &[Written], report: &mut Report) {
    let mut seen = BTreeSet::new();
    for policy in written {
        if !seen.insert(&policy.id) {
            report.fault(
                policy.at,
                format!("a second policy called `{}`", policy.id),
                "give each its own `@id`",
            );
        }
    }
}
