//! A small sound bundle, and functions that change one thing in it. The server's tests use this file too, so
//! it calls the crate `policy`, as they do.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use warrant::mint::{Signer, SignerError};
use warrant::{
    Algorithm, Attribution, AwsLcVerifier, Host, Method, PublicKey, RawPath, Seconds, Starter, Target,
};

use std::collections::BTreeMap;

use policy::arguments::{ArgumentValue, Arguments};
use policy::authoring::Built;
use policy::{
    Bundle, BundleRefusal, Expected, Fault, Files, Lineage, NotPermitted, Parcel, Permitted, PolicyQuery,
    Posture, Principal, Signing, TrustKeys, open,
};

/// The time in every test.
pub(crate) const NOW: u64 = 1_795_230_579;

/// An Ed25519 key made from one number.
pub(crate) struct TestKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl TestKey {
    pub(crate) fn new(seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let public = PublicKey::from_raw(Algorithm::Ed25519, pair.public_key().as_ref()).unwrap();
        Self { pair, public }
    }

    pub(crate) fn jwk(&self) -> String {
        self.public.to_jwk_json()
    }
}

impl Signer for TestKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, input: &[u8]) -> Result<[u8; 64], SignerError> {
        Ok(self.pair.sign(input).as_ref().try_into().unwrap())
    }
}

/// The key that signs notes.
pub(crate) fn note_key() -> TestKey {
    TestKey::new(90)
}

pub(crate) fn trust(threshold: u32, seeds: &[u8]) -> TrustKeys {
    TrustKeys::new(threshold, seeds.iter().map(|seed| *TestKey::new(*seed).public_key()).collect()).unwrap()
}

/// The files of the small bundle.
pub(crate) fn files() -> Files {
    let named = |name: &str, text: String| (name.to_owned(), text.into_bytes());
    [
        named("mesh.yaml", mesh()),
        named("proxies.yaml", PROXIES.to_owned()),
        named("identities.yaml", IDENTITIES.to_owned()),
        named("teams.yaml", TEAMS.to_owned()),
        named("mesh.cedar", "// nothing is forbidden mesh-wide\n".to_owned()),
        named("operators.cedar", "// nobody may call the API\n".to_owned()),
        named("issuance.cedar", "// nothing is issued\n".to_owned()),
        named("routes/payments/pay.yaml", PAY.to_owned()),
        named("routes/platform/hello.yaml", HELLO.to_owned()),
    ]
    .into()
}

fn mesh() -> String {
    format!(
        r#"apiVersion: portcullis.dev/v1alpha1
kind: Mesh
spec:
  audience: shop
  maxLifetime: 1h
  attestationMaxAge: 15m
  leeway: 5s
  burner: shop/log/7f3a
  issuers:
    - {{iss: "https://authority.shop", keys: [{}], subjects: ["spiffe://shop/**", "agent:*"], starters: ["https://idp.shop"]}}
  notes: {{keys: [{}], maxAge: 24h}}
"#,
        TestKey::new(1).jwk().replacen('{', "{\"kid\": \"a1\", ", 1),
        note_key().jwk()
    )
}

const PROXIES: &str = r#"apiVersion: portcullis.dev/v1alpha1
kind: Proxies
spec:
  - {id: "spiffe://shop/ns/shop/sa/payments", hosts: {payments.shop: [payments, "payments.shop:8080"]}}
  - {id: local, hosts: {localhost: ["localhost:10000"]}}
"#;

const IDENTITIES: &str = r#"apiVersion: portcullis.dev/v1alpha1
kind: Identities
spec: {groups: {payments-agents: ["spiffe://shop/ns/shop/sa/payer", "spiffe://shop/ns/batch/**"]}}
"#;

const TEAMS: &str = r#"apiVersion: portcullis.dev/v1alpha1
kind: Teams
spec:
  platform: {platform: true}
  payments:
    ground: [{host: payments.shop, prefix: /v1/payments}]
"#;

pub(crate) const PAY: &str = r#"apiVersion: portcullis.dev/v1alpha1
kind: GovernedRoute
metadata: {name: pay}
spec:
  match:
    - {hosts: [payments.shop], methods: [POST], paths: ["/v1/payments/{account}"]}
  require: {holder: mtls, use: once, maxLifetime: 60s}
  callers: ["group:payments-agents"]
"#;

