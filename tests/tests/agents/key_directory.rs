//! A directory with key files for the binary, and the binary's verdicts on warrants. It needs no server.

use portcullis_tests::command::portcullis;
use serde_json::{Value, json};
use std::fs;
use std::time::SystemTime;
use tempfile::TempDir;

pub(crate) const ISSUER: &str = "https://authority.demo";
pub(crate) const AUTHORITY: &str = "localhost:10000";
pub(crate) const PATH: &str = "/v1/payments/a-7?dry=1";

/// A directory with the authority's key. `portcullis key new` makes all keys in it.
pub(crate) struct KeyDirectory {
    directory: TempDir,
}

impl KeyDirectory {
    pub(crate) fn new(alg: &str) -> KeyDirectory {
        let directory = KeyDirectory { directory: tempfile::tempdir().unwrap() };
        directory.new_key("authority.jwk", &["--alg", alg, "--kid", "a1"]);
        directory
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    pub(crate) fn new_key(&self, name: &str, more: &[&str]) {
        let _ = portcullis(&[&["key", "new", "--out", &self.file(name)], more].concat()).success();
    }

    pub(crate) fn private(&self, name: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(self.file(name)).unwrap()).unwrap()
    }

    pub(crate) fn public(&self, name: &str) -> Value {
        serde_json::from_str(&portcullis(&["key", "show", &self.file(name)]).success()).unwrap()
    }

    /// Writes JSON to a file, and returns its path.
    #[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
    pub(crate) fn write(&self, name: &str, value: &Value) -> String {
        fs::write(self.file(name), value.to_string()).unwrap();
        self.file(name)
    }

    /// The code of `warrant verify --json` for one payment, or `ok`.
    pub(crate) fn verdict(&self, warrant: &str, proof: Option<&str>) -> String {
        let key = self.write("authority.pub", &json!({"keys": [self.authority_with_kid()]}));
        let mut words = vec!["warrant", "verify", warrant, "--json", "--issuer", ISSUER, "--key", &key];
        words.extend(["--aud", "demo", "--method", "POST", "--host", "localhost", "--path", PATH]);
        if let Some(proof) = proof {
            words.extend(["--proof", proof, "--authority", AUTHORITY, "--body", "{}"]);
        }
        let output = portcullis(&words);
        let verdict: Value = serde_json::from_str(&output.out).unwrap_or_else(|_| panic!("{output:?}"));
        let result = verdict["result"].as_str().unwrap().to_owned();
        assert_eq!(output.status, i32::from(result != "ok"), "{output:?}");
        result
    }

    fn authority_with_kid(&self) -> Value {
        let mut jwk = self.public("authority.jwk");
        jwk["kid"] = "a1".into();
        jwk
    }
}

/// The claims of a root warrant for payments.
pub(crate) fn payments(holder: &Value) -> Value {
    let now = now();
    json!({
        "iss": ISSUER, "sub": "agent:demo", "aud": ["demo"], "jti": "r1", "txn": "t1",
        "iat": now, "nbf": now, "exp": now + 300, "cnf": {"jwk": holder},
        "depth": 0, "max_depth": 5, "use": {"max": 3}, "env": {},
        "authorization_details": [detail("/v1/payments/*")],
    })
}

pub(crate) fn detail(path: &str) -> Value {
    json!({"type": "execution", "hosts": ["localhost"], "methods": ["POST"], "paths": [path]})
}

#[expect(clippy::disallowed_methods, reason = "an agent has its own clock")]
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// The same token with one other character in this dot-separated part.
pub(crate) fn with_a_character_changed(token: &str, part: usize) -> String {
    let start = token.match_indices('.').nth(part - 1).unwrap().0 + 11;
    let other = if token.as_bytes()[start] == b'A' { "B" } else { "A" };
    let mut changed = token.to_owned();
    changed.replace_range(start..=start, other);
    changed
}
