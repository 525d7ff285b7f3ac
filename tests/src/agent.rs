//! Who asks: a holder with a key, and the authority from which its warrants come. Both can be other than they should be.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;
use warrant::Seconds;
use warrant::mint::{GrantDetail, NewProof, Root, Signer};

use crate::client::Ask;
use crate::court::Home;
use crate::keys::Key;

/// An agent, with the authority that vouches for it.
#[derive(Clone, Debug)]
pub struct Agent {
    pub holder: Key,
    pub authority: Key,
}

/// What a warrant says. Start from [`hello`] or [`payment`], and change what the test is about.
#[derive(Clone, Debug)]
pub struct Grant {
    pub issuer: String,
    pub kid: String,
    pub holder: String,
    pub audience: String,
    pub host: String,
    pub method: String,
    pub path: String,
    /// How many seconds ago it was minted; negative for the future.
    pub age: i64,
    /// For how many seconds it holds from then on.
    pub lifetime: u64,
    /// How often it may be used.
    pub uses: Option<u32>,
}

/// All of the sample route `hello`, for a minute.
#[must_use]
pub fn hello() -> Grant {
    Grant {
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

/// One payment on the sample route `pay`.
#[must_use]
pub fn payment() -> Grant {
    Grant { method: "POST".to_owned(), path: "/v1/payments/*".to_owned(), uses: Some(1), ..hello() }
}

impl Agent {
    /// The sample agent of a house, and its authority.
    #[must_use]
    pub fn at(home: &Home) -> Agent {
        Agent {
            holder: Key::read(&home.file("agent.jwk")),
            authority: Key::read(&home.file("keys/authority.jwk")),
        }
    }

    /// A new warrant.
    ///
    /// # Panics
    /// When the grant is of no form that could be signed.
    #[must_use]
    pub fn warrant(&self, grant: &Grant) -> String {
        let minted = Seconds::new(now().saturating_add_signed(-grant.age));
        let root = Root {
            iss: grant.issuer.clone(),
            txn: name(),
            ini: None,
            pol: None,
            dec: None,
            attr: None,
            grant: warrant::mint::Grant {
                sub: grant.holder.clone(),
                cnf: *self.holder.public_key(),
                aud: vec![grant.audience.clone()],
                jti: name(),
                iat: minted,
                nbf: minted,
                exp: Seconds::new(minted.get() + grant.lifetime),
                max_depth: 0,
                use_max: grant.uses,
                env: Vec::new(),
                att: None,
                details: vec![GrantDetail {
                    hosts: vec![grant.host.clone()],
                    methods: vec![grant.method.clone()],
                    paths: vec![grant.path.clone()],
                    ..GrantDetail::default()
                }],
            },
        };
        root.sign(&self.authority, &grant.kid).unwrap_or_else(|why| panic!("{grant:?}: {why}"))
    }

    /// A new proof of possession for one request.
    ///
    /// # Panics
    /// When the request is of no form that could be proved.
    #[must_use]
    pub fn proof(&self, warrant: &str, ask: &Ask) -> String {
        let proof = NewProof {
            jti: name(),
            iat: Seconds::new(now()),
            method: &ask.method,
            authority: &ask.host,
            path_and_query: &ask.target,
            warrant_header: warrant,
            body: None,
        };
        proof.sign(&self.holder).unwrap_or_else(|why| panic!("{ask:?}: {why}"))
    }

    /// The request with this warrant and a new proof.
    #[must_use]
    pub fn presents(&self, warrant: &str, ask: Ask) -> Ask {
        let proof = self.proof(warrant, &ask);
        ask.with("warrant", warrant).with("warrant-proof", proof)
    }

    /// A request to the sample host with a new warrant and a new proof.
    #[must_use]
    pub fn asks(&self, grant: &Grant, method: &str, target: &str) -> Ask {
        self.presents(&self.warrant(grant), Ask::new(method, crate::world::HOST, target))
    }
}

/// A name that no other warrant or proof of this process has. Every world has a ledger of its own.
fn name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("harness-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

#[expect(clippy::disallowed_methods, reason = "agents have clocks of their own")]
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970").as_secs()
}
