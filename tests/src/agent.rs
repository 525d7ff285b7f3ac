//! The agent holds a key and sends requests. Its authority signs its warrants. A test can give either a wrong key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;
use warrant::mint::{Delegation, Grant, GrantDetail, NewProof, Root, Signer};
use warrant::{PresentedWarrant, Seconds};

use crate::client::ClientRequest;
use crate::keys::TestKey;
use crate::server::Home;

/// An agent and its authority.
#[derive(Clone, Debug)]
pub struct Agent {
    pub holder: TestKey,
    pub authority: TestKey,
}

/// The content of a warrant. Start from [`hello`] or [`payment`], and change what the test is about.
#[derive(Clone, Debug)]
pub struct WarrantSpec {
    pub issuer: String,
    pub kid: String,
    pub holder: String,
    pub audience: String,
    pub host: String,
    pub methods: Vec<String>,
    pub path: String,
    /// How many seconds ago it was minted. A negative age is in the future.
    pub age: i64,
    /// For how many seconds after that it is valid.
    pub lifetime: u64,
    /// How often it may be used.
    pub uses: Option<u32>,
    /// The deepest delegation that it allows.
    pub max_depth: u64,
    /// The measurement that it is bound to.
    pub measurement: Option<String>,
}

/// A warrant for the sample route `hello`, valid for a minute.
#[must_use]
pub fn hello() -> WarrantSpec {
    WarrantSpec {
        issuer: "https://authority.demo".to_owned(),
        kid: "a1".to_owned(),
        holder: "agent:demo".to_owned(),
        audience: "demo".to_owned(),
        host: "localhost".to_owned(),
        methods: vec!["GET".to_owned()],
        path: "/hello/**".to_owned(),
        age: 0,
        lifetime: 60,
        uses: None,
        max_depth: 0,
        measurement: None,
    }
}

/// A warrant for one payment on the sample route `pay`.
#[must_use]
pub fn payment() -> WarrantSpec {
    WarrantSpec {
        methods: vec!["POST".to_owned()],
        path: "/v1/payments/*".to_owned(),
        uses: Some(1),
        ..hello()
    }
}

impl WarrantSpec {
    /// What a new link with this content grants to the holder of a key.
    fn grant(&self, holder: &TestKey) -> Grant {
        let minted = Seconds::new(now().saturating_add_signed(-self.age));
        Grant {
            sub: self.holder.clone(),
            cnf: *holder.public_key(),
            aud: vec![self.audience.clone()],
            jti: unique_id(),
            iat: minted,
            nbf: minted,
            exp: Seconds::new(minted.get() + self.lifetime),
            max_depth: self.max_depth,
            use_max: self.uses,
            env: Vec::new(),
            att: self.measurement.clone().map(|one| vec![one]),
            details: vec![GrantDetail {
                hosts: vec![self.host.clone()],
                methods: self.methods.clone(),
                paths: vec![self.path.clone()],
                ..GrantDetail::default()
            }],
        }
    }
}

impl Agent {
    /// The sample agent of a home directory, and its authority.
    #[must_use]
    pub fn at(home: &Home) -> Agent {
        Agent {
            holder: TestKey::read(&home.file("agent.jwk")),
            authority: TestKey::read(&home.file("keys/authority.jwk")),
        }
    }

    /// A new warrant.
    ///
    /// # Panics
    /// When a warrant with this content cannot be signed.
    #[must_use]
    pub fn warrant(&self, content: &WarrantSpec) -> String {
        let root = Root {
            iss: content.issuer.clone(),
            txn: unique_id(),
            ini: None,
            pol: None,
            dec: None,
            attr: None,
            grant: content.grant(&self.holder),
        };
        root.sign(&self.authority, &content.kid).unwrap_or_else(|why| panic!("{content:?}: {why}"))
    }

    /// Delegates a warrant of this agent's to the holder of another key. The content is that of the new link.
    ///
    /// # Panics
    /// When the link would not be within its parent.
    #[must_use]
    pub fn delegate(&self, warrant: &str, content: &WarrantSpec, to: &TestKey) -> String {
        let parent = PresentedWarrant::parse(warrant.as_bytes()).unwrap_or_else(|why| panic!("{why}"));
        let delegation = Delegation { grant: content.grant(to) };
        delegation.sign(&parent, &self.holder).unwrap_or_else(|why| panic!("{content:?}: {why}"))
    }

    /// Changes the claims of a warrant's last link and signs it again with this key: what no honest tool would mint.
    ///
    /// # Panics
    /// When this is not a warrant.
    #[must_use]
    pub fn forge(warrant: &str, signer: &TestKey, change: impl FnOnce(&mut Value)) -> String {
        let (parents, leaf) =
            warrant.rsplit_once('~').map_or(("", warrant), |(parents, leaf)| (parents, leaf));
        let [header, payload, _] =
            leaf.split('.').collect::<Vec<_>>().try_into().expect("a link has three parts");
        let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
        let mut claims = serde_json::from_slice(&payload).expect("claims are JSON");
        change(&mut claims);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = signer.sign(signed.as_bytes()).expect("a key signs");
        let leaf = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        if parents.is_empty() { leaf } else { format!("{parents}~{leaf}") }
    }

    /// A new proof of possession for one request.
    ///
    /// # Panics
    /// When a proof for this request cannot be signed.
    #[must_use]
    pub fn proof(&self, warrant: &str, request: &ClientRequest) -> String {
        let proof = NewProof {
            jti: unique_id(),
            iat: Seconds::new(now()),
            method: &request.method,
            authority: &request.host,
            path_and_query: &request.target,
            warrant_header: warrant,
            body: (!request.body.is_empty()).then_some(&request.body),
        };
        proof.sign(&self.holder).unwrap_or_else(|why| panic!("{request:?}: {why}"))
    }

    /// Adds this warrant and a new proof to a request.
    #[must_use]
    pub fn present(&self, warrant: &str, request: ClientRequest) -> ClientRequest {
        let proof = self.proof(warrant, &request);
        request.with("warrant", warrant).with("warrant-proof", proof)
    }

    /// A request to the sample host with a new warrant and a new proof.
    #[must_use]
    pub fn request(&self, content: &WarrantSpec, method: &str, target: &str) -> ClientRequest {
        self.present(&self.warrant(content), ClientRequest::new(method, crate::world::HOST, target))
    }
}

/// An id that no other warrant or proof of this process has. Every world has a ledger of its own, so this is enough.
fn unique_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("harness-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

#[expect(clippy::disallowed_methods, reason = "an agent has its own clock")]
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970").as_secs()
}
