//! What the binary mints, a stock library reads, link by link.

use portcullis_tests::command::portcullis;
use serde_json::{Value, json};

use crate::house::{AUTHORITY, House, ISSUER, PATH, detail, payments, with_a_character_changed};
use crate::peer::Peer;

/// A root and two children by the command line, for keys of both algorithms.
struct Lineage {
    peer: Peer,
    house: House,
    chain: String,
}

fn lineage(authority: &str, holders: [&str; 3]) -> Lineage {
    let house = House::new(authority);
    for (name, alg) in ["a.jwk", "b.jwk", "c.jwk"].into_iter().zip(holders) {
        house.new_key(name, &["--alg", alg]);
    }
    let [authority, a, b, c] = ["authority.jwk", "a.jwk", "b.jwk", "c.jwk"].map(|name| house.file(name));
    let mut words = vec!["warrant", "mint", "--key", &authority, "--issuer", ISSUER, "--aud", "demo"];
    words.extend(["--sub", "agent:demo", "--cnf", &a, "--lifetime", "5m", "--use", "3", "--max-depth", "2"]);
    words.extend(["--host", "localhost", "--method", "POST", "--path", "/v1/payments/*"]);
    let root = portcullis(&words).well();
    let delegate = |parent: &str, key: &str, to: &str, more: &[&str]| {
        let words =
            ["warrant", "delegate", "--warrant", parent, "--key", key, "--sub", "agent:helper", "--cnf", to];
        portcullis(&[&words[..], more].concat()).well()
    };
    let child = delegate(&root, &a, &b, &["--max-depth", "2", "--use", "2"]);
    let chain = delegate(&child, &b, &c, &["--path", "/v1/payments/a-7"]);
    assert_eq!(house.verdict(&chain, None), "ok");
    Lineage { peer: Peer::new(), house, chain }
}

#[test]
fn signatures_parents_and_thumbprints_hold_in_python() {
    for holders in
        [["ES256", "ES256", "ES256"], ["Ed25519", "Ed25519", "Ed25519"], ["ES256", "Ed25519", "ES256"]]
    {
        let of = lineage(holders[1], holders);
        let read = of.peer.reads(&of.chain, &of.house.public("authority.jwk"));
        let links = read.as_array().unwrap_or_else(|| panic!("{read}"));
        let said: Vec<&Value> = links.iter().map(|link| &link["sub"]).collect();
        assert_eq!(said, ["agent:demo", "agent:helper", "agent:helper"]);
        assert_eq!(links[2]["cnf"]["jwk"], of.house.public("c.jwk"));
        assert_eq!(links[2]["authorization_details"][0]["paths"][0], "/v1/payments/a-7");

        let proof = portcullis(&[
            "warrant",
            "prove",
            "--key",
            &of.house.file("c.jwk"),
            "--warrant",
            &of.chain,
            "--method",
            "POST",
            "--host",
            AUTHORITY,
            "--path",
            PATH,
            "--body",
            "{}",
        ])
        .well();
        let claims = of.peer.reads_proof(&proof, &of.house.public("c.jwk"), &of.chain);
        assert_eq!(claims["htu"], format!("{AUTHORITY}{PATH}"), "{claims}");
        assert_eq!(of.house.verdict(&of.chain, Some(&proof)), "ok");
        let by_another = of.peer.reads_proof(&proof, &of.house.public("b.jwk"), &of.chain);
        assert!(by_another["refused"].is_string(), "{by_another}");
    }
}

#[test]
fn what_was_altered_is_refused_in_python() {
    let of = lineage("ES256", ["ES256", "Ed25519", "ES256"]);
    let links: Vec<&str> = of.chain.split('~').collect();
    let sibling = lineage("ES256", ["ES256", "Ed25519", "ES256"]);
    let foreign: Vec<&str> = sibling.chain.split('~').collect();
    let altered = [
        (with_a_character_changed(&of.chain, 1), "link 0:"),
        (format!("{}~{}~{}", links[0], with_a_character_changed(links[1], 2), links[2]), "link 1:"),
        (format!("{}~{}", links[0], links[2]), "link 1:"),
        (format!("{}~{}~{}", links[0], foreign[1], links[2]), "link 1:"),
        (sibling.chain.clone(), "link 0:"),
    ];
    for (chain, place) in &altered {
        let read = of.peer.reads(chain, &of.house.public("authority.jwk"));
        let why = read["refused"].as_str().unwrap_or_else(|| panic!("accepted: {chain}"));
        assert!(why.starts_with(place), "{why}");
    }
    let again = portcullis(&[
        "warrant",
        "delegate",
        "--warrant",
        &links[..1].join("~"),
        "--key",
        &of.house.file("a.jwk"),
        "--sub",
        "agent:helper",
        "--cnf",
        &of.house.file("b.jwk"),
        "--max-depth",
        "2",
    ])
    .well();
    let reparented = format!("{again}~{}", links[2]);
    let read = of.peer.reads(&reparented, &of.house.public("authority.jwk"));
    assert_eq!(read["refused"], "link 2: parent");
    assert_eq!(of.house.verdict(&reparented, None), "lineage-broken");
}

#[test]
fn of_a_root_with_several_details_a_delegation_keeps_those_that_have_what_is_named() {
    let (peer, house) = (Peer::new(), House::new("ES256"));
    house.new_key("a.jwk", &[]);
    let mut claims = payments(&house.public("a.jwk"));
    let mut refunds = detail("/v1/refunds/*");
    refunds["hosts"] = json!(["refunds"]);
    claims["authorization_details"] = json!([detail("/v1/payments/*"), refunds]);
    let root = peer.root(&house.private("authority.jwk"), "a1", &claims);
    let a = house.file("a.jwk");
    let delegate = |more: &[&str]| {
        let words =
            ["warrant", "delegate", "--warrant", &root, "--key", &a, "--sub", "agent:helper", "--cnf", &a];
        portcullis(&[&words[..], more].concat())
    };

    let child = delegate(&["--path", "/v1/payments/a-7"]).well();
    assert_eq!(house.verdict(&child, None), "ok");
    let links = peer.reads(&child, &house.public("authority.jwk"));
    assert_eq!(links[1]["authorization_details"], json!([detail("/v1/payments/a-7")]));

    // Each is the parent's, and in no one detail together.
    let across = delegate(&["--path", "/v1/payments/a-7", "--host", "refunds"]);
    assert_eq!((across.status, across.out.as_str()), (2, ""), "{across:?}");
    assert!(across.err.contains("nothing is left"), "{across:?}");
    let wider = delegate(&["--path", "/v1/**"]);
    assert!(wider.status == 2 && wider.err.contains("`paths` would be wider"), "{wider:?}");
}
