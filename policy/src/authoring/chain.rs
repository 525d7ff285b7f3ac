//! Mints the warrant of a test: a real one, signed by an authority that exists only in tests, so that
//! `warrant` itself checks it.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use warrant::mint::{Delegation, Grant, GrantDetail, MintError, Root, Signer, SignerError};
use warrant::{
    Algorithm, Attribution, AwsLcVerifier, Chain, Denial, Issuer, PresentedWarrant, PublicKey, Seconds,
    Starter, SubjectPattern, Trust,
};

use crate::documents::situation::WarrantDoc;

/// The key of the tests' authority. It is public, and is trusted only inside a test.
struct TestAuthorityKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl TestAuthorityKey {
    fn new() -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).ok()?;
        let public = PublicKey::from_raw(Algorithm::Ed25519, pair.public_key().as_ref()).ok()?;
        Some(Self { pair, public })
    }
}

impl Signer for TestAuthorityKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, input: &[u8]) -> Result<[u8; 64], SignerError> {
        self.pair
            .sign(input)
            .as_ref()
            .try_into()
            .map_err(|_| SignerError("the signature does not have 64 bytes".to_owned()))
    }
}

/// The content of a test's warrant: what the test describes, and the values for the rest.
pub(super) struct TestWarrant<'a> {
    pub(super) described: &'a WarrantDoc,
    pub(super) mesh: &'a Trust,
    pub(super) audience: &'a str,
    pub(super) caller: &'a str,
    pub(super) lifetime: u64,
    pub(super) uses: Option<u32>,
    pub(super) details: Vec<GrantDetail>,
    pub(super) now: Seconds,
}

impl TestWarrant<'_> {
    /// The chain, with verified signatures, or its denial under the trust of the mesh; or why the described warrant
    /// cannot exist.
    pub(super) fn chain(&self) -> Result<Result<Chain, Denial>, String> {
        let key = TestAuthorityKey::new().ok_or("the key for the test could not be made")?;
        let token =
            self.token(&key).map_err(|error| format!("the described warrant cannot be minted: {error:?}"))?;
        let trust = self.trust(&key)?;
        let presented = PresentedWarrant::parse(token.as_bytes());
        Ok(presented.and_then(|presented| presented.verify(&trust, &AwsLcVerifier)))
    }

    /// Why the mesh does not trust this warrant; `None` if it does.
    pub(super) fn why_untrusted(&self) -> Option<String> {
        let (iss, sub) = (self.iss(), self.root_sub());
        let Some(issuer) = self.mesh.issuers().iter().find(|issuer| issuer.iss == iss) else {
            return Some(format!("the mesh has no issuer `{iss}`"));
        };
        if !issuer.subjects.iter().any(|pattern| pattern.matches(sub)) {
            return Some(format!("no issuer of the mesh may vouch for `{sub}`: see `subjects` in mesh.yaml"));
        }
        let (by, _) = self.described.started_by.as_ref()?;
        let may_name = by == iss || issuer.starters.contains(by);
        (!may_name).then(|| {
            format!("the issuer `{iss}` may not name who is known to `{by}`: see `starters` in mesh.yaml")
        })
    }

    /// The issuer that the test names, or the one that may vouch for the holder of the root.
    fn iss(&self) -> &str {
        let vouches =
            |issuer: &&Issuer| issuer.subjects.iter().any(|pattern| pattern.matches(self.root_sub()));
        let issuers = self.mesh.issuers();
        let issuer = issuers.iter().find(vouches).or(issuers.first());
        self.described.issuer.as_deref().or(issuer.map(|issuer| issuer.iss.as_str())).unwrap_or_default()
    }

    fn root_sub(&self) -> &str {
        self.described.root.as_deref().unwrap_or(self.caller)
    }

    fn token(&self, key: &TestAuthorityKey) -> Result<String, MintError> {
        let attr = |name: &str| self.described.attr.get(name).map(|text| text.as_str().into());
        let attr = Attribution { run: attr("run"), agent: attr("agent"), purpose: attr("purpose") };
        let root = Root {
            iss: self.iss().to_owned(),
            txn: "test".to_owned(),
            ini: self
                .described
                .started_by
                .as_ref()
                .map(|(iss, sub)| Starter { iss: iss.as_str().into(), sub: sub.as_str().into() }),
            pol: None,
            dec: None,
            attr: (!self.described.attr.is_empty()).then_some(attr),
            grant: self.grant(
                if self.described.depth == 0 { self.caller } else { self.root_sub() },
                key,
                "root",
            ),
        };
        let mut token = root.sign(key, "test")?;
        for depth in 1..=self.described.depth {
            let parent =
                PresentedWarrant::parse(token.as_bytes()).map_err(|_| MintError::Malformed("a parent"))?;
            let grant = self.grant(self.caller, key, &format!("link-{depth}"));
            token = Delegation { grant }.sign(&parent, key)?;
        }
        Ok(token)
    }

    fn grant(&self, sub: &str, key: &TestAuthorityKey, jti: &str) -> Grant {
        Grant {
            sub: sub.to_owned(),
            cnf: key.public,
            aud: vec![self.audience.to_owned()],
            jti: jti.to_owned(),
            iat: self.now,
            nbf: self.now,
            exp: self.now.plus(self.lifetime),
            max_depth: 7,
            use_max: self.uses,
            env: Vec::new(),
            att: None,
            details: self.details.clone(),
        }
    }

    /// The trust of the mesh, where each issuer has the key of the tests' authority instead of its own.
    fn trust(&self, key: &TestAuthorityKey) -> Result<Trust, String> {
        let with_test_key =
            |issuer: &Issuer| Issuer { keys: vec![("test".to_owned(), key.public)], ..issuer.clone() };
        Trust::new(self.mesh.issuers().iter().map(with_test_key).collect()).map_err(|error| error.to_string())
    }
}

/// A holder for tests that name none: one for whom an issuer of the mesh may vouch.
pub(super) fn some_holder(mesh: &Trust) -> String {
    const USUAL: &str = "agent:test";
    let patterns = || mesh.issuers().iter().flat_map(|issuer| &issuer.subjects);
    if patterns().any(|pattern| pattern.matches(USUAL)) {
        return USUAL.to_owned();
    }
    match patterns().next() {
        Some(SubjectPattern::Exact(name)) => name.to_string(),
        Some(SubjectPattern::Below(prefix)) => format!("{prefix}/test"),
        Some(SubjectPattern::Named(prefix)) => format!("{prefix}:test"),
        None => USUAL.to_owned(),
    }
}
