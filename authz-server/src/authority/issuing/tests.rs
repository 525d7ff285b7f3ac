//! Roots from a call to what a verifier takes: with a ledger on disk, the small bundle, and an issuer of tokens of the test's own.

mod parties;
mod recording;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ledger::entry::{self, Entry, RevocationTarget};
use policy::{Files, InForceUntil};
use serde_json::{Value, json};
use tempfile::TempDir;
use warrant::mint::{NewProof, Signer};
use warrant::{Algorithm, AwsLcVerifier, Chain, ChainExpectations, Digest, PresentedWarrant, Revocable};

use super::*;
use crate::authority::tokens::example_issuer::IssuerKey;
use crate::bundles::PolicyInForce;
use crate::facts::test_ledger::{TestLedger, follow_from_here};
use crate::facts::{self, ForwardList, examples};
use crate::keys::{NamedSigner, PrivateKey};
use crate::policy_fixture::{NOW, TestKey, bundle, edit, files};

const HOST: &str = "authority.shop";
const PAYER: &str = "spiffe://shop/ns/shop/sa/payer";
const AUDIENCE: &str = "warrants";
/// The authority's keys that the server has: the first is that of the small bundle.
const KIDS: [&str; 2] = ["a1", "a2"];

/// What mesh.yaml gets for these tests: two issuers of tokens, one of JWT-SVIDs, and two grants.
fn mesh_with(jwk: &Value) -> String {
    format!(
        r#"  subjects:
    - {{iss: "https://idp.shop", audience: warrants, jwks: {{keys: [{jwk}]}}, sub: "user:{{sub}}", as: starter}}
    - {{iss: "https://kube.shop", audience: warrants, jwks: {{keys: [{jwk}]}}, sub: "agent:{{/kubernetes.io/serviceaccount/name}}", as: holder}}
    - {{trustDomain: shop, audience: warrants, jwks: {{keys: [{jwk}]}}, as: holder}}
  grants:
    small:
      details: [{{type: execution, hosts: [payments.shop, localhost], methods: [POST], paths: ["/v1/payments/**"], args: {{amount: {{range: [1, 100]}}}}}}]
      environment: {{region: [eu-1]}}
  notes:"#
    )
}

const ISSUANCE: &str = r#"
@id("payer") @grant("small") @lifetime("60s") @use("3") @depth("2")
permit (principal in Group::"payments-agents", action == Action::"issue", resource) when { context.roots < 2 };
@id("agent") @grant("small") @lifetime("30s") @use("1") @depth("0")
permit (principal == Agent::"agent:worker", action == Action::"issue", resource);
"#;

struct Scene {
    issuer: WarrantIssuer,
    ledger: Ledger,
    policy: Arc<PolicyInForce>,
    now: Arc<AtomicU64>,
    idp: IssuerKey,
    holder: PrivateKey,
    _directory: TempDir,
}

fn scene() -> Scene {
    scene_with(ISSUANCE)
}

fn places() -> Vec<String> {
    vec!["region=eu-1".to_owned()]
}

fn policy_files(idp: &IssuerKey, issuance: &str) -> Files {
    let mut files = files();
    edit(&mut files, "mesh.yaml", "  notes:", &mesh_with(&idp.jwk));
    files.insert("issuance.cedar".to_owned(), issuance.as_bytes().to_vec());
    files
}

fn scene_with(issuance: &str) -> Scene {
    let test = TestLedger::new();
    let idp = IssuerKey::es256();
    let policy = bundle(&policy_files(&idp, issuance));
    let policy = Arc::new(PolicyInForce::new(policy, Some(InForceUntil(Seconds::new(NOW + 600)))));
    let authority = AuthorityIdentity {
        iss: "https://authority.shop".to_owned(),
        keys: AuthorityKeys::new(Box::new(move |kid| {
            let number = KIDS.iter().position(|known| *known == kid)?;
            let key = TestKey::new(u8::try_from(number).unwrap().saturating_add(1));
            Some(NamedSigner::new(Some(kid), Arc::new(key)))
        })),
        url: format!("https://{HOST}"),
    };
    let issuer = WarrantIssuer::new(IssuerParts {
        authority,
        ledger: test.ledger.clone(),
        live: follow_from_here(&test.ledger, ForwardList::default(), &policy, places()),
        clock: test.clock(),
        fetcher: Fetcher::new().unwrap(),
        places: places(),
    });
    let holder = PrivateKey::generate(Algorithm::Es256, None).unwrap();
    Scene { issuer, ledger: test.ledger, policy, now: test.now, idp, holder, _directory: test.directory }
}

