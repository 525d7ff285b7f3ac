//! Cedar's findings in the words of authors: without the numbers that Cedar gives to policies, without the reserved
//! member of our enumerations, and the same in every run.
//!
//! Cedar visits actions, and the names that it suggests, in an order that changes from run to run. All actions of a
//! schema share one context, so the action in a message says nothing; and we suggest names ourselves.

use miette::Diagnostic;

use super::names::{KnownNames, Type};
use crate::strict::nearest;

/// A finding: what is wrong, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Message {
    pub(super) what: String,
    pub(super) instead: String,
}

/// A list with more names than this is not printed.
const MOST_NAMES: usize = 16;

const FUNCTIONS: [&str; 4] = ["datetime", "decimal", "duration", "ip"];

/// What to write if Cedar does not say.
const SYNTAX: &str = "correct the text here; docs/policy.md shows policies in the section \"Cedar\"";
const NAMES: &str = "docs/policy.md lists what a policy may name, in the section \"Cedar\"";
const IMPOSSIBLE: &str = "correct its scope and its conditions, or remove it";
const LETTERS: &str = "write it with the letters of one alphabet";

/// A text that Cedar's parser does not accept.
pub(super) fn of_syntax(error: &impl Diagnostic) -> Message {
    let what = plain(&error.to_string());
    if let Some(name) = quoted_before(&what, "is not a valid function") {
        let instead = one_of(name, FUNCTIONS.into_iter(), "function");
        return Message { what, instead };
    }
    Message { instead: help(error).unwrap_or_else(|| SYNTAX.to_owned()), what }
}

/// A policy that does not fit its schema, which has these names.
pub(super) fn of_validation(error: &impl Diagnostic, known: &KnownNames<'_>) -> Message {
    let told = plain(&error.to_string());
    if let Some(action) = told.strip_prefix("unrecognized action `").and_then(entity) {
        return unknown(Type::Action, action.id, known);
    }
    let named = told.strip_prefix("entity `").filter(|_| told.contains("is not declared as a valid eid"));
    if let Some(NamedEntity { kind, id }) = named.and_then(entity) {
        return unknown(kind, id, known);
    }
    if let Some(kind) =
        told.strip_prefix("unrecognized entity type `").and_then(|rest| rest.split('`').next())
    {
        return Message {
            what: format!("there is no entity type `{kind}`"),
            instead: one_of(kind, known.types.iter().map(|kind| kind.name()), "type"),
        };
    }
    Message { what: told, instead: help(error).unwrap_or_else(|| NAMES.to_owned()) }
}

/// A policy that fits the schema, but is probably a mistake.
pub(super) fn of_warning(warning: &impl Diagnostic) -> Message {
    let what = plain(&warning.to_string());
    let is_about_letters = ["script", "confusable", "BIDI"].iter().any(|word| what.contains(word));
    let instead = if is_about_letters { LETTERS } else { IMPOSSIBLE };
    Message { instead: help(warning).unwrap_or_else(|| instead.to_owned()), what }
}

fn help(diagnostic: &impl Diagnostic) -> Option<String> {
    diagnostic.help().map(|help| plain(&help.to_string()))
}

/// Cedar's text without the policy's number and without the action whose context it looked at.
fn plain(text: &str) -> String {
    without(&without(text, "for policy `policy", &["`, ", "`: "]), " in context for Action::\"", &["\""])
}

/// The text without each part that begins with `begin`, up to the nearest of `ends`.
fn without(text: &str, begin: &str, ends: &[&str]) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(begin) {
        let nearest_end =
            ends.iter().filter_map(|end| after.split_once(end)).max_by_key(|(_, after)| after.len());
        let Some((_, after)) = nearest_end else { break };
        kept.push_str(before);
        rest = after;
    }
    kept + rest
}

/// `name` in a text that says that `` `name` `` is something.
fn quoted_before<'a>(text: &'a str, says: &str) -> Option<&'a str> {
    let (before, _) = text.split_once(says)?;
    before.trim_end().strip_suffix('`')?.rsplit('`').next()
}

/// `Group::"a"`, in a text that goes on with a backquote.
struct NamedEntity<'a> {
    kind: Type,
    id: &'a str,
}

const ENUMERATED: [Type; 7] =
    [Type::Action, Type::Group, Type::Kind, Type::Mesh, Type::Posture, Type::Route, Type::Team];

fn entity(text: &str) -> Option<NamedEntity<'_>> {
    let (name, rest) = text.split_once("::\"")?;
    let kind = ENUMERATED.into_iter().find(|kind| kind.name() == name)?;
    Some(NamedEntity { kind, id: rest.split_once("\"`").map_or(rest, |(id, _)| id) })
}

/// A name that is not known.
pub(super) fn unknown(kind: Type, id: &str, known: &KnownNames<'_>) -> Message {
    let word = kind.name().to_lowercase();
    let what = format!("there is no {word} `{id}` here");
    let instead = match kind {
        Type::Group if known.members(kind).next().is_none() => {
            "define the group in identities.yaml".to_owned()
        }
        Type::Agent | Type::Key | Type::Person | Type::Environment => NAMES.to_owned(),
        Type::Action
        | Type::Group
        | Type::Issuer
        | Type::Kind
        | Type::Mesh
        | Type::Posture
        | Type::Route
        | Type::Team => one_of(id, known.members(kind), &word),
    };
    Message { what, instead }
}

/// The name that was probably meant, or all names if they are few.
fn one_of<'a>(id: &str, known: impl Iterator<Item = &'a str>, word: &str) -> String {
    let mut known: Vec<_> = known.collect();
    known.sort_unstable();
    match nearest(id, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.len() <= MOST_NAMES => format!("write one of: {}", known.join(", ")),
        None => format!("write the name of a {word} that exists"),
    }
}
