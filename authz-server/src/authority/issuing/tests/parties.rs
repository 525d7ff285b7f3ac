//! Who gets a root, and for which key: subjects, actors, certificates and proofs.

use super::*;

#[tokio::test]
async fn every_kind_of_token_and_a_certificate_alone_name_a_holder() {
    let scene = scene();
    let named = async |call: Call| scene.chain(&scene.send(&call).await.unwrap()).root().sub().to_owned();
    assert_eq!(named(scene.call(Some(&scene.svid(&json!({}))))).await, PAYER);
    assert_eq!(named(scene.call(Some(&scene.token(&json!({}))))).await, "agent:worker");
    let mut by_certificate = scene.call(None).with("cnf", "").certificate(PAYER, Some(&scene.holder));
    by_certificate.key = None;
    assert_eq!(named(by_certificate).await, PAYER);
}

#[tokio::test]
async fn a_token_that_does_not_count_gets_nothing() {
    let scene = scene();
    let other = IssuerKey::es256();
    for (token, why) in [
        (scene.token(&json!({"exp": NOW})), "it has expired"),
        (scene.token(&json!({"nbf": NOW + 1})), "not yet"),
        (scene.token(&json!({"aud": "console"})), "another audience"),
        (scene.token(&json!({"aud": [AUDIENCE, "console"]})), "two audiences"),
        (scene.token(&json!({"iss": "https://elsewhere"})), "another issuer"),
        (scene.token(&json!({"exp": null})), "no end"),
        (scene.token(&json!({"kubernetes.io": {"serviceaccount": {"name": "a/b"}}})), "a claim that leaves its segment"),
        (scene.token(&json!({"kubernetes.io": {"serviceaccount": {}}})), "no name"),
        (scene.svid(&json!({"sub": "spiffe://other/a"})), "another trust domain"),
        (scene.svid(&json!({"sub": "spiffe://shop/../a"})), "no SPIFFE ID"),
        (scene.svid(&json!({"sub": "spiffe://shopping/a"})), "a longer trust domain"),
        (other.token(&json!({"iss": "https://kube.shop", "aud": AUDIENCE, "sub": "x", "exp": NOW + 300, "kubernetes.io": {"serviceaccount": {"name": "worker"}}})), "another key"),
        (scene.token(&json!({"cnf": {"jkt": Digest::of(b"another key").to_base64url()}})), "bound to another key"),
        (scene.token(&json!({"cnf": {"x5t#S256": Digest::of(b"another").to_base64url()}})), "bound to a certificate that is not there"),
        (scene.token(&json!({"cnf": {"kid": "x"}})), "bound to something unknown"),
        ("a.b.c".to_owned(), "no token"),
    ] {
        assert_eq!(scene.send(&scene.call(Some(&token))).await.err(), Some(RefusalCode::SubjectInvalid), "{why}");
    }
    let bound = scene.token(&json!({"cnf": {"jkt": scene.holder.public_key().thumbprint().to_string()}}));
    assert!(scene.send(&scene.call(Some(&bound))).await.is_ok(), "its key is shown by this very call");
    assert_eq!(scene.entries().len(), 1);
}

