//! `ledger.witnesses`: who cosigns this log's checkpoints, and at which URLs.
//!
//! A cosignature is verified by its key, so its transport hardly matters. But the size that a witness
//! reports is not signed, and it can stop the server. So nobody on the network path may be able to forge it: the URL
//! must use TLS or loopback.

use hyper::Uri;
use ledger::VerifyingKey;

use crate::fetch::is_loopback;
use policy::fault::FileFaults;
use policy::strict::{Node, list, members, string};

/// A witness: it remembers our checkpoints on another machine and cosigns them with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// The base URL of its API; ends in a slash.
    pub url: String,
    pub key: VerifyingKey,
}

/// Reads all witnesses, or returns `None` if one has a fault; each fault is reported.
pub(super) fn read(node: &Node, page: FileFaults<'_>) -> Option<Vec<Witness>> {
    let nodes = list(node, page)?;
    let mut read: Vec<Witness> = Vec::new();
    for node in nodes {
        let Some(witness) = one(node, page) else { continue };
        if read.iter().any(|other| other.key.name() == witness.key.name()) {
            page.fault(
                node.at,
                format!("the witness `{}` occurs twice", witness.key.name()),
                "list each witness once, with its current key",
            );
        }
        read.push(witness);
    }
    (read.len() == nodes.len()).then_some(read)
}

fn one(node: &Node, page: FileFaults<'_>) -> Option<Witness> {
    let part = members(node, &["url", "key"], page)?;
    let url = part.need("url", page).and_then(|node| url(node, page));
    let key = part.need("key", page).and_then(|node| key(node, page));
    Some(Witness { url: url?, key: key? })
}

fn url(node: &Node, page: FileFaults<'_>) -> Option<String> {
    let text = string(node, page)?;
    let is_valid = text.parse::<Uri>().is_ok_and(|uri| {
        let host = uri.host().unwrap_or_default();
        let is_private = match uri.scheme_str() {
            Some("https") => !host.is_empty(),
            Some("http") => is_loopback(host),
            Some(_) | None => false,
        };
        is_private && uri.query().is_none() && !text.contains('#')
    });
    if !is_valid {
        page.fault(
            node.at,
            format!("`{text}` is not a valid witness URL"),
            "write https://HOST/PATH/, without a query (http:// to a loopback address only)",
        );
    }
    is_valid.then(|| format!("{}/", text.trim_end_matches('/')))
}

fn key(node: &Node, page: FileFaults<'_>) -> Option<VerifyingKey> {
    let cure = "copy the line `name+id+base64` of the witness's own cosigning key (type 4)";
    match string(node, page)?.parse::<VerifyingKey>() {
        Ok(key) if key.is_witness() => Some(key),
        Ok(_) => {
            page.fault(node.at, "this is the key of a log, not of a witness", cure);
            None
        }
        Err(fault) => {
            page.fault(node.at, fault.to_string(), cure);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use policy::fault::{Fault, Faults};
    use policy::strict;

    fn read_text(yaml: &str) -> Result<Vec<Witness>, Vec<Fault>> {
        let faults = Faults::new();
        let page = faults.in_file(Path::new("portcullis.yaml"));
        let read = strict::yaml(yaml.as_bytes(), page).and_then(|tree| read(&tree, page));
        read.filter(|_| faults.is_empty()).ok_or_else(|| faults.into_sorted())
    }

    fn vkey(name: &str) -> String {
        VerifyingKey::of_witness(name, [7; 32]).unwrap().to_string()
    }

    #[test]
    fn witnesses_are_read_with_their_address_and_key() {
        let yaml = format!(
            "- {{url: \"https://w.example/a\", key: \"{}\"}}\n- {{url: \"http://[::1]:7380/\", key: \"{}\"}}\n",
            vkey("w.example/a"),
            vkey("b")
        );
        let read = read_text(&yaml).unwrap();
        let told: Vec<_> = read.iter().map(|one| (one.url.as_str(), one.key.name())).collect();
        assert_eq!(told, [("https://w.example/a/", "w.example/a"), ("http://[::1]:7380/", "b")]);
    }

    #[test]
    fn every_fault_is_reported_with_its_line_and_cure() {
        let of_log = VerifyingKey::of_log("log", [7; 32]).unwrap();
        let slip = vkey("w").replacen("w+", "v+", 1);
        let yaml = format!(
            "- {{url: \"http://w.example/\", key: \"{good}\"}}\n\
             - {{url: \"https://w.example/?a\", key: \"{of_log}\"}}\n\
             - {{url: \"https://w.example/\", key: \"{slip}\"}}\n\
             - {{url: \"https://w.example/\"}}\n\
             - {{key: \"{good}\", name: w}}\n\
             - {{url: \"http://127.0.0.1@w.example/\", key: \"{good}\"}}\n",
            good = vkey("w")
        );
        let faults = read_text(&yaml).unwrap_err();
        let told: Vec<_> = faults.iter().map(|fault| (fault.line, fault.what.as_str())).collect();
        let expected = [
            (1, "`http://w.example/` is not a valid witness URL"),
            (2, "`https://w.example/?a` is not a valid witness URL"),
            (2, "this is the key of a log, not of a witness"),
            (3, "the id does not match the name and the key"),
            (4, "`key` is missing"),
            (5, "`url` is missing"),
            (5, "unknown key `name`"),
            (6, "`http://127.0.0.1@w.example/` is not a valid witness URL"),
        ];
        for (fault, expected) in told.iter().zip(expected) {
            assert_eq!(*fault, expected);
        }
        assert_eq!(told.len(), expected.len(), "{told:?}");
        assert!(faults.iter().all(|fault| !fault.instead.is_empty()));
    }

    #[test]
    fn a_witness_is_listed_once() {
        let one = format!("- {{url: \"https://w.example/\", key: \"{}\"}}\n", vkey("w"));
        let faults = read_text(&one.repeat(2)).unwrap_err();
        assert_eq!((faults.len(), faults[0].line), (1, 2));
        assert!(faults[0].what.contains("twice"), "{faults:?}");
        assert!(read_text("[]").is_err(), "an empty list is a fault");
    }
}
