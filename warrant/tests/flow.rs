//! The steps from a header to an admitted request, as the gate and the server take them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests may panic"
)]

mod common;

use common::{NOW, chain, delegate, grant, holder, judged, judged_for, root, target, terms, trust, verified};
use warrant::{
    Algorithm, Argument, Arguments, AwsLcVerifier, ChainExpectations, Constraint, Denial, PresentedProof,
    PresentedWarrant, ProofBody, ProofExpectations, PureVerifier, Revocable, RevocationKind, Seconds, Trust,
    Value, Verifier,
    mint::{self, Delegation, MintError, PureSigner, Signer},
};

fn nothing(_: &Revocable) -> bool {
    false
}

#[test]
fn chains_of_one_to_eight_links_hold() {
    for links in 1..=8 {
        let chain = judged(&chain(links)).unwrap();
        assert_eq!(chain.links().len(), usize::from(links));
        assert_eq!(chain.root_claims().txn(), "t1");
        assert_eq!(chain.leaf().sub(), format!("spiffe://shop/ns/shop/sa/h{}", links - 1));
    }
    let nine = format!("{}~{}", chain(8), chain(2).split('~').nth(1).unwrap());
    assert_eq!(PresentedWarrant::parse(nine.as_bytes()).err(), Some(Denial::WarrantMalformed));
}

#[test]
fn both_libraries_and_both_algorithms_agree() {
    let ed = PureSigner::from_secret(Algorithm::Ed25519, &[7; 32]).unwrap();
    let mut to_ed = grant(0);
    to_ed.cnf = *ed.public_key();
    let parent = root(to_ed);
    let text = Delegation { grant: grant(1) }
        .sign(&PresentedWarrant::parse(parent.as_bytes()).unwrap(), &ed)
        .unwrap();
    let verifiers: [&dyn Verifier; 2] = [&PureVerifier, &AwsLcVerifier];
    for verifier in verifiers {
        let presented = PresentedWarrant::parse(text.as_bytes()).unwrap();
        assert_eq!(presented.verify(&trust(), verifier).unwrap().links().len(), 2);
        let nobody = presented.verify(&Trust::default(), verifier);
        assert_eq!(nobody.err(), Some(Denial::IssuerUntrusted));
    }
}

#[test]
fn a_request_outside_the_warrant_is_denied_and_details_are_never_mixed() {
    let mut narrow = grant(0);
    narrow.details[0].args = vec![("amount".into(), Constraint::Range(1, 10))];
    let mut other = common::detail();
    other.paths = vec!["/v2/**".into()];
    narrow.details.push(other);
    let text = root(narrow);
    assert_eq!(
        judged_for(&text, &target("GET", "/v1/payments/x"), &nothing).err(),
        Some(Denial::OutsideWarrant)
    );

    let chain = verified(&text).unwrap();
    let (terms, v1, v2) = (terms(), target("POST", "/v1/payments/x"), target("POST", "/v2/x"));
    let expect =
        |target| ChainExpectations { now: Seconds::new(NOW), terms: &terms, revoked: &nothing, target };
    let mut eleven = Arguments::new();
    assert!(eleven.insert("amount", Argument::One(Value::Integer(11))));
    assert_eq!(chain.check(&expect(&v1)).unwrap().check_call("pay", &eleven), Err(Denial::OutsideWarrant));
    assert_eq!(chain.check(&expect(&v2)).unwrap().check_call("pay", &eleven), Ok(()));
}

#[test]
fn every_prefix_key_lineage_and_holder_can_be_revoked() {
    let text = chain(3);
    let all = judged(&text).unwrap().revocables().to_vec();
    assert_eq!(all.len(), 2 + 3 * 3);
    for revoked in &all {
        let denied = judged_for(&text, &target("POST", "/v1/payments/x"), &|one: &Revocable| {
            one.mark() == revoked.mark()
        });
        assert_eq!(denied.err(), Some(Denial::Revoked), "{revoked:?}");
    }
    let other = Revocable::new(RevocationKind::Path, common::AUTHORITY, "j0/j1/j");
    assert!(all.iter().all(|one| one.mark() != other.mark()), "a path is revoked only by whole names");
}

