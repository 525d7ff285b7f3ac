//! A golden vector as stored in its file, and the code that judges it. The native tests share it with the module that
//! runs in a Wasm runtime.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use warrant::{
    Argument, Arguments, ChainExpectations, Denial, Host, Issuer, Method, PresentedProof, PresentedWarrant,
    ProofBody, ProofExpectations, PublicKey, RawPath, Revocable, RevocationKind, Seconds, SubjectPattern,
    Target, Terms, Trust, Value, Verifier, single_header,
};

/// One file of `warrant/vectors/`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vector {
    pub(crate) number: usize,
    pub(crate) name: String,
    /// The rule that the vector is about. It just keeps this rule, or it breaks only this rule.
    pub(crate) rule: String,
    pub(crate) trust: Vec<TrustedIssuer>,
    pub(crate) terms: MeshTerms,
    pub(crate) now: u64,
    /// Every value of the header `Warrant`.
    pub(crate) warrant: Vec<String>,
    /// Every value of the header `Warrant-Proof`. Only read if `proof` is `true`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) warrant_proof: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) proof: bool,
    pub(crate) request: VectorRequest,
    /// The action and arguments that the route read from the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) call: Option<VectorCall>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) revoked: Vec<VectorRevocation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) environment: Option<std::collections::BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) measurement: Option<String>,
    /// The `path`s that each burn one use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) burns: Option<Vec<String>>,
    pub(crate) expect: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct TrustedIssuer {
    pub(crate) iss: String,
    pub(crate) keys: Vec<TrustedKey>,
    pub(crate) subjects: Vec<String>,
    pub(crate) starters: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct TrustedKey {
    pub(crate) kid: String,
    pub(crate) jwk: Json,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct MeshTerms {
    pub(crate) audience: String,
    pub(crate) max_lifetime: u64,
    pub(crate) leeway: u64,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct VectorRequest {
    pub(crate) host: String,
    pub(crate) method: String,
    /// The path with its query, if there is one.
    pub(crate) path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) authority: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct VectorCall {
    pub(crate) action: String,
    pub(crate) args: serde_json::Map<String, Json>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct VectorRevocation {
    pub(crate) kind: String,
    pub(crate) iss: String,
    pub(crate) value: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Vector {
    /// `ok`, or the code of the denial.
    pub(crate) fn judge(&self, verifier: &dyn Verifier) -> String {
        self.judged(verifier).map_or_else(|denial| denial.code().to_owned(), |()| "ok".to_owned())
    }

    fn judged(&self, verifier: &dyn Verifier) -> Result<(), Denial> {
        let header = single_header(self.warrant.iter().map(String::as_bytes))?;
        let proof = single_header(self.warrant_proof.iter().map(String::as_bytes))?;
        let (path, _) = RawPath::parse(self.request.path.as_bytes())?;
        let target = Target {
            host: Host::parse(&self.request.host).ok_or(Denial::TargetMismatch)?,
            method: Method::parse(&self.request.method).ok_or(Denial::RequestAmbiguous)?,
            path,
        };
        let header = header.ok_or(Denial::WarrantMissing)?;
        let chain = PresentedWarrant::parse(header)?.verify(&self.trust(), verifier)?;
        let terms = Terms::new(&self.terms.audience, self.terms.max_lifetime, self.terms.leeway).unwrap();
        let revoked = |one: &Revocable| {
            self.revoked.iter().any(|revoked| {
                let kind = RevocationKind::from_word(&revoked.kind).unwrap();
                Revocable::new(kind, &revoked.iss, &revoked.value).mark() == one.mark()
            })
        };
        let expect = ChainExpectations {
            now: Seconds::new(self.now),
            terms: &terms,
            revoked: &revoked,
            target: &target,
        };
        let admitted = chain.check(&expect)?;
        if let Some(call) = &self.call {
            admitted.check_call(&call.action, &call.arguments())?;
        }
        if self.proof {
            let of = ProofExpectations {
                now: Seconds::new(self.now),
                method: &self.request.method,
                authority: self.request.authority.as_ref().unwrap_or(&self.request.host).as_bytes(),
                path_and_query: self.request.path.as_bytes(),
                warrant_header: header,
                body: self
                    .request
                    .body
                    .as_ref()
                    .map_or(ProofBody::Unknown, |body| ProofBody::Read(body.as_bytes())),
            };
            PresentedProof::parse(proof.ok_or(Denial::ProofMissing)?)?.check(
                chain.leaf().cnf().key().unwrap(),
                verifier,
                &of,
            )?;
        }
        if let Some(environment) = &self.environment {
            chain.check_environment(|dimension| environment.get(dimension).map(String::as_str))?;
        }
        if chain.is_bound_to_attestation() {
            let measurement = self.measurement.as_ref().ok_or(Denial::AttestationMissing)?;
            if !chain.admits_measurement(measurement) {
                return Err(Denial::AttestationMismatch);
            }
        }
        let burns: Vec<_> = chain.burns().into_iter().map(|burn| burn.path).collect();
        assert!(
            self.burns.as_ref().is_none_or(|expected| *expected == burns),
            "{} burns {burns:?}",
            self.name
        );
        Ok(())
    }

    fn trust(&self) -> Trust {
        let key = |key: &TrustedKey| {
            (key.kid.clone(), PublicKey::from_jwk(key.jwk.to_string().as_bytes()).unwrap())
        };
        let issuer = |issuer: &TrustedIssuer| Issuer {
            iss: issuer.iss.clone(),
            keys: issuer.keys.iter().map(key).collect(),
            subjects: issuer.subjects.iter().map(|text| SubjectPattern::parse(text).unwrap()).collect(),
            starters: issuer.starters.clone(),
        };
        Trust::new(self.trust.iter().map(issuer).collect()).unwrap()
    }
}

impl VectorCall {
    fn arguments(&self) -> Arguments {
        let mut arguments = Arguments::new();
        for (name, json) in &self.args {
            let argument = match json {
                Json::String(text) => Argument::One(Value::String(text.as_str().into())),
                Json::Bool(flag) => Argument::One(Value::Boolean(*flag)),
                Json::Number(number) => Argument::One(Value::Integer(number.as_i64().unwrap())),
                Json::Array(_) => Argument::List,
                Json::Null | Json::Object(_) => panic!("{name} is no argument"),
            };
            assert!(arguments.insert(name, argument), "{name} is an argument");
        }
        arguments
    }
}
