//! What is not burned: uses and proofs that may have been burned before a start that cut a torn tail, and those for
//! which there is no space.

use warrant::mint::NewProof;

use super::*;
use crate::facts::Room;

/// One greeting with a warrant for any number of uses and a proof of this time.
fn greeting(jti: &str, iat: u64) -> IncomingRequest {
    greeting_under("greeter", jti, iat)
}

pub(super) fn greeting_under(root: &str, jti: &str, iat: u64) -> IncomingRequest {
    let token = warrant(root, "agent:demo", None, ("GET", "localhost", "/hello/**"));
    let proof = NewProof {
        jti: jti.to_owned(),
        iat: Seconds::new(iat),
        method: "GET",
        authority: "localhost:10000",
        path_and_query: "/hello/you",
        warrant_header: &token,
        body: None,
    };
    let proof = proof.sign(&TestKey::new(2)).unwrap();
    IncomingRequest {
        proxy: Some("local".to_owned()),
        client: ClientPeer::default(),
        client_address: None,
        http: Some(IncomingHttp {
            method: "GET".to_owned(),
            authority: b"localhost:10000".to_vec(),
            path: b"/hello/you".to_vec(),
            headers: vec![
                ("warrant".to_owned(), token.into_bytes()),
                ("warrant-proof".to_owned(), proof.into_bytes()),
            ],
            are_raw: false,
            body: IncomingBody::Absent,
        }),
    }
}

#[tokio::test]
async fn a_proof_that_may_have_been_spent_before_a_torn_tail_was_cut_does_not_pass_after_it() {
    let mut test = test_gateway();
    assert_eq!(test.answer(greeting("a", NOW + 30)).await, "allowed", "a proof may be 30 s ahead of now");
    test.gateway.burner.burns_lost_at = Some(Seconds::new(NOW - 1));
    // At the second of the start, a proof of 30 s later was valid already; one of 31 s later was not.
    assert_eq!(test.answer(greeting("b", NOW + 29)).await, "state-unavailable");
    assert_eq!(test.answer(greeting("c", NOW + 30)).await, "allowed");
}

#[tokio::test]
async fn a_root_that_may_have_been_used_before_a_torn_tail_was_cut_does_not_pass_after_it() {
    let mut test = test_gateway();
    // The mesh allows its clocks to be 5 s apart, and every root here was minted at `NOW`.
    test.gateway.burner.burns_lost_at = Some(Seconds::new(NOW - 5));
    assert_eq!(test.code("a", 0).await, "state-unavailable");
    test.gateway.burner.burns_lost_at = Some(Seconds::new(NOW - 6));
    assert_eq!(test.code("a", 0).await, "allowed");
}

#[tokio::test]
async fn a_use_that_was_forgotten_between_judging_and_burning_is_not_allowed_again() {
    let test = test_gateway();
    assert_eq!(test.code("one", 0).await, "allowed");
    // The warrant holds for 60 s, and its use is counted for 61 s more.
    test.pause.store(200_000, Ordering::Relaxed);
    assert_eq!(
        test.code("one", 0).await,
        "expired",
        "judged before the pause, and burned and recorded after it"
    );
}

#[tokio::test]
async fn a_full_share_denies_its_own_root_or_source_and_nobody_else() {
    let mut test = test_gateway();
    test.gateway.burner.burns = BurnTable::with_room(Room { all: 100, root: 2, source: 4 });
    let ask = |root: &str, jti: &str, address: &str| {
        let address = Some(address.to_owned());
        IncomingRequest { client_address: address, ..greeting_under(root, jti, NOW) }
    };
    assert_eq!(test.answer(ask("greedy", "a", "10.0.0.1")).await, "allowed");
    assert_eq!(test.answer(ask("greedy", "b", "10.0.0.1")).await, "allowed");
    let Answer::Deny(denial) = test.decide(ask("greedy", "c", "10.0.0.2")).await else {
        panic!("a third proof under one root was allowed")
    };
    assert_eq!(denial.denied.denial, Denial::StateUnavailable);
    assert!(denial.denied.detail.unwrap().starts_with("the root of this warrant has no room"));
    assert_eq!(test.answer(ask("greedy", "a", "10.0.0.3")).await, "replayed", "what it spent stays spent");
    assert_eq!(test.answer(ask("second", "d", "10.0.0.1")).await, "allowed");
    assert_eq!(test.answer(ask("second", "e", "10.0.0.1")).await, "allowed");
    assert_eq!(test.answer(ask("third", "f", "10.0.0.1")).await, "state-unavailable", "the address is full");
    assert_eq!(test.answer(ask("third", "f", "10.0.0.2")).await, "allowed", "another address goes on");
}

#[tokio::test]
async fn the_record_names_the_same_root_as_the_decision_even_if_it_had_to_be_shortened() {
    let test = test_gateway();
    assert_eq!(test.code("one", 0).await, "allowed");
    let mut recorded = test.ledger.read(0).unwrap().find_map(|record| {
        let Entry::Decision(decision) = record.unwrap().entry else { return None };
        Some(decision)
    });
    let recorded = recorded.as_mut().unwrap();
    let (root, burned) = (RootTag::of(recorded), recorded.burns().collect::<Vec<_>>());
    assert_ne!(root, RootTag::default());
    recording::shorten(recorded);
    assert!(recorded.chain.is_empty());
    assert_eq!((RootTag::of(recorded), recorded.burns().collect::<Vec<_>>()), (root, burned));
}
