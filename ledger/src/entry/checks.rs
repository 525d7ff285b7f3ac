//! The checks before the judge, and their results. Nearly all of them pass in nearly every entry, so an entry only says which were
//! not made, and which denied.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use super::codes::{CheckResult, DenialCode};
use super::define::{DocumentedMember, DocumentedObject, JsonShape, prose};

/// Defines the checks, in the order of their names.
macro_rules! checks {
    ($( $(#[doc = $says:literal])+ $check:ident, )+) => {
        /// The result of each check before the judge; `None` if the check was not made.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Checks { $( $(#[doc = $says])+ pub $check: Option<CheckResult>, )+ }

        impl Checks {
            /// Each check with its name.
            pub(crate) fn by_name(&self) -> impl Iterator<Item = (&'static str, Option<CheckResult>)> {
                [$( (stringify!($check), self.$check) ),+].into_iter()
            }

            fn named(&mut self, name: &str) -> Option<&mut Option<CheckResult>> {
                match name {
                    $( stringify!($check) => Some(&mut self.$check), )+
                    _ => None,
                }
            }

            fn all_passed() -> Self {
                Self { $( $check: Some(CheckResult::Passed), )+ }
            }
        }

        /// Each check and what it means.
        const MEANINGS: &[(&str, &[&str])] = &[$( (stringify!($check), &[$($says),+]) ),+];
    };
}

checks! {
    /// The arguments in path and headers, and the action, are what the route expects.
    arguments,
    /// Each link names the link before it, by its digest and by its holder's key.
    binding,
    /// The body was read and is what the route expects.
    body,
    /// A bundle is in force, the clock is sane, nothing is halted.
    governance,
    /// The root is in the record of issued warrants.
    issued,
    /// The warrant was parsed.
    parse,
    /// The proof of possession was parsed and is valid.
    proof,
    /// The query was read and is what the route expects.
    query,
    /// The request line and Portcullis's headers are not ambiguous.
    request,
    /// The root's key is trusted, and all signatures are valid.
    signatures,
}

impl Serialize for Checks {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let denied = |(name, result)| match result {
            Some(CheckResult::Denied(code)) => Some((name, code)),
            Some(CheckResult::Passed) | None => None,
        };
        let denied: BTreeMap<&str, DenialCode> = self.by_name().filter_map(denied).collect();
        let not_made: Vec<&str> =
            self.by_name().filter(|(_, result)| result.is_none()).map(|(name, _)| name).collect();
        let mut members = to.serialize_struct("Checks", 2)?;
        members.serialize_field("denied", &denied)?;
        members.serialize_field("not_made", &not_made)?;
        members.end()
    }
}

impl<'de> Deserialize<'de> for Checks {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            denied: BTreeMap<String, DenialCode>,
            not_made: Vec<String>,
        }
        let Written { denied, not_made } = Written::deserialize(from)?;
        let denied = denied.into_iter().map(|(name, code)| (name, Some(CheckResult::Denied(code))));
        let mut checks = Self::all_passed();
        for (name, result) in denied.chain(not_made.into_iter().map(|name| (name, None))) {
            let place = checks.named(&name);
            *place.ok_or_else(|| D::Error::custom(format!("`{name}` is not a check")))? = result;
        }
        Ok(checks)
    }
}

impl JsonShape for Checks {
    fn shape() -> String {
        "`Checks`".to_owned()
    }

    fn schema() -> Value {
        json!({"$ref": "#/$defs/Checks"})
    }

    fn collect(objects: &mut Vec<DocumentedObject>) {
        let member = |name, shape: &str, schema, meaning: &str| DocumentedMember {
            name,
            shape: shape.to_owned(),
            schema,
            meaning: meaning.to_owned(),
        };
        let named = json!({"enum": MEANINGS.iter().map(|(name, _)| *name).collect::<Vec<_>>()});
        let each = |(name, says): &(&str, &[&str])| format!("- `{name}`: {}\n", prose(says));
        let all: String = MEANINGS.iter().map(each).collect();
        objects.push(DocumentedObject {
            name: "Checks",
            meaning: format!(
                "The results of the checks before the judge. A check that is not named here was made, and passed.\n\n{all}"
            ),
            members: vec![
                member(
                    "denied",
                    "object of [denial's code](../docs/denials.md) by name",
                    json!({"type": "object", "propertyNames": named, "additionalProperties": DenialCode::schema()}),
                    "The checks that denied the request, and why.",
                ),
                member("not_made", "array of string, sorted", json!({"type": "array", "items": named}), "The checks that were not made."),
            ],
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical;

    #[test]
    fn every_check_is_passed_denied_or_not_made_and_each_has_one_spelling() {
        let results = [None, Some(CheckResult::Passed), Some(CheckResult::Denied(DenialCode::Expired))];
        for (name, _) in MEANINGS {
            for result in results {
                let mut checks = Checks::all_passed();
                *checks.named(name).unwrap() = result;
                let bytes = canonical::to_vec(&checks).unwrap();
                assert_eq!(canonical::from_slice::<Checks>(&bytes).unwrap(), checks);
                assert_eq!(String::from_utf8_lossy(&bytes).contains(name), result != results[1]);
            }
        }
        let none = Checks::default();
        assert_eq!(canonical::from_slice::<Checks>(&canonical::to_vec(&none).unwrap()).unwrap(), none);
        for wrong in [
            r#"{"denied":{},"not_made":["other"]}"#,
            r#"{"denied":{"other":"expired"},"not_made":[]}"#,
            r#"{"denied":{"body":"ok"},"not_made":[]}"#,
            r#"{"denied":{"body":"expired"},"not_made":["body"]}"#,
            r#"{"denied":{},"not_made":["issued","body"]}"#,
            r#"{"denied":{},"not_made":["body","body"]}"#,
            r#"{"denied":{}}"#,
        ] {
            assert!(canonical::from_slice::<Checks>(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
