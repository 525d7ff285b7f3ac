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
    pub(super) issuer: &'a str,
    pub(super) audience: &'a str,
    pub(super) caller: &'a str,
    pub(super) lifetime: u64,
    pub(super) uses: Option<u32>,
    pub(super) details: Vec<GrantDetail>,
    pub(super) now: Seconds,
}

impl TestWarrant<'_> {
    /// The chain, with verified signatures; or why the described warrant cannot exist.
    pub(super) fn chain(&self) -> Result<Chain, String> {
        let key = TestAuthorityKey::new().ok_or("the key for the test could not be made")?;
        let token =
            self.token(&key).map_err(|error| format!("the described warrant cannot be minted: {error:?}"))?;
        let refused = |denial: Denial| format!("the described warrant is refused: {}", denial.code());
        let presented = PresentedWarrant::parse(token.as_bytes()).map_err(refused)?;
        presented.verify(&self.trust(&key)?, &AwsLcVerifier).map_err(refused)
    }

    fn root_sub(&self) -> &str {
        self.described.root.as_deref().unwrap_or(self.caller)
    }

    fn token(&self, key: &TestAuthorityKey) -> Result<String, MintError> {
        let attr = |name: &str| self.described.attr.get(name).map(|text| text.as_str().into());
        let attr = Attribution { run: attr("run"), agent: attr("agent"), purpose: attr("purpose") };
        let root = Root {
            iss: self.issuer.to_owned(),
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

    /// Trusts the tests' authority under the name of the issuer.
    fn trust(&self, key: &TestAuthorityKey) -> Result<Trust, String> {
        let mut subjects: Vec<_> =
            [self.root_sub(), self.caller].into_iter().filter_map(SubjectPattern::parse).collect();
        subjects.dedup();
        let starters = self.described.started_by.iter().map(|(iss, _)| iss.clone()).collect();
        let issuer = Issuer {
            iss: self.issuer.to_owned(),
            keys: vec![("test".to_owned(), key.public)],
            subjects,
            starters,
        };
        Trust::new(vec![issuer]).map_err(|error| error.to_string())
    }
}
