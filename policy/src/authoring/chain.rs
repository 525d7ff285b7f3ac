//! The warrant of a test: a real one, signed by an authority that exists in the tests alone, so that the law itself judges it.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use warrant::mint::{Delegation, Grant, GrantDetail, MintError, Root, Signer, SignerError};
use warrant::{
    Algorithm, Attribution, AwsLcVerifier, Chain, Denial, Issuer, PresentedWarrant, PublicKey, Seconds,
    Starter, SubjectPattern, Trust,
};

use crate::documents::situation::WarrantDoc;

/// A key that everybody knows, and nobody trusts outside a test.
struct TestKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl TestKey {
    fn new() -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).ok()?;
        let public = PublicKey::from_raw(Algorithm::Ed25519, pair.public_key().as_ref()).ok()?;
        Some(Self { pair, public })
    }
}

impl Signer for TestKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, input: &[u8]) -> Result<[u8; 64], SignerError> {
        self.pair
            .sign(input)
            .as_ref()
            .try_into()
            .map_err(|_| SignerError("a signature of another length".to_owned()))
    }
}

/// What a chain is made from, beside what the test says.
pub(super) struct Made<'a> {
    pub(super) said: &'a WarrantDoc,
    pub(super) issuer: &'a str,
    pub(super) audience: &'a str,
    pub(super) caller: &'a str,
    pub(super) lifetime: u64,
    pub(super) uses: Option<u32>,
    pub(super) details: Vec<GrantDetail>,
    pub(super) now: Seconds,
}

impl Made<'_> {
    /// The chain, its signatures verified; else why what the test says makes none.
    pub(super) fn chain(&self) -> Result<Chain, String> {
        let key = TestKey::new().ok_or("no key could be made for the test")?;
        let token = self
            .token(&key)
            .map_err(|error| format!("the warrant that the test describes cannot be: {error:?}"))?;
        let believed = |denial: Denial| {
            format!("the warrant that the test describes is not believed: {}", denial.code())
        };
        let presented = PresentedWarrant::parse(token.as_bytes()).map_err(believed)?;
        presented.verify(&self.trust(&key)?, &AwsLcVerifier).map_err(believed)
    }

    fn root_sub(&self) -> &str {
        self.said.root.as_deref().unwrap_or(self.caller)
    }

    fn token(&self, key: &TestKey) -> Result<String, MintError> {
        let attr = |name: &str| self.said.attr.get(name).map(|text| text.as_str().into());
        let attr = Attribution { run: attr("run"), agent: attr("agent"), purpose: attr("purpose") };
        let root = Root {
            iss: self.issuer.to_owned(),
            txn: "test".to_owned(),
            ini: self
                .said
                .started_by
                .as_ref()
                .map(|(iss, sub)| Starter { iss: iss.as_str().into(), sub: sub.as_str().into() }),
            pol: None,
            dec: None,
            attr: (!self.said.attr.is_empty()).then_some(attr),
            grant: self.grant(if self.said.depth == 0 { self.caller } else { self.root_sub() }, key, "root"),
        };
        let mut token = root.sign(key, "test")?;
        for depth in 1..=self.said.depth {
            let parent =
                PresentedWarrant::parse(token.as_bytes()).map_err(|_| MintError::Malformed("a parent"))?;
            let grant = self.grant(self.caller, key, &format!("link-{depth}"));
            token = Delegation { grant }.sign(&parent, key)?;
        }
        Ok(token)
    }

    fn grant(&self, sub: &str, key: &TestKey, jti: &str) -> Grant {
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

    /// The test's authority stands in for the issuer that it names.
    fn trust(&self, key: &TestKey) -> Result<Trust, String> {
        let mut subjects: Vec<_> =
            [self.root_sub(), self.caller].into_iter().filter_map(SubjectPattern::parse).collect();
        subjects.dedup();
        let starters = self.said.started_by.iter().map(|(iss, _)| iss.clone()).collect();
        let issuer = Issuer {
            iss: self.issuer.to_owned(),
            keys: vec![("test".to_owned(), key.public)],
            subjects,
            starters,
        };
        Trust::new(vec![issuer]).map_err(|error| error.to_string())
    }
}
