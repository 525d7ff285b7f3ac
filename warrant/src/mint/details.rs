//! Details that are not in a warrant yet: those that a client asks for, or that a policy may grant. They are read as strictly
//! as those of a link.

use super::GrantDetail;
use crate::{
    claims::{Detail, ReadMode, read_details as read},
    json::{JsonReader, Malformed},
};

/// Why a text is not a list of details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetailsFault(pub &'static str);

/// Reads `authorization_details`: a JSON array of `execution` details.
///
/// # Errors
/// When a link with these details would be malformed.
pub fn read_details(json: &[u8]) -> Result<Vec<Detail>, DetailsFault> {
    let all = |json| {
        let mut reader = JsonReader::new(json)?;
        let details = read(&mut reader, ReadMode::Keep)?;
        reader.end()?;
        Ok(details)
    };
    all(json).map_err(|Malformed(what)| DetailsFault(what))
}

impl Detail {
    /// The same detail with another name for each host, each name once.
    #[must_use]
    pub fn with_hosts_named(&self, name: impl Fn(&str) -> String) -> Self {
        let mut hosts: Vec<Box<str>> = Vec::new();
        for host in self.hosts() {
            let host = name(host).into_boxed_str();
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        self.with_hosts(hosts)
    }

    /// The same detail for these of its hosts alone; `None` if it has none of them.
    #[must_use]
    pub fn at_hosts(&self, keep: impl Fn(&str) -> bool) -> Option<Self> {
        let hosts: Vec<_> = self.hosts().iter().filter(|host| keep(host)).cloned().collect();
        (!hosts.is_empty()).then(|| self.with_hosts(hosts))
    }
}

impl From<&Detail> for GrantDetail {
    fn from(detail: &Detail) -> Self {
        let texts = |texts: &[Box<str>]| texts.iter().map(|text| text.to_string()).collect();
        Self {
            hosts: texts(detail.hosts()),
            methods: texts(detail.methods()),
            paths: detail.paths().iter().map(|path| path.as_str().to_owned()).collect(),
            actions: detail.actions().map(texts),
            args: detail.args().map(|(name, bound)| (name.to_owned(), bound.clone())).collect(),
        }
    }
}

impl std::fmt::Display for DetailsFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for DetailsFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_read_as_strictly_as_those_of_a_link() {
        let good = r#"[{"type":"execution","hosts":["a","b"],"methods":["GET"],"paths":["/x/**"],"args":{"n":{"range":[1,2]}}}]"#;
        let details = read_details(good.as_bytes()).unwrap();
        let granted = GrantDetail::from(&details[0]);
        assert_eq!((granted.hosts.len(), granted.paths), (2, vec!["/x/**".to_owned()]));
        assert_eq!(granted.args.len(), 1);
        for bad in [
            "",
            "[]",
            "{}",
            "[1]",
            r#"[{"type":"other"}]"#,
            &format!("{good} ]"),
            &good.replace("range", "rang"),
        ] {
            assert!(read_details(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_detail_is_kept_for_some_of_its_hosts_and_never_for_another() {
        let good = br#"[{"type":"execution","hosts":["a","b"],"methods":["GET"],"paths":["/x"]}]"#;
        let detail = read_details(good).unwrap().remove(0);
        let one = detail.at_hosts(|host| host == "b").unwrap();
        assert!(one.is_within(&detail) && !detail.is_within(&one));
        assert_eq!(one.hosts(), [Box::from("b")]);
        assert_eq!(detail.at_hosts(|host| host == "c"), None);
        assert_eq!(detail.with_hosts_named(|_| "c".to_owned()).hosts(), [Box::from("c")]);
    }
}
