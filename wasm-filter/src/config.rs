//! The configuration of the plugin: typed, with all its faults reported at once.
//!
//! Unknown members are refused, because a gate that ignores part of its configuration could be open. This module does
//! not know where the configuration comes from.

mod reader;

use reader::{ConfigFaults, ConfigObject, member};
use serde_json::Value;
use warrant::{Host, Issuer, PublicKey, PureVerifier, SubjectPattern, Terms, Trust, Verifier};

pub use reader::ConfigFault;

use crate::served_hosts::{BadName, ServedHosts};

/// The configuration of a filter.
#[derive(Clone, Debug)]
pub enum FilterConfig {
    /// Before the server is asked.
    Gate(GateConfig),
    /// Behind the server's answer.
    Seal(SealConfig),
}

/// The configuration of a filter in the position `seal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealConfig {
    /// The name of the mesh, for the answers to clients.
    pub audience: String,
}

/// The configuration of a filter in the position `gate`.
#[derive(Clone, Debug)]
pub struct GateConfig {
    pub(crate) hosts: ServedHosts,
    pub(crate) terms: Terms,
    pub(crate) trust: Trust,
}

impl FilterConfig {
    /// Reads the JSON of the plugin's configuration.
    ///
    /// # Errors
    /// All faults, each with its place and what to write instead.
    pub fn parse(json: &[u8]) -> Result<Self, Vec<ConfigFault>> {
        let mut faults = ConfigFaults::default();
        let config = serde_json::from_slice(json)
            .map_err(|error| faults.add("", format!("not JSON: {error}")))
            .ok()
            .and_then(|value| read(&value, &mut faults));
        match (config, faults.into_inner()) {
            (Some(config), faults) if faults.is_empty() => Ok(config),
            (_, faults) => Err(faults),
        }
    }
}

impl GateConfig {
    /// The names of the issuers, for clients that come without a warrant.
    pub(crate) fn issuers(&self) -> impl Iterator<Item = &str> {
        self.trust.issuers().iter().map(|issuer| issuer.iss.as_str())
    }
}

const MEMBERS: &[&str] = &["position", "audience", "max_lifetime", "leeway", "hosts", "issuers"];
const MEMBERS_OF_SEAL: &[&str] = &["position", "audience"];

fn read(value: &Value, faults: &mut ConfigFaults) -> Option<FilterConfig> {
    let object = ConfigObject::read(value, "", faults)?;
    match object.string("position", faults) {
        Some("gate") | None => gate(&object, faults).map(FilterConfig::Gate),
        Some("seal") => seal(&object, faults).map(FilterConfig::Seal),
        Some(other) => {
            faults.add("position", format!("{other:?} is not a position: write \"gate\" or \"seal\""));
            None
        }
    }
}

fn seal(object: &ConfigObject<'_>, faults: &mut ConfigFaults) -> Option<SealConfig> {
    object.allow_only(MEMBERS_OF_SEAL, faults);
    // The terms say what the name of a mesh is.
    let terms = Terms::new(object.string("audience", faults)?, 1, 0);
    terms
        .map(|terms| SealConfig { audience: terms.audience })
        .map_err(|error| error.faults().iter().for_each(|fault| faults.add("", fault)))
        .ok()
}

fn gate(object: &ConfigObject<'_>, faults: &mut ConfigFaults) -> Option<GateConfig> {
    object.allow_only(MEMBERS, faults);
    let terms = terms(object, faults);
    let hosts = hosts(object, faults);
    let trust = trust(object, faults);
    Some(GateConfig { hosts: hosts?, terms: terms?, trust: trust? })
}

fn terms(object: &ConfigObject<'_>, faults: &mut ConfigFaults) -> Option<Terms> {
    let audience = object.string("audience", faults);
    let max_lifetime = object.natural("max_lifetime", faults);
    let leeway = object.natural("leeway", faults);
    Terms::new(audience?, max_lifetime?, leeway?)
        .map_err(|error| error.faults().iter().for_each(|fault| faults.add("", fault)))
        .ok()
}