#[tokio::test]
async fn a_starter_holds_nothing_and_acts_only_through_the_one_whom_its_token_names() {
    let scene = scene();
    let alone = scene.call(Some(&scene.starter(&json!({}))));
    assert_eq!(
        scene.send(&alone).await.err(),
        Some(RefusalCode::ActorMissing),
        "impersonation by leaving the actor away"
    );
    let payer = scene.svid(&json!({}));
    let named = json!({"may_act": {"sub": PAYER, "iss": "spiffe://shop"}});
    let issued = scene.send(&scene.call(Some(&scene.starter(&named))).actor(&payer)).await.unwrap();
    let chain = scene.chain(&issued);
    let ini = chain.root().as_root().unwrap().ini().unwrap();
    assert_eq!((chain.root().sub(), &*ini.iss, &*ini.sub), (PAYER, "https://idp.shop", "user:alice"));
    let starter = scene.starter(&json!({"may_act": {"sub": PAYER}}));
    let mut by_certificate =
        scene.call(Some(&starter)).with("cnf", "").certificate(PAYER, Some(&scene.holder));
    by_certificate.key = None;
    assert!(scene.send(&by_certificate).await.is_ok());
    for (claims, why) in [
        (json!({}), "no may_act, and no permit that names the case"),
        (
            json!({"may_act": {"sub": "spiffe://shop/ns/shop/sa/other", "iss": "spiffe://shop"}}),
            "another actor",
        ),
        (json!({"may_act": {"sub": PAYER}}), "of the subject's own issuer"),
        (
            json!({"may_act": {"sub": PAYER, "iss": "spiffe://shop", "role": "admin"}}),
            "a claim that the actor has not",
        ),
        (json!({"may_act": {"iss": "spiffe://shop"}}), "no sub"),
        (json!({"may_act": "anybody"}), "no object"),
    ] {
        let call = scene.call(Some(&scene.starter(&claims))).actor(&payer);
        assert_eq!(scene.send(&call).await.err(), Some(RefusalCode::NotPermitted), "{why}");
    }
    for (call, code, why) in [
        (
            scene.call(Some(&scene.starter(&named))).actor(&scene.starter(&json!({}))),
            RefusalCode::ActorInvalid,
            "a starter acts",
        ),
        (
            scene
                .call(Some(&scene.starter(&named)))
                .actor(&payer)
                .certificate("spiffe://shop/ns/x/sa/y", None),
            RefusalCode::ActorInvalid,
            "through the certificate of another",
        ),
        (
            scene.call(Some(&scene.starter(&json!({"act": {"sub": "agent:worker"}})))).actor(&payer),
            RefusalCode::ActorInvalid,
            "a token that was issued to another actor",
        ),
        (
            scene.call(Some(&scene.token(&json!({"act": {"sub": "x"}})))),
            RefusalCode::ActorMissing,
            "a token of an actor, without him",
        ),
    ] {
        assert_eq!(scene.send(&call).await.err(), Some(code), "{why}");
    }
}

#[tokio::test]
async fn the_key_is_shown_by_a_proof_that_counts_once() {
    let scene = scene();
    let token = scene.token(&json!({}));
    let call = scene.call(Some(&token));
    assert!(scene.send(&call).await.is_ok());
    assert_eq!(scene.send(&call).await.err(), Some(RefusalCode::ProofInvalid), "the same proof again");
    let mut without = scene.call(Some(&token));
    without.key = None;
    assert_eq!(scene.send(&without).await.err(), Some(RefusalCode::ProofInvalid));
    let mut other = scene.call(Some(&token));
    other.key = Some(PrivateKey::generate(Algorithm::Es256, None).unwrap());
    assert_eq!(scene.send(&other).await.err(), Some(RefusalCode::ProofInvalid));
    let without_key = scene.call(Some(&token)).with("cnf", "");
    assert_eq!(scene.send(&without_key).await.err(), Some(RefusalCode::KeyMissing));
    let other_key = scene.call(None).certificate(PAYER, None);
    assert_eq!(
        scene.send(&other_key).await.err(),
        Some(RefusalCode::NotPermitted),
        "a certificate speaks for another key"
    );
}

#[tokio::test]
async fn a_certificate_lends_its_name_to_no_other_key_whoever_else_brings_a_token() {
    let scene = scene();
    let starter = scene.starter(&json!({"may_act": {"sub": PAYER}}));
    // The sidecar of PAYER sends whatever its application was talked into: here a key of somebody else.
    for token in [Some(starter.as_str()), None] {
        let lent = scene.call(token).certificate(PAYER, None);
        assert_eq!(scene.send(&lent).await.err(), Some(RefusalCode::NotPermitted), "{token:?}");
    }
    let own = scene.call(Some(&scene.svid(&json!({})))).certificate(PAYER, None);
    assert!(scene.send(&own).await.is_ok(), "the token says that PAYER has this key");
    let named = scene.starter(&json!({"may_act": {"sub": PAYER, "iss": "spiffe://shop"}}));
    let acting = scene.call(Some(&named)).actor(&scene.svid(&json!({"jti": "2"}))).certificate(PAYER, None);
    assert!(scene.send(&acting).await.is_ok(), "so does the actor's");
}
