//! Forges tokens member by member, so that a test can break each rule alone. All tokens are signed, because a broken
//! signature would hide every later fault.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use warrant::{
    Digest,
    mint::{PureSigner, Signer as _},
};

use super::{AUTHORITY, NOW, authority, holder};

/// A link before it is signed. It is good until a test changes it.
pub(crate) struct ForgedLink {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    /// The signer.
    pub(crate) signer: PureSigner,
    /// Replacements in the payload's JSON text, for texts that no JSON value can express.
    payload_edits: Vec<(String, String)>,
    header_edits: Vec<(String, String)>,
    signature: Option<[u8; 64]>,
}

impl ForgedLink {
    /// A good link at `position`. `parent` is the text of the link before it.
    fn good(position: u8, parent: Option<&str>) -> Self {
        let mut claims = json!({
            "sub": format!("spiffe://shop/ns/shop/sa/h{position}"),
            "aud": ["shop"],
            "jti": format!("j{position}"),
            "iat": NOW - 10,
            "nbf": NOW - 10,
            "exp": NOW + 50,
            "cnf": {"jwk": jwk(&holder(position))},
            "depth": position,
            "max_depth": 7,
            "env": {},
            "authorization_details": [{
                "type": "execution",
                "hosts": ["payments.shop"],
                "methods": ["POST"],
                "paths": ["/v1/payments/**"],
            }],
        });
        let mut header = json!({"alg": "ES256", "typ": "warrant+jwt"});
        let signer = match parent {
            None => {
                header["kid"] = json!("a1");
                claims["iss"] = json!(AUTHORITY);
                claims["txn"] = json!("t1");
                authority()
            }
            Some(text) => {
                let signer = holder(position - 1);
                claims["iss"] = json!(signer.public_key().thumbprint().uri());
                claims["parent"] = json!(digest_of(text));
                signer
            }
        };
        Self { header, claims, signer, payload_edits: vec![], header_edits: vec![], signature: None }
    }

    pub(crate) fn set(&mut self, claim: &str, value: Value) -> &mut Self {
        self.claims[claim] = value;
        self
    }

    pub(crate) fn drop(&mut self, claim: &str) -> &mut Self {
        assert!(self.claims.as_object_mut().unwrap().remove(claim).is_some(), "{claim} is there");
        self
    }

    /// Sets a member of the first detail.
    pub(crate) fn detail(&mut self, member: &str, value: Value) -> &mut Self {
        self.claims["authorization_details"][0][member] = value;
        self
    }

    pub(crate) fn head(&mut self, member: &str, value: Value) -> &mut Self {
        self.header[member] = value;
        self
    }

    /// Changes the payload's text.
    pub(crate) fn edit(&mut self, from: &str, to: &str) -> &mut Self {
        self.payload_edits.push((from.into(), to.into()));
        self
    }

    /// Changes the header's text.
    pub(crate) fn edit_header(&mut self, from: &str, to: &str) -> &mut Self {
        self.header_edits.push((from.into(), to.into()));
        self
    }

    pub(crate) fn signed_by(&mut self, signer: PureSigner) -> &mut Self {
        self.signer = signer;
        self
    }

    pub(crate) fn signature(&mut self, bytes: [u8; 64]) -> &mut Self {
        self.signature = Some(bytes);
        self
    }

    fn text(&self) -> String {
        let header = edited(&self.header, &self.header_edits);
        let payload = edited(&self.claims, &self.payload_edits);
        match self.signature {
            None => signed(&header, &payload, &self.signer),
            Some(bytes) => format!("{}.{}", signing_input(&header, &payload), base64url(&bytes)),
        }
    }
}

/// A chain with one link for each edit. Each link is edited, then signed, and the next link names the result.
pub(crate) fn forged(edits: &[&dyn Fn(&mut ForgedLink)]) -> String {
    let mut links: Vec<String> = Vec::new();
    for (edit, position) in edits.iter().zip(0..) {
        let mut link = ForgedLink::good(position, links.last().map(String::as_str));
        edit(&mut link);
        links.push(link.text());
    }
    links.join("~")
}

/// A root alone.
pub(crate) fn root_with(edit: impl Fn(&mut ForgedLink)) -> String {
    forged(&[&edit])
}

/// A root and one delegation.
pub(crate) fn pair(parent: impl Fn(&mut ForgedLink), child: impl Fn(&mut ForgedLink)) -> String {
    forged(&[&parent, &child])
}

/// Changes nothing.
pub(crate) fn same(_: &mut ForgedLink) {}

pub(crate) fn jwk(signer: &PureSigner) -> Value {
    serde_json::from_str(&signer.public_key().to_jwk_json()).unwrap()
}

pub(crate) fn digest_of(link: &str) -> String {
    Digest::of(link.rsplit_once('.').unwrap().0.as_bytes()).to_base64url()
}

pub(crate) fn signed(header: &str, payload: &str, signer: &PureSigner) -> String {
    let input = signing_input(header, payload);
    format!("{input}.{}", base64url(&signer.sign(input.as_bytes()).unwrap()))
}

pub(crate) fn signing_input(header: &str, payload: &str) -> String {
    format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()))
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn root_header() -> String {
    text(&json!({"alg": "ES256", "typ": "warrant+jwt", "kid": "a1"}))
}

pub(crate) fn link_header() -> String {
    text(&json!({"alg": "ES256", "typ": "warrant+jwt"}))
}

/// A payload of good form. `members` is the text of its `aud`, `env` and `authorization_details`.
pub(crate) fn payload_with(members: &str, is_root: bool) -> String {
    let parent = (!is_root).then_some("a.b.c");
    let mut link = ForgedLink::good(u8::from(!is_root), parent);
    for claim in ["aud", "env", "authorization_details"] {
        link.drop(claim);
    }
    format!("{},{members}}}", text(&link.claims).strip_suffix('}').unwrap())
}

/// JSON with its members sorted by name. Otherwise their order would depend on which other crates are built in the same
/// workspace: one of them may turn on a feature of `serde_json`.
pub(crate) fn text(value: &Value) -> String {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    sorted.to_string()
}

fn edited(value: &Value, edits: &[(String, String)]) -> String {
    edits.iter().fold(text(value), |text, (from, to)| {
        assert!(text.contains(from.as_str()), "{from} is in {text}");
        text.replacen(from.as_str(), to, 1)
    })
}
