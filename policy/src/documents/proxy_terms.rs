//! What a bundle says of one proxy, besides the hosts that it serves.

use std::collections::BTreeMap;

/// The terms of one proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyTerms {
    /// Whether the name of a client counts without the client's certificate. Only a mesh in which every connection is
    /// mutual TLS may say so, for proxies that do not send the certificate.
    pub strict_mtls: bool,
    /// The allowed values of each dimension of the environment.
    pub environment: Vec<(String, Vec<String>)>,
}

impl ProxyTerms {
    /// The environment of a decision that this proxy asks for: the server's own, narrowed. A dimension whose value is not
    /// among the allowed ones has no value. Nothing is added: a dimension that the server does not have stays unknown.
    pub fn narrow(&self, server: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let is_allowed = |dimension: &String, value: &String| {
            self.environment
                .iter()
                .filter(|(name, _)| name == dimension)
                .all(|(_, values)| values.contains(value))
        };
        let kept = server.iter().filter(|(dimension, value)| is_allowed(dimension, value));
        kept.map(|(dimension, value)| (dimension.clone(), value.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> BTreeMap<String, String> {
        [("region", "eu-1"), ("zone", "a")].map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    fn narrowed(dimension: &str, values: &[&str]) -> BTreeMap<String, String> {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let environment = vec![(dimension.to_owned(), values)];
        ProxyTerms { environment, ..ProxyTerms::default() }.narrow(&server())
    }

    #[test]
    fn a_proxy_narrows_the_environment_of_the_server_and_adds_nothing_to_it() {
        assert_eq!(ProxyTerms::default().narrow(&server()), server());
        assert_eq!(narrowed("region", &["eu-1", "eu-2"]), server());
        assert_eq!(narrowed("region", &["us-1"]), [("zone".to_owned(), "a".to_owned())].into());
        assert_eq!(narrowed("cluster", &["prod"]), server());
    }
}
