//! What operators do by the command line of a running server: revoke, reinstate, halt, restrict, resume. It holds from the
//! next request on, and after any crash.

use std::time::Duration;

use portcullis_tests::agent::hello;
use portcullis_tests::client::ClientRequest;
use portcullis_tests::condition::until;
use portcullis_tests::operator::{call_api as call, done, refused};
use portcullis_tests::random::Random;
use portcullis_tests::server::Server;
use portcullis_tests::world::World;
use serde_json::{Value, json};
use warrant::PresentedWarrant;

const ISSUER: &str = "https://authority.demo";

/// Runs a command, and waits until the filters have it. What denies holds at once at the server; what allows again holds when
/// the filters know it too.
async fn done_everywhere(world: &World, command: &[&str]) {
    let entry = done(&world.home, command);
    world.until_gates_have(entry["index"].as_u64().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_by_each_kind_denies_from_the_next_request_on() {
    let world = World::start().await;
    for kind in ["path", "txn", "sub", "key"] {
        let warrant = world.agent.warrant(&hello());
        let request = || world.agent.present(&warrant, ClientRequest::new("GET", "localhost", "/hello/you"));
        let root = PresentedWarrant::parse(warrant.as_bytes()).unwrap();
        let root = root.unverified_claims().unwrap().swap_remove(0);
        let value = match kind {
            "path" => root.jti().to_owned(),
            "txn" => root.as_root().unwrap().txn().to_owned(),
            "sub" => root.sub().to_owned(),
            _ => root.cnf().thumbprint().to_string(),
        };
        world.allows(&request()).await;
        let issuer: &[&str] = if matches!(kind, "path" | "txn") { &["--iss", ISSUER] } else { &[] };
        let revoke = [&["revoke", kind, &value], issuer].concat();
        let entry = done(&world.home, &revoke);
        world.denies(&request(), 403, "revoked").await;
        let again = done(&world.home, &revoke);
        assert_eq!((&again["index"], &again["repeats"]), (&entry["index"], &json!(true)));
        let index = entry["index"].to_string();
        if matches!(kind, "sub" | "key") {
            done_everywhere(&world, &["reinstate", &index]).await;
            world.allows(&request()).await;
            refused(&world.home, &["reinstate", &index], "unknown");
        } else {
            refused(&world.home, &["reinstate", &index], "malformed");
            let another = world.agent.request(&hello(), "GET", "/hello/you");
            world.allows(&another).await;
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halt_of_the_mesh_an_environment_a_route_or_an_issuer_denies_until_it_is_resumed() {
    let world = World::start().await;
    let request = || world.agent.request(&hello(), "GET", "/hello/you");
    let scopes: [&[&str]; 3] = [&[], &["--route", "hello"], &["--issuer", ISSUER]];
    for scope in scopes {
        world.allows(&request()).await;
        done(&world.home, &[&["halt"], scope].concat());
        world.denies(&request(), 503, "halted").await;
        done_everywhere(&world, &[&["resume"], scope].concat()).await;
    }
    world.allows(&request()).await;
    done(&world.home, &["halt", "--route", "pay"]);
    done(&world.home, &["halt", "--issuer", "https://other.demo"]);
    done(&world.home, &["restrict"]);
    world.allows(&request()).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_resume_does_not_undo_a_newer_halt() {
    let world = World::start().await;
    let request = || world.agent.request(&hello(), "GET", "/hello/you");
    let first = done(&world.home, &["halt"]);
    let second = done(&world.home, &["halt"]);
    let resume = |replaces: &Value| json!({"scope": "mesh", "stance": "normal", "reason": "it is over", "replaces": replaces});
    let (status, problem) = call(&world.home, "PUT", "/v1/posture", &resume(&first["index"])).await;
    assert_eq!((status, &problem["code"]), (409, &json!("conflict")), "{problem}");
    world.denies(&request(), 503, "halted").await;
    let (status, entry) = call(&world.home, "PUT", "/v1/posture", &resume(&second["index"])).await;
    assert_eq!(status, 201);
    world.until_gates_have(entry["index"].as_u64().unwrap()).await;
    world.allows(&request()).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_revocation_is_missing_after_a_kill_at_any_moment() {
    const KILLS: usize = 12;
    let mut world = World::start().await;
    let mut random = Random::of_this_run("kills while facts are posted");
    let mut acknowledged = Vec::new();
    for round in 0..KILLS {
        let home = world.home.clone();
        let posting = tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for n in 0.. {
                let holder = format!("agent:{round}-{n}");
                let body = json!({"what": "sub", "value": holder, "reason": "a drill"});
                let request = ClientRequest {
                    body: serde_json::to_vec(&body).unwrap().into(),
                    ..ClientRequest::new("POST", "localhost", "/v1/revocations")
                };
                match request.send_to_socket(&home.api()).await {
                    Ok(response) if response.status == 201 => acknowledged.push(holder),
                    Ok(response) if response.status == 429 => tokio::task::yield_now().await,
                    Ok(response) => panic!("{}: {}", response.status, response.text()),
                    Err(_) => return acknowledged,
                }
            }
            acknowledged
        });
        tokio::time::sleep(Duration::from_micros(random.word() % 150_000)).await;
        world.server.process.kill();
        acknowledged.extend(posting.await.unwrap());
        world.server = Server::start(&world.home).await;
    }
    let mut recorded = Vec::new();
    let mut from = json!(0);
    while !from.is_null() {
        let (_, piece) =
            call(&world.home, "GET", &format!("/v1/revocations?from={from}"), &Value::Null).await;
        let of_piece = piece["revocations"].as_array().unwrap().iter();
        recorded.extend(of_piece.map(|one| one["value"].as_str().unwrap().to_owned()));
        from = piece["next"].clone();
    }
    assert!(acknowledged.len() > KILLS, "{} were acknowledged", acknowledged.len());
    for holder in &acknowledged {
        assert!(recorded.contains(holder), "{holder} was acknowledged and is missing");
    }
    let request = world.agent.request(&hello(), "GET", "/hello/you");
    until("requests to be allowed", async || (world.send(&request).await.status == 200).then_some(())).await;
    println!("{} revocations were acknowledged in {KILLS} rounds", acknowledged.len());
    world.end().await;
}
