//! An attestor: it signs statements about workloads and about conditions, true ones and false ones, with times of its choice.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use warrant::mint::Signer;

use crate::keys::TestKey;
use crate::server::Home;
use crate::signed_bundles::now;

/// The attestor of a home directory, or another one.
#[derive(Clone, Debug)]
pub struct Attestor {
    pub iss: String,
    pub kid: String,
    pub key: TestKey,
}

impl Attestor {
    /// The attestor that `init` makes.
    #[must_use]
    pub fn of(home: &Home) -> Attestor {
        let key = TestKey::read(&home.file("keys/attestor.jwk"));
        Attestor { iss: "https://attestor.demo".to_owned(), kid: "t1".to_owned(), key }
    }

    /// A positive statement about a workload that runs this, made so many seconds ago; a negative age is in the future.
    /// `change` changes its claims.
    #[must_use]
    pub fn about(
        &self,
        workload: &str,
        measurement: &str,
        age: i64,
        change: impl FnOnce(&mut Value),
    ) -> String {
        let made = now().saturating_add_signed(-age);
        let mut claims = json!({
            "iss": self.iss, "sub": workload, "iat": made, "exp": made + 3600, "aud": "demo",
            "measurement": [measurement], "dbgstat": "disabled", "status": "positive",
        });
        change(&mut claims);
        self.sign("workload-attestation+jwt", &claims)
    }

    /// A statement that a condition of the mesh has this value, made so many seconds ago.
    #[must_use]
    pub fn condition(&self, name: &str, value: &str, age: i64) -> String {
        let made = now().saturating_add_signed(-age);
        let claims = json!({
            "iss": self.iss, "iat": made, "exp": made + 3600, "aud": "demo", "name": name, "value": value,
            "scope": "mesh",
        });
        self.sign("condition+jwt", &claims)
    }

    fn sign(&self, typ: &str, claims: &Value) -> String {
        let header = json!({"alg": self.key.public_key().alg().name(), "typ": typ, "kid": self.kid});
        let [header, claims] = [&header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let input = format!("{header}.{claims}");
        let signature = self.key.sign(input.as_bytes()).unwrap_or_else(|why| panic!("{input}: {why}"));
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A measurement: the digest of a build.
#[must_use]
pub fn build(number: u8) -> String {
    format!("sha256:{}", format!("{number:02x}").repeat(32))
}
