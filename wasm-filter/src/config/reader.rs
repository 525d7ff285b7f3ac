//! Reads a JSON value and collects all faults instead of stopping at the first. This module does not know what
//! any member means.

use serde_json::{Map, Value};

/// One fault of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    at: String,
    what: String,
}

impl std::fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.at.is_empty() { f.write_str(&self.what) } else { write!(f, "{}: {}", self.at, self.what) }
    }
}

/// Every fault found so far.
#[derive(Debug, Default)]
pub(super) struct ConfigFaults(Vec<ConfigFault>);

impl ConfigFaults {
    pub(super) fn add(&mut self, at: &str, what: impl Into<String>) {
        self.0.push(ConfigFault { at: at.to_owned(), what: what.into() });
    }

    pub(super) fn into_inner(self) -> Vec<ConfigFault> {
        self.0
    }
}

/// An object and its path in the configuration.
#[derive(Debug)]
pub(super) struct ConfigObject<'a> {
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> ConfigObject<'a> {
    pub(super) fn read(value: &'a Value, path: &str, faults: &mut ConfigFaults) -> Option<Self> {
        let map = expect(value.as_object(), path, "write an object", faults)?;
        Some(Self { path: path.to_owned(), map })
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn at(&self, name: &str) -> String {
        member(&self.path, name)
    }

    pub(super) fn members(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        self.map.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub(super) fn allow_only(&self, names: &[&str], faults: &mut ConfigFaults) {
        for (name, _) in self.members().filter(|(name, _)| !names.contains(name)) {
            faults.add(&self.at(name), format!("unknown member; the known ones are {}", names.join(", ")));
        }
    }

    pub(super) fn string(&self, name: &str, faults: &mut ConfigFaults) -> Option<&'a str> {
        expect(self.required(name, faults)?.as_str(), &self.at(name), "write a string", faults)
    }

    pub(super) fn natural(&self, name: &str, faults: &mut ConfigFaults) -> Option<u64> {
        expect(
            self.required(name, faults)?.as_u64(),
            &self.at(name),
            "write a whole number, 0 or more",
            faults,
        )
    }

    pub(super) fn object(&self, name: &str, faults: &mut ConfigFaults) -> Option<Self> {
        Self::read(self.required(name, faults)?, &self.at(name), faults)
    }

    pub(super) fn strings(&self, name: &str, faults: &mut ConfigFaults) -> Vec<&'a str> {
        let all = self.array(name, faults).unwrap_or_default();
        all.iter().filter_map(|(at, value)| expect(value.as_str(), at, "write a string", faults)).collect()
    }

    pub(super) fn objects(&self, name: &str, faults: &mut ConfigFaults) -> Option<Vec<Self>> {
        let all = self.array(name, faults)?;
        Some(all.iter().filter_map(|(at, value)| Self::read(value, at, faults)).collect())
    }

    fn array(&self, name: &str, faults: &mut ConfigFaults) -> Option<Vec<(String, &'a Value)>> {
        let at = self.at(name);
        let array = expect(self.required(name, faults)?.as_array(), &at, "write an array", faults)?;
        Some(array.iter().enumerate().map(|(index, value)| (format!("{at}[{index}]"), value)).collect())
    }

    fn required(&self, name: &str, faults: &mut ConfigFaults) -> Option<&'a Value> {
        expect(self.map.get(name), &self.at(name), "is missing", faults)
    }
}

/// The path of a member.
pub(super) fn member(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn expect<T>(found: Option<T>, at: &str, otherwise: &str, faults: &mut ConfigFaults) -> Option<T> {
    if found.is_none() {
        faults.add(at, otherwise);
    }
    found
}
