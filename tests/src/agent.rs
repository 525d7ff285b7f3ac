//! The agent holds a key and sends requests. Its authority signs its warrants. A test can give either a wrong key.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;
use warrant::Seconds;
use warrant::mint::{GrantDetail, NewProof, Root, Signer};

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
    pub method: String,
    pub path: String,
    /// How many seconds ago it was minted. A negative age is in the future.
    pub age: i64,
    /// For how many seconds after that it is valid.
    pub lifetime: u64,
    /// How often it may be used.
    pub uses: Option<u32>,
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
        method: "GET".to_owned(),
        path: "/hello/**".to_owned(),
        age: 0,
        lifetime: 60,
        uses: None,
    }
}

/// A warrant for one payment on the sample route `pay`.
#[must_use]
pub fn payment() -> WarrantSpec {
    WarrantSpec { method: "POST".to_owned(), path: "/v1/payments/*".to_owned(), uses: Some(1), ..hello() }
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
        let minted = Seconds::new(now().saturating_add_signed(-content.age));
        let root = Root {
            iss: content.issuer.clone(),
            txn: unique_id(),
            ini: None,
            pol: None,
            dec: None,
            attr: None,
            grant: warrant::mint::Grant {
                sub: content.holder.clone(),
                cnf: *self.holder.public_key(),
                aud: vec![content.audience.clone()],
                jti: unique_id(),
                iat: minted,
                nbf: minted,
                exp: Seconds::new(minted.get() + content.lifetime),
                max_depth: 0,
                use_max: content.uses,
                env: Vec::new(),
                att: None,
                details: vec![GrantDetail {
                    hosts: vec![content.host.clone()],
                    methods: vec![content.method.clone()],
                    paths: vec![content.path.clone()],
                    ..GrantDetail::default()
                }],
            },
        };
        root.sign(&self.authority, &content.kid).unwrap_or_else(|why| panic!("{content:?}: {why}"))
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
