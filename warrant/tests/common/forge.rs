//! Forging: tokens put together member by member, so that each rule can be broken alone. Whatever is written here is
//! signed, since a broken signature would hide every later fault.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use warrant::{
    Digest,
    mint::{PureSigner, Signer as _},
};

use super::{AUTHORITY, NOW, authority, holder};

/// A link before it is signed: a good one, until something in it is changed.
pub(crate) struct Link {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    /// Who signs it.
    pub(crate) signer: PureSigner,
    /// Replacements in the JSON text of the payload, for what no JSON value can express.
    payload_edits: Vec<(String, String)>,
    header_edits: Vec<(String, String)>,
    signature: Option<[u8; 64]>,
}

impl Link {
    /// A good link at that position, behind `parent`, which is the text of the link before it.
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

    /// A member of the first detail.
    pub(crate) fn detail(&mut self, member: &str, value: Value) -> &mut Self {
        self.claims["authorization_details"][0][member] = value;
        self
    }

    pub(crate) fn head(&mut self, member: &str, value: Value) -> &mut Self {
        self.header[member] = value;
        self
    }

    /// A change of the payload's text.
    pub(crate) fn edit(&mut self, from: &str, to: &str) -> &mut Self {
        self.payload_edits.push((from.into(), to.into()));
        self
    }

    /// A change of the header's text.
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

/// A chain of as many links as there are edits, each signed after it was changed and named by the next as it is then.
pub(crate) fn forged(edits: &[&dyn Fn(&mut Link)]) -> String {
    let mut links: Vec<String> = Vec::new();
    for (edit, position) in edits.iter().zip(0..) {
        let mut link = Link::good(position, links.last().map(String::as_str));
        edit(&mut link);
        links.push(link.text());
    }
    links.join("~")
}

/// A root alone.
pub(crate) fn root_with(edit: impl Fn(&mut Link)) -> String {
    forged(&[&edit])
}

/// A root and one delegation.
pub(crate) fn pair(parent: impl Fn(&mut Link), child: impl Fn(&mut Link)) -> String {
    forged(&[&parent, &child])
}

/// What stays as it is.
pub(crate) fn same(_: &mut Link) {}

pub(crate) fn jwk(signer: &PureSigner) -> Value {
    serde_json::from_str(&signer.public_key().to_jwk_json()).unwrap()
}

pub(crate) fn digest_of(link: &str) -> String {
    Digest::of(link.rsplit_once('.').unwrap().0.as_bytes()).to_string()
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

/// A payload of good form whose `aud`, `env` and `authorization_details` are given as the text of members.
pub(crate) fn payload_with(members: &str, is_root: bool) -> String {
    let parent = (!is_root).then_some("a.b.c");
    let mut link = Link::good(u8::from(!is_root), parent);
    for claim in ["aud", "env", "authorization_details"] {
        link.drop(claim);
    }
    format!("{},{members}}}", text(&link.claims).strip_suffix('}').unwrap())
}

/// JSON with its members sorted by name: whether a map of `serde_json` keeps their order depends on which other crates
/// are built beside this one.
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