#[test]
fn one_execution_burns_a_use_of_every_link_with_a_limit() {
    let mut once = grant(0);
    once.use_max = Some(1);
    let parent = root(once);
    for number in 0..10 {
        let mut child = grant(1);
        child.jti = format!("child-{number}");
        child.use_max = Some(1);
        let burns = judged(&delegate(&parent, 1, child)).unwrap().burns();
        let paths: Vec<_> = burns.iter().map(|burn| (burn.path.as_str(), burn.max)).collect();
        assert_eq!(
            paths,
            [("j0", 1), (&*format!("j0/child-{number}"), 1)],
            "each of the ten burns the parent's only use"
        );
        assert!(burns.iter().all(|burn| burn.iss == common::AUTHORITY && burn.exp == Seconds::new(NOW + 50)));
    }
}

#[test]
fn a_link_that_would_be_refused_is_not_minted() {
    let parent = chain(1);
    let parent = PresentedWarrant::parse(parent.as_bytes()).unwrap();
    let mut wider = grant(1);
    wider.exp = Seconds::new(NOW + 51);
    assert_eq!(Delegation { grant: wider }.sign(&parent, &holder(0)), Err(MintError::Widened("time")));
    assert_eq!(Delegation { grant: grant(1) }.sign(&parent, &holder(5)), Err(MintError::NotTheHolder));
    let mut sealed = grant(0);
    sealed.max_depth = 0;
    let sealed = root(sealed);
    let sealed = PresentedWarrant::parse(sealed.as_bytes()).unwrap();
    assert_eq!(Delegation { grant: grant(1) }.sign(&sealed, &holder(0)), Err(MintError::Sealed));
}

#[test]
fn a_proof_is_valid_for_one_request_and_only_around_now() {
    let header = chain(1);
    let proof = mint::NewProof {
        jti: "p1".into(),
        iat: Seconds::new(NOW),
        method: "POST",
        authority: "payments:8080",
        path_and_query: "/v1/payments/x?a=b",
        warrant_header: &header,
        body: Some(b"{}"),
    };
    let text = proof.sign(&holder(0)).unwrap();
    let of = ProofExpectations {
        now: Seconds::new(NOW + 30),
        method: "POST",
        authority: b"payments:8080",
        path_and_query: b"/v1/payments/x?a=b",
        warrant_header: header.as_bytes(),
        body: ProofBody::Read(b"{}"),
    };
    let key = *holder(0).public_key();
    let check = |of: ProofExpectations<'_>| {
        PresentedProof::parse(text.as_bytes()).unwrap().check(&key, &AwsLcVerifier, &of)
    };
    let id = check(of).unwrap();
    assert_eq!(
        (id.jti.as_str(), id.forget_after, id.thumbprint),
        ("p1", Seconds::new(NOW + 30), key.thumbprint())
    );
    for body in [ProofBody::Unknown, ProofBody::Unread(b"{}")] {
        assert!(check(ProofExpectations { body, ..of }).is_ok(), "{body:?}");
    }
    for other in [
        ProofExpectations { now: Seconds::new(NOW + 31), ..of },
        ProofExpectations { now: Seconds::new(NOW - 31), ..of },
        ProofExpectations { method: "GET", ..of },
        ProofExpectations { authority: b"payments", ..of },
        ProofExpectations { path_and_query: b"/v1/payments/x", ..of },
        ProofExpectations { warrant_header: b"x", ..of },
        ProofExpectations { body: ProofBody::Read(b"[]"), ..of },
        ProofExpectations { body: ProofBody::Unread(b"[]"), ..of },
        ProofExpectations { body: ProofBody::Unread(b""), ..of },
    ] {
        assert_eq!(check(other), Err(Denial::ProofInvalid), "{other:?}");
    }
    let text_without = mint::NewProof { body: None, ..proof }.sign(&holder(0)).unwrap();
    let check_without = |body| {
        PresentedProof::parse(text_without.as_bytes())
            .unwrap()
            .check(&key, &AwsLcVerifier, &ProofExpectations { body, ..of })
            .is_ok()
    };
    assert!(check_without(ProofBody::Unknown) && check_without(ProofBody::Unread(b"{}")));
    assert!(!check_without(ProofBody::Read(b"{}")), "a route that reads the body requires `cd`");
    let stranger =
        PresentedProof::parse(text.as_bytes()).unwrap().check(holder(1).public_key(), &AwsLcVerifier, &of);
    assert_eq!(stranger, Err(Denial::ProofInvalid));
    assert_eq!(PresentedProof::parse(b"").err(), Some(Denial::ProofMissing));
    assert_eq!(PresentedProof::parse(b"a,b").err(), Some(Denial::RequestAmbiguous));
    assert_eq!(PresentedProof::parse(b"a.b.c").err(), Some(Denial::ProofInvalid));
}
