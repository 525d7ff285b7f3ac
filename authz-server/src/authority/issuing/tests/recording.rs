//! What is on record when a root is recorded: how many there are of its token, revocations, and what is halted.

use super::*;
use crate::facts::counted_of;

#[tokio::test]
async fn a_token_yields_as_many_roots_as_the_policy_says_also_at_once_and_after_a_start() {
    let scene = Arc::new(scene());
    let token = scene.svid(&json!({}));
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (scene, token) = (Arc::clone(&scene), token.clone());
        all.spawn(async move { scene.send(&scene.call(Some(&token))).await.err() });
    }
    let answers = all.join_all().await;
    assert_eq!(answers.iter().filter(|refused| refused.is_none()).count(), 2, "{answers:?}");
    assert_eq!(scene.entries().iter().map(|entry| entry.roots).collect::<Vec<_>>(), [0, 1]);
    let folded = facts::fold(&scene.ledger).unwrap().0;
    let of = counted_of(scene.entries()[0].token, PAYER);
    assert_eq!(folded.tables.issued.count(&of), 2);
    let mut snapshot = Vec::new();
    facts::snapshot::write(&mut snapshot, &folded).unwrap();
    // Another signature of the same token is the same token; another token is not.
    assert!(scene.send(&scene.call(Some(&scene.svid(&json!({"jti": "2"}))))).await.is_ok());
    // By a certificate alone, the living roots of the holder count.
    let mut by_certificate = scene.call(None).with("cnf", "").certificate(PAYER, Some(&scene.holder));
    by_certificate.key = None;
    assert!(scene.send(&by_certificate).await.is_ok() && scene.send(&by_certificate).await.is_ok());
    assert_eq!(scene.send(&by_certificate).await.err(), Some(RefusalCode::NotPermitted));
    scene.now.fetch_add(61_000, Ordering::Relaxed);
    scene.ledger.append(examples::revocation(RevocationTarget::Lineage, "other", None).into()).unwrap();
    assert!(scene.send(&by_certificate).await.is_ok(), "the first two have expired");
}

#[tokio::test]
async fn nothing_is_issued_to_the_revoked_or_while_the_mesh_is_halted_or_stale() {
    let scene = scene();
    let token = scene.token(&json!({}));
    let again = async || scene.send(&scene.call(Some(&token))).await.err();
    let key = scene.holder.public_key().thumbprint().to_string();
    let revoked =
        scene.ledger.append(examples::revocation(RevocationTarget::Key, &key, None).into()).unwrap();
    assert_eq!(again().await, Some(RefusalCode::Revoked));
    let end = examples::reinstate(&key, revoked.index());
    scene.ledger.append(end.into()).unwrap();
    scene
        .ledger
        .append(examples::revocation(RevocationTarget::Subject, "agent:worker", None).into())
        .unwrap();
    assert_eq!(again().await, Some(RefusalCode::Revoked));
    let other = scene.svid(&json!({}));
    let other = async || scene.send(&scene.call(Some(&other))).await.err();
    let halted = scene.ledger.append(examples::posture(entry::Posture::Halted, None).into()).unwrap();
    assert_eq!(other().await, Some(RefusalCode::Halted));
    scene.ledger.append(examples::posture(entry::Posture::Normal, Some(halted.index())).into()).unwrap();
    assert_eq!(other().await, None);
    scene.policy.renew(InForceUntil(Seconds::new(NOW)));
    assert_eq!(other().await, Some(RefusalCode::NotInForce));
}

#[tokio::test]
async fn a_halt_or_a_revocation_overtakes_a_root_that_waits_to_be_recorded() {
    let overtaking = |cnf: &str| -> [Entry; 4] {
        [
            examples::posture(entry::Posture::Halted, None).into(),
            examples::revocation(RevocationTarget::Subject, PAYER, None).into(),
            examples::revocation(RevocationTarget::Subject, "user:alice", None).into(),
            examples::revocation(RevocationTarget::Key, cnf, None).into(),
        ]
    };
    for case in 0..4 {
        let scene = scene();
        let named = json!({"may_act": {"sub": PAYER, "iss": "spiffe://shop"}});
        let call = || scene.call(Some(&scene.starter(&named))).actor(&scene.svid(&json!({})));
        scene.send(&call()).await.unwrap();
        let judged = scene.entries().remove(0);
        let record = |name: &[u8]| {
            let roots = u64::try_from(scene.entries().len()).unwrap();
            let late = entry::Issued { root: Digest::of(name), roots, ..judged.clone() };
            scene.ledger.append(late.into()).map(drop)
        };
        assert_eq!(record(b"before"), Ok(()));
        scene.ledger.append(overtaking(&judged.cnf)[case].clone()).unwrap();
        assert_eq!(record(b"after"), Err(RecordError::Stale), "case {case}");
        let code = if case == 0 { RefusalCode::Halted } else { RefusalCode::Revoked };
        assert_eq!(scene.send(&call()).await.err(), Some(code), "who asks anew is told why");
    }
}