fn hosts(object: &ConfigObject<'_>, faults: &mut ConfigFaults) -> Option<ServedHosts> {
    let named = object.object("hosts", faults)?;
    let mut hosts = ServedHosts::default();
    for (name, _) in named.members() {
        let at = member("hosts", name);
        let Some(host) = Host::parse(name) else {
            faults.add(&at, "not a canonical host: write lower-case labels and, if it has one, a port");
            continue;
        };
        let aliases = named.strings(name, faults);
        for name in std::iter::once(name).chain(aliases) {
            match hosts.insert(name, &host) {
                Ok(()) => {}
                Err(BadName::NotAnAuthority) => {
                    faults.add(
                        &at,
                        format!(
                            "alias {name:?}: write the authority of a request in lower case, with a-z 0-9 . : -"
                        ),
                    );
                }
                Err(BadName::Taken) => {
                    faults.add(&at, format!("alias {name:?} already belongs to another host"))
                }
            }
        }
    }
    if hosts.is_empty() {
        faults.add("hosts", "there is no host: every request would be denied as `target-mismatch`");
    }
    Some(hosts)
}

fn trust(object: &ConfigObject<'_>, faults: &mut ConfigFaults) -> Option<Trust> {
    let issuers = object.objects("issuers", faults)?;
    if issuers.is_empty() {
        faults.add("issuers", "there is no issuer: every warrant would be denied as `issuer-untrusted`");
    }
    let issuers = issuers.iter().filter_map(|one| issuer(one, faults)).collect();
    Trust::new(issuers)
        .map_err(|error| error.faults().iter().for_each(|fault| faults.add("issuers", fault)))
        .ok()
}

fn issuer(object: &ConfigObject<'_>, faults: &mut ConfigFaults) -> Option<Issuer> {
    object.allow_only(&["iss", "keys", "subjects", "starters"], faults);
    let iss = object.string("iss", faults);
    let keys = object.objects("keys", faults).unwrap_or_default();
    let keys = keys.iter().filter_map(|one| key(one, faults)).collect();
    let subjects = object.strings("subjects", faults).into_iter().filter_map(|text| {
        let pattern = SubjectPattern::parse(text);
        if pattern.is_none() {
            faults.add(
                &object.at("subjects"),
                format!("{text:?}: write a name, `<prefix>/**` or `<prefix>:*`"),
            );
        }
        pattern
    });
    let subjects = subjects.collect();
    let starters = object.strings("starters", faults).into_iter().map(str::to_owned).collect();
    Some(Issuer { iss: iss?.to_owned(), keys, subjects, starters })
}