/// A call in the making.
struct Call {
    form: Vec<(String, String)>,
    certificate: Option<ClientCertificate>,
    key: Option<PrivateKey>,
    proof_jti: String,
}

impl Scene {
    fn token(&self, changes: &Value) -> String {
        let mut claims = json!({"iss": "https://kube.shop", "aud": AUDIENCE, "sub": "system:serviceaccount:shop:worker", "exp": NOW + 300,
            "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "worker"}}});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            }
        }
        self.idp.token(&claims)
    }

    fn starter(&self, changes: &Value) -> String {
        let mut all = json!({"iss": "https://idp.shop", "sub": "alice", "kubernetes.io": null});
        all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        self.token(&all)
    }

    fn svid(&self, changes: &Value) -> String {
        let mut all = json!({"iss": null, "sub": PAYER, "kubernetes.io": null});
        all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        self.token(&all)
    }

    /// A call for the small grant with the holder's own key.
    fn call(&self, token: Option<&str>) -> Call {
        let mut form = vec![
            ("grant_type".to_owned(), form::GRANT_TYPE.to_owned()),
            ("scope".to_owned(), "small".to_owned()),
            ("cnf".to_owned(), self.holder.public_key().to_jwk_json()),
        ];
        if let Some(token) = token {
            form.push(("subject_token".to_owned(), token.to_owned()));
            form.push(("subject_token_type".to_owned(), "urn:ietf:params:oauth:token-type:jwt".to_owned()));
        }
        let key = PrivateKey::from_jwk(self.holder.to_jwk().as_bytes()).unwrap();
        let proof_jti = crate::recorder::DecisionId::random().as_str().to_owned();
        Call { form, certificate: None, key: Some(key), proof_jti }
    }

    async fn send(&self, call: &Call) -> Result<IssuedWarrant, RefusalCode> {
        let body: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(&call.form).finish();
        let proof = call.key.as_ref().map(|key| {
            let proof = NewProof {
                jti: call.proof_jti.clone(),
                iat: Seconds::new(self.now.load(Ordering::Relaxed) / 1000),
                method: "POST",
                authority: HOST,
                path_and_query: TOKEN_PATH,
                warrant_header: "",
                body: Some(body.as_bytes()),
            };
            proof.sign(key).unwrap()
        });
        let call = TokenCall {
            certificate: call.certificate.as_ref(),
            host: HOST,
            proof: proof.as_deref().unwrap_or_default().as_bytes(),
            body: body.as_bytes(),
        };
        self.issuer.issue(call).await.map_err(|refusal| refusal.code)
    }

    /// What a verifier finds in a root.
    fn chain(&self, issued: &IssuedWarrant) -> Chain {
        let presented = PresentedWarrant::parse(issued.warrant.as_bytes()).unwrap();
        presented.verify(self.policy.active().bundle().trust(), &AwsLcVerifier).unwrap()
    }

    fn entries(&self) -> Vec<entry::Issued> {
        let all = self.ledger.read(0).unwrap();
        let all = all.filter_map(|entry| {
            if let Entry::Issued(issued) = entry.unwrap().entry { Some(issued) } else { None }
        });
        all.collect()
    }
}

impl Call {
    fn with(mut self, name: &str, value: &str) -> Call {
        self.form.retain(|(known, _)| known != name);
        if !value.is_empty() {
            self.form.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    fn actor(self, token: &str) -> Call {
        self.with("actor_token", token).with("actor_token_type", "urn:ietf:params:oauth:token-type:jwt")
    }

    fn certificate(mut self, id: &str, key: Option<&PrivateKey>) -> Call {
        self.certificate = Some(ClientCertificate {
            spiffe_id: Some(id.to_owned()),
            digest: Digest::of(b"the certificate"),
            not_after: Seconds::new(NOW + 300),
            key: key.map(|key| *key.public_key()),
        });
        self
    }
}

#[tokio::test]
async fn a_token_is_exchanged_for_a_root_that_every_verifier_takes_and_that_was_on_record_before() {
    let scene = scene();
    let issued = scene.send(&scene.call(Some(&scene.svid(&json!({}))))).await.unwrap();
    assert_eq!(issued.expires_in, 60);
    let chain = scene.chain(&issued);
    let root = chain.root();
    assert_eq!(
        (root.sub(), root.cnf().thumbprint(), root.use_max(), root.max_depth()),
        (PAYER, scene.holder.public_key().thumbprint(), Some(3), 2)
    );
    assert_eq!(root.env().dimensions().map(|(name, _)| name).collect::<Vec<_>>(), ["region"]);
    let target = crate::policy_fixture::target("payments.shop", "POST", "/v1/payments/a-7");
    let active = scene.policy.active();
    let expect = ChainExpectations {
        now: Seconds::new(NOW),
        terms: active.bundle().terms(),
        revoked: &|_: &Revocable| false,
        target: &target,
    };
    assert!(chain.check(&expect).is_ok());
    let [entry] = scene.entries().try_into().unwrap();
    assert_eq!(entry.root, chain.digests().next().unwrap());
    assert_eq!((entry.id.as_str(), entry.sub.as_str(), entry.roots), (issued.id.as_str(), PAYER, 0));
    assert_eq!(root.as_root().unwrap().dec(), Some(issued.id.as_str()));
    assert_eq!(root.as_root().unwrap().pol(), Some(entry.policy.unwrap().to_string().as_str()));
    assert_eq!(entry.grants, ["issuance/payer"]);
    let body: Value = serde_json::from_str(&issued.body()).unwrap();
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("N_A"), &json!(60)));
    assert_eq!(body["authorization_details"][0]["hosts"], json!(["payments.shop", "localhost"]));
}

#[tokio::test]
async fn what_is_asked_for_is_within_a_grant_or_refused_with_its_word() {
    let scene = scene();
    let token = scene.token(&json!({}));
    let ask = |name: &str, value: &str| scene.call(Some(&token)).with(name, value);
    let details = |hosts: &str, range: &str| {
        format!(
            "[{{\"type\":\"execution\",\"hosts\":[{hosts}],\"methods\":[\"POST\"],\"paths\":[\"/v1/payments/a\"],\"args\":{{\"amount\":{{\"range\":{range}}}}}}}]"
        )
    };
    for (call, code) in [
        (ask("scope", "large"), RefusalCode::Scope),
        (ask("scope", ""), RefusalCode::NothingWanted),
        (ask("authorization_details", "[]"), RefusalCode::DetailsMalformed),
        (ask("authorization_details", &details("\"payments.shop\"", "[1,101]")), RefusalCode::DetailsOutside),
        (ask("authorization_details", &details("\"elsewhere\"", "[1,2]")), RefusalCode::DetailsOutside),
        (ask("resource", "https://elsewhere"), RefusalCode::Resource),
        (ask("resource", "payments.shop"), RefusalCode::Resource),
        (ask("audience", "another"), RefusalCode::Audience),
        (ask("lifetime", "60s"), RefusalCode::Limit),
        (ask("use", "0"), RefusalCode::Limit),
        (ask("max_depth", "8"), RefusalCode::Limit),
        (ask("cnf", "{\"kty\":\"EC\"}"), RefusalCode::KeyInvalid),
        (ask("grant_type", "password"), RefusalCode::GrantType),
    ] {
        assert_eq!(scene.send(&call).await.err(), Some(code));
    }
    let narrow = ask("authorization_details", &details("\"payments.shop\",\"localhost\"", "[1,2]"))
        .with("scope", "")
        .with("resource", "https://payments")
        .with("lifetime", "10")
        .with("max_depth", "3")
        .with("audience", "shop");
    let issued = scene.send(&narrow).await.unwrap();
    let chain = scene.chain(&issued);
    assert_eq!(issued.expires_in, 10);
    assert_eq!(chain.root().details()[0].hosts(), [Box::from("payments.shop")]);
    assert_eq!((chain.root().max_depth(), chain.root().use_max()), (0, Some(1)), "the grant's own limits");
}

#[tokio::test]
async fn nothing_outlives_what_shows_who_asks() {
    let scene = scene();
    let soon = scene.token(&json!({"exp": NOW + 7}));
    assert_eq!(scene.send(&scene.call(Some(&soon))).await.unwrap().expires_in, 7);
    let too_soon = scene.token(&json!({"exp": NOW + 1}));
    assert_eq!(scene.send(&scene.call(Some(&too_soon))).await.err(), Some(RefusalCode::EndsTooSoon));
    let mut short = scene.call(Some(&scene.token(&json!({})))).certificate("agent:none", None);
    short.certificate.as_mut().unwrap().spiffe_id = None;
    short.certificate.as_mut().unwrap().not_after = Seconds::new(NOW + 5);
    assert_eq!(scene.send(&short).await.unwrap().expires_in, 5);
}

#[tokio::test]
async fn a_call_under_another_name_of_the_server_is_refused() {
    let scene = scene();
    for (host, expected) in [
        ("authority.shop:443", true),
        ("AUTHORITY.shop", true),
        ("authority.shop:80", false),
        ("payments.shop", false),
        ("", false),
    ] {
        assert_eq!(scene.issuer.authority().is_called(host), expected, "{host}");
    }
}

#[tokio::test]
async fn the_last_key_signs_that_the_bundle_lists_and_the_server_has() {
    let scene = scene();
    let kid_of = async |jti: &str, files: &Files| {
        let bundle = bundle(files);
        let activation = entry::Activation {
            attestors: vec![],
            bundle: bundle.digest(),
            expires: NOW + 3_600,
            previous: None,
            retired: vec![],
            routes: None,
            version: bundle.version(),
            was: None,
        };
        let record = || scene.ledger.append(activation.into()).map(drop);
        scene.policy.activate(Arc::new(bundle), InForceUntil(Seconds::new(NOW + 600)), record).unwrap();
        let issued = scene.send(&scene.call(Some(&scene.svid(&json!({"jti": jti}))))).await?;
        Ok::<_, RefusalCode>(scene.chain(&issued).kid().to_owned())
    };
    let listed = |keys: &[(&str, u8)]| {
        let mut files = policy_files(&scene.idp, ISSUANCE);
        let jwk = |(kid, seed): &(&str, u8)| {
            TestKey::new(*seed).jwk().replacen('{', &format!("{{\"kid\": \"{kid}\", "), 1)
        };
        let all: Vec<_> = keys.iter().map(jwk).collect();
        edit(&mut files, "mesh.yaml", &jwk(&("a1", 1)), &all.join(", "));
        files
    };
    assert_eq!(kid_of("t1", &listed(&[("a2", 2), ("a1", 1)])).await.as_deref(), Ok("a1"));
    assert_eq!(kid_of("t2", &listed(&[("a1", 1), ("a2", 2)])).await.as_deref(), Ok("a2"));
    assert_eq!(kid_of("t3", &listed(&[("a1", 1), ("a3", 3)])).await.as_deref(), Ok("a1"), "a3 is elsewhere");
    assert_eq!(
        kid_of("t4", &listed(&[("a2", 9)])).await,
        Err(RefusalCode::NotTrusted),
        "another key of that name"
    );
}
