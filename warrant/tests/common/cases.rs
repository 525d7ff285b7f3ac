//! The descriptions from which the golden vectors are generated. Each bad vector breaks exactly one rule. Next to it
//! are good vectors that just keep the rule.

mod claims;
mod details;
mod keys;
mod lineage;
mod proof;
mod request;
mod wire;

use serde_json::json;

use super::{
    AUTHORITY, NOW, authority,
    forge::jwk,
    vector::{MeshTerms, TrustedIssuer, TrustedKey, Vector, VectorCall, VectorRequest, VectorRevocation},
};

/// Every vector, numbered.
pub(crate) fn all() -> Vec<Vector> {
    let mut list = List { rule: "", vectors: vec![] };
    wire::add(&mut list);
    keys::add(&mut list);
    claims::add(&mut list);
    details::add(&mut list);
    lineage::add(&mut list);
    request::add(&mut list);
    proof::add(&mut list);
    list.vectors
}

pub(crate) struct List {
    rule: &'static str,
    vectors: Vec<Vector>,
}

impl List {
    /// Sets the rule for the vectors that follow.
    fn rule(&mut self, rule: &'static str) {
        self.rule = rule;
    }

    /// Adds a vector: this warrant, for a request that the good warrant covers.
    fn add(&mut self, name: &str, warrant: String, expect: &str) -> &mut Vector {
        let vector = Vector {
            number: self.vectors.len() + 1,
            name: name.into(),
            rule: self.rule.into(),
            trust: vec![TrustedIssuer {
                iss: AUTHORITY.into(),
                keys: vec![TrustedKey { kid: "a1".into(), jwk: jwk(&authority()) }],
                subjects: vec!["spiffe://shop/**".into(), "agent:*".into()],
                starters: vec!["https://idp.shop".into()],
            }],
            terms: MeshTerms { audience: "shop".into(), max_lifetime: 3600, leeway: 5 },
            now: NOW,
            warrant: vec![warrant],
            warrant_proof: vec![],
            proof: false,
            request: VectorRequest {
                host: "payments.shop".into(),
                method: "POST".into(),
                path: "/v1/payments/a-7".into(),
                authority: None,
                body: None,
            },
            call: None,
            revoked: vec![],
            environment: None,
            measurement: None,
            burns: None,
            expect: expect.into(),
        };
        self.vectors.push(vector);
        self.vectors.last_mut().unwrap()
    }
}

impl Vector {
    fn path(&mut self, path: &str) -> &mut Self {
        self.request.path = path.into();
        self
    }

    fn call(&mut self, action: &str, args: serde_json::Value) -> &mut Self {
        let args = args.as_object().unwrap().clone();
        self.call = Some(VectorCall { action: action.into(), args });
        self
    }

    fn revoke(&mut self, kind: &str, value: &str) -> &mut Self {
        let iss = if matches!(kind, "path" | "txn") { AUTHORITY } else { "" };
        self.revoked.push(VectorRevocation { kind: kind.into(), iss: iss.into(), value: value.into() });
        self
    }
}

fn measurement(digit: char) -> serde_json::Value {
    json!(format!("sha256:{}", digit.to_string().repeat(64)))
}