/// Reads a JWK that also has the `kid` by which roots name it.
fn key(object: &ConfigObject<'_>, faults: &mut ConfigFaults) -> Option<(String, PublicKey)> {
    let kid = object.string("kid", faults);
    let jwk: serde_json::Map<_, _> =
        object.members().filter(|(name, _)| *name != "kid").map(|(n, v)| (n.to_owned(), v.clone())).collect();
    let key = PublicKey::from_jwk(Value::Object(jwk).to_string().as_bytes())
        .map_err(|error| faults.add(object.path(), format!("not a public JWK: {error}")))
        .ok()?;
    if !PureVerifier.is_point(&key) {
        faults.add(object.path(), "not a public JWK: its coordinates are not a point of the curve");
    }
    Some((kid?.to_owned(), key))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::config_json as good;

    fn faults_of(config: &Value) -> Vec<String> {
        FilterConfig::parse(config.to_string().as_bytes())
            .err()
            .unwrap_or_default()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// The one fault of the good configuration after `change`.
    fn fault_after(change: impl FnOnce(&mut Value)) -> String {
        let mut config = good();
        change(&mut config);
        let faults = faults_of(&config);
        assert_eq!(faults.len(), 1, "{faults:?}");
        faults.into_iter().next().unwrap()
    }

    #[test]
    fn a_good_configuration_is_read_completely() {
        let config = crate::testing::config();
        let localhost = Host::parse("localhost").unwrap();
        for name in ["localhost", "LOCALHOST:10000", "127.0.0.1"] {
            assert_eq!(config.hosts.canonical(name.as_bytes()), Some(&localhost));
        }
        assert_eq!(
            (config.terms.audience.as_str(), config.terms.max_lifetime, config.terms.leeway),
            ("demo", 3600, 5)
        );
        assert_eq!(config.issuers().collect::<Vec<_>>(), ["https://authority.demo"]);
        assert_eq!(config.trust.issuers()[0].keys[0].0, "a1");
    }

    #[test]
    fn a_seal_needs_the_name_of_the_mesh_and_takes_nothing_else() {
        let parsed = |config: Value| FilterConfig::parse(config.to_string().as_bytes());
        let seal = parsed(json!({"position": "seal", "audience": "demo"})).unwrap();
        assert!(matches!(seal, FilterConfig::Seal(SealConfig { audience }) if audience == "demo"));
        assert_eq!(faults_of(&json!({"position": "seal"})), ["audience: is missing"]);
        assert_eq!(faults_of(&json!({"position": "seal", "audience": "a\"b"})).len(), 1);
        let surplus = faults_of(&json!({"position": "seal", "audience": "demo", "hosts": {}}));
        assert!(surplus[0].starts_with("hosts: "), "{surplus:?}");
    }

    #[test]
    fn each_fault_is_named_with_its_place() {
        type ConfigEdit = fn(&mut Value);
        let cases: [(&str, ConfigEdit); 14] = [
            ("position: ", |c| c["position"] = json!("door")),
            ("audience: ", |c| c["audience"] = json!(7)),
            ("max_lifetime: ", |c| c["max_lifetime"] = json!("1h")),
            ("leeway: ", |c| c["leeway"] = json!(-1)),
            ("fail_open: ", |c| c["fail_open"] = json!(true)),
            ("hosts: ", |c| c["hosts"] = json!({})),
            ("hosts.Local: ", |c| c["hosts"]["Local"] = json!([])),
            ("hosts.localhost: ", |c| c["hosts"]["localhost"] = json!(["LOCALHOST"])),
            ("hosts.other: ", |c| c["hosts"]["other"] = json!(["127.0.0.1"])),
            ("issuers: ", |c| c["issuers"] = json!([])),
            ("issuers[0].iss: ", |c| drop(c["issuers"][0].as_object_mut().unwrap().remove("iss"))),
            ("issuers[0].subjects: ", |c| c["issuers"][0]["subjects"] = json!(["a*b"])),
            ("issuers[0].keys[0]: ", |c| c["issuers"][0]["keys"][0]["d"] = json!("AA")),
            ("issuers[0].keys[0]: ", |c| {
                c["issuers"][0]["keys"][0]["y"] = c["issuers"][0]["keys"][0]["x"].clone();
            }),
        ];
        for (place, change) in cases {
            let fault = fault_after(change);
            assert!(fault.starts_with(place), "{fault:?} does not start with {place:?}");
        }
    }

    #[test]
    fn all_faults_are_reported_at_once() {
        let mut config = good();
        config["leeway"] = json!(31);
        config["hosts"]["B"] = json!([]);
        config["issuers"][0]["keys"][0]["kty"] = json!("RSA");
        config["issuers"][0]["surplus"] = json!(1);
        assert_eq!(faults_of(&config).len(), 4, "{:?}", faults_of(&config));
    }

    #[test]
    fn a_missing_member_is_named() {
        let faults = faults_of(&json!({}));
        for member in MEMBERS {
            assert!(
                faults.iter().any(|fault| fault.starts_with(&format!("{member}: "))),
                "{member}: {faults:?}"
            );
        }
    }

    #[test]
    fn a_configuration_that_is_not_an_object_is_refused() {
        for text in ["", "[]", "7", "{", "\u{feff}{}"] {
            assert_eq!(FilterConfig::parse(text.as_bytes()).unwrap_err().len(), 1, "{text:?}");
        }
    }
}
