//! What is not burned again: uses and proofs that may have been burned before a start that cut a torn tail.

use warrant::mint::NewProof;

use super::*;

/// One greeting with a warrant for any number of uses and a proof of this time.
fn greeting(jti: &str, iat: u64) -> IncomingRequest {
    let token = warrant("greeter", "agent:demo", None, ("GET", "localhost", "/hello/**"));
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
        identity: None,
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
            body: None,
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