const HELLO: &str = r#"apiVersion: portcullis.dev/v1alpha1
kind: GovernedRoute
metadata: {name: hello}
spec:
  match:
    - {hosts: [localhost], methods: [GET], paths: [/hello/**]}
  require: {holder: proof, use: any, maxLifetime: 5m}
  callers: ["agent:demo"]
"#;

/// The small bundle with one text of one file replaced.
pub(crate) fn edited(name: &str, from: &str, to: &str) -> Files {
    let mut files = files();
    edit(&mut files, name, from, to);
    files
}

/// Replaces a text, which must occur in the file.
pub(crate) fn edit(files: &mut Files, name: &str, from: &str, to: &str) {
    let text = String::from_utf8(files.get(name).unwrap().clone()).unwrap();
    assert!(text.contains(from), "{name} has no `{from}`");
    files.insert(name.to_owned(), text.replacen(from, to, 1).into_bytes());
}

pub(crate) fn built(files: &Files) -> Built {
    Built::from_files(files).unwrap_or_else(|faults| panic!("{}", told(&faults)))
}

pub(crate) fn faults(files: &Files) -> Vec<Fault> {
    Built::from_files(files).err().unwrap_or_default()
}

pub(crate) fn told(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Asserts that the build reports exactly this one fault, at this place.
pub(crate) fn assert_fault(files: &Files, place: &str, what: &str) {
    let faults = faults(files);
    let [fault] = faults.as_slice() else { panic!("expected one fault:\n{}", told(&faults)) };
    assert!(fault.to_string().starts_with(place), "at {place}: {fault}");
    assert!(fault.what.contains(what), "`{what}`: {fault}");
    assert!(!fault.instead.is_empty());
}

pub(crate) fn assert_sound(files: &Files) {
    built(files);
}

/// Signs files as version `version`, by these keys under this trust.
pub(crate) fn parcel(
    files: &Files,
    version: u64,
    trust: &TrustKeys,
    next: &TrustKeys,
    chain: &[Vec<u8>],
    seeds: &[u8],
) -> Parcel {
    let keys: Vec<_> = seeds.iter().map(|seed| TestKey::new(*seed)).collect();
    let mut signers: Vec<&dyn Signer> = Vec::new();
    signers.extend(keys.iter().map(|key| -> &dyn Signer { key }));
    let terms =
        Signing { version, not_before: NOW - 10, expires: NOW + 1000, trust, next, chain, signers: &signers };
    built(files).sign(&terms).unwrap().parcel
}

/// Signs files with the one key of a simple trust.
pub(crate) fn simple_parcel(files: &Files, version: u64) -> Parcel {
    parcel(files, version, &trust(1, &[10]), &trust(1, &[10]), &[], &[10])
}

pub(crate) fn expected(trust: &TrustKeys) -> Expected<'_> {
    Expected { trust, audience: "shop", floor: None, min_version: 0, now: Seconds::new(NOW) }
}

pub(crate) fn opened(parcel: &Parcel) -> Result<Bundle, BundleRefusal> {
    open(parcel, &expected(&trust(1, &[10])), &AwsLcVerifier)
}

pub(crate) fn bundle(files: &Files) -> Bundle {
    opened(&simple_parcel(files, 1)).unwrap()
}

pub(crate) fn target<'a>(host: &str, method: &str, path: &'a str) -> Target<'a> {
    Target {
        host: Host::parse(host).unwrap(),
        method: Method::parse(method).unwrap(),
        path: RawPath::parse(path.as_bytes()).unwrap().0,
    }
}

pub(crate) const PAY_FILE: &str = "routes/payments/pay.yaml";

/// Members of a route's `spec`: one argument, and a policy.
pub(crate) fn policy_block(arg: &str, text: &str) -> String {
    let indented: String = text.lines().map(|line| format!("    {line}\n")).collect();
    format!("args: {{{arg}}}\n  policy: |\n{indented}")
}

/// The small bundle, where `pay` also has an argument and a policy.
pub(crate) fn with_policy(arg: &str, text: &str) -> Files {
    let callers = "callers: [\"group:payments-agents\"]";
    edited(PAY_FILE, callers, &format!("{callers}\n  {}", policy_block(arg, text)))
}

/// A question with everything filled in.
pub(crate) struct Ask {
    pub(crate) principal: Principal,
    pub(crate) route: &'static str,
    pub(crate) action: &'static str,
    pub(crate) args: Arguments,
    pub(crate) posture: Posture,
    pub(crate) root: &'static str,
    pub(crate) depth: u8,
    pub(crate) starter: Option<&'static str>,
    pub(crate) purpose: Option<&'static str>,
}

impl Ask {
    pub(crate) fn by(principal: Principal) -> Self {
        Self {
            principal,
            route: "pay",
            action: "POST",
            args: Arguments::default(),
            posture: Posture::Normal,
            root: "agent:root",
            depth: 0,
            starter: None,
            purpose: None,
        }
    }

    pub(crate) fn arg(self, name: &str, value: ArgumentValue) -> Self {
        let known = self.args.iter().map(|(name, value)| (name.to_owned(), value.clone()));
        Self { args: known.chain([(name.to_owned(), value)]).collect(), ..self }
    }

    pub(crate) fn of(&self, bundle: &Bundle) -> Result<Permitted, NotPermitted> {
        self.with(|query| bundle.decide(bundle.route_named(self.route).unwrap(), query))
    }

    /// Passes the question to this function.
    pub(crate) fn with<T>(&self, ask: impl FnOnce(&PolicyQuery<'_>) -> T) -> T {
        let starter = self.starter.map(|sub| Starter { iss: "https://idp.shop".into(), sub: sub.into() });
        let attr = Attribution { purpose: self.purpose.map(Into::into), run: None, agent: None };
        ask(&PolicyQuery {
            principal: &self.principal,
            now: Seconds::new(NOW),
            action: self.action,
            method: self.action,
            host: "payments.shop",
            path: "/v1/payments/a",
            args: &self.args,
            posture: self.posture,
            environment: &BTreeMap::new(),
            conditions: &BTreeMap::new(),
            warrant: Lineage {
                depth: self.depth,
                issuer: "https://authority.shop",
                root: self.root,
                started_by: starter.as_ref(),
                attr: Some(&attr),
            },
        })
    }
}
