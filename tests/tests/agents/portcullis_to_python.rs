//! Warrants minted by the binary, read link by link by a stock Python library.

use portcullis_tests::command::portcullis;
use serde_json::{Value, json};

use crate::key_directory::{
    AUTHORITY, ISSUER, KeyDirectory, PATH, detail, payments, with_a_character_changed,
};
use crate::peer::Peer;

/// What the stock library says about a signature by another key.
const BAD_SIGNATURE: &str = "bad_signature: ";

/// What it says about a signature by this algorithm when the key is for another one.
fn other_algorithm(alg: &str) -> String {
    format!("unsupported_algorithm: Algorithm of '{alg}' is not allowed")
}

/// A root and two children, minted on the command line.
struct MintedChain {
    peer: Peer,
    directory: KeyDirectory,
    chain: String,
}

fn mint(authority: &str, holders: [&str; 3]) -> MintedChain {
    let directory = KeyDirectory::new(authority);
    for (name, alg) in ["a.jwk", "b.jwk", "c.jwk"].into_iter().zip(holders) {
        directory.new_key(name, &["--alg", alg]);
    }
    let [authority, a, b, c] = ["authority.jwk", "a.jwk", "b.jwk", "c.jwk"].map(|name| directory.file(name));
    let mut words = vec!["warrant", "mint", "--key", &authority, "--issuer", ISSUER, "--aud", "demo"];
    words.extend(["--sub", "agent:demo", "--cnf", &a, "--lifetime", "5m", "--use", "3", "--max-depth", "2"]);
    words.extend(["--host", "localhost", "--method", "POST", "--path", "/v1/payments/*"]);
    let root = portcullis(&words).success();
    let delegate = |parent: &str, key: &str, to: &str, more: &[&str]| {
        let words =
            ["warrant", "delegate", "--warrant", parent, "--key", key, "--sub", "agent:helper", "--cnf", to];
        portcullis(&[&words[..], more].concat()).success()
    };
    let child = delegate(&root, &a, &b, &["--max-depth", "2", "--use", "2"]);
    let chain = delegate(&child, &b, &c, &["--path", "/v1/payments/a-7"]);
    assert_eq!(directory.verdict(&chain, None), "ok");
    MintedChain { peer: Peer::new(), directory, chain }
}

#[test]
fn python_accepts_signatures_parents_and_thumbprints() {
    for holders in
        [["ES256", "ES256", "ES256"], ["Ed25519", "Ed25519", "Ed25519"], ["ES256", "Ed25519", "ES256"]]
    {
        let made = mint(holders[1], holders);
        let read = made.peer.read(&made.chain, &made.directory.public("authority.jwk"));
        let links = read.as_array().unwrap_or_else(|| panic!("{read}"));
        let subjects: Vec<&Value> = links.iter().map(|link| &link["sub"]).collect();
        assert_eq!(subjects, ["agent:demo", "agent:helper", "agent:helper"]);
        assert_eq!(links[2]["cnf"]["jwk"], made.directory.public("c.jwk"));
        assert_eq!(links[2]["authorization_details"][0]["paths"][0], "/v1/payments/a-7");

        let proof = portcullis(&[
            "warrant",
            "prove",
            "--key",
            &made.directory.file("c.jwk"),
            "--warrant",
            &made.chain,
            "--method",
            "POST",
            "--host",
            AUTHORITY,
            "--path",
            PATH,
            "--body",
            "{}",
        ])
        .success();
        let claims = made.peer.read_proof(&proof, &made.directory.public("c.jwk"), &made.chain);
        assert_eq!(claims["htu"], format!("{AUTHORITY}{PATH}"), "{claims}");
        assert_eq!(made.directory.verdict(&made.chain, Some(&proof)), "ok");
        let by_another = made.peer.read_proof(&proof, &made.directory.public("b.jwk"), &made.chain);
        let why =
            if holders[1] == holders[2] { BAD_SIGNATURE.to_owned() } else { other_algorithm(holders[2]) };
        assert_eq!(by_another["refused"], why, "{by_another}");
    }
}

#[test]
fn python_refuses_an_altered_chain_and_names_the_link() {
    let made = mint("ES256", ["ES256", "Ed25519", "ES256"]);
    let links: Vec<&str> = made.chain.split('~').collect();
    let sibling = mint("ES256", ["ES256", "Ed25519", "ES256"]);
    let others: Vec<&str> = sibling.chain.split('~').collect();
    let bad_signature = |link: usize| format!("link {link}: {BAD_SIGNATURE}");
    let altered = [
        (with_a_character_changed(&made.chain, 1), bad_signature(0)),
        (format!("{}~{}~{}", links[0], with_a_character_changed(links[1], 2), links[2]), bad_signature(1)),
        (format!("{}~{}", links[0], links[2]), format!("link 1: {}", other_algorithm("Ed25519"))),
        (format!("{}~{}~{}", links[0], others[1], links[2]), bad_signature(1)),
        (sibling.chain.clone(), bad_signature(0)),
    ];
    for (chain, why) in &altered {
        let read = made.peer.read(chain, &made.directory.public("authority.jwk"));
        assert_eq!(read["refused"], *why, "{chain}");
    }
    let other_child = portcullis(&[
        "warrant",
        "delegate",
        "--warrant",
        &links[..1].join("~"),
        "--key",
        &made.directory.file("a.jwk"),
        "--sub",
        "agent:helper",
        "--cnf",
        &made.directory.file("b.jwk"),
        "--max-depth",
        "2",
    ])
    .success();
    let reparented = format!("{other_child}~{}", links[2]);
    let read = made.peer.read(&reparented, &made.directory.public("authority.jwk"));
    assert_eq!(read["refused"], "link 2: parent");
    assert_eq!(made.directory.verdict(&reparented, None), "lineage-broken");
}

#[test]
fn a_delegation_keeps_only_the_details_of_the_root_that_cover_what_it_names() {
    let (peer, directory) = (Peer::new(), KeyDirectory::new("ES256"));
    directory.new_key("a.jwk", &[]);
    let mut claims = payments(&directory.public("a.jwk"));
    let mut refunds = detail("/v1/refunds/*");
    refunds["hosts"] = json!(["refunds"]);
    claims["authorization_details"] = json!([detail("/v1/payments/*"), refunds]);
    let root = peer.root(&directory.private("authority.jwk"), "a1", &claims);
    let a = directory.file("a.jwk");
    let delegate = |more: &[&str]| {
        let words =
            ["warrant", "delegate", "--warrant", &root, "--key", &a, "--sub", "agent:helper", "--cnf", &a];
        portcullis(&[&words[..], more].concat())
    };

    let child = delegate(&["--path", "/v1/payments/a-7"]).success();
    assert_eq!(directory.verdict(&child, None), "ok");
    let links = peer.read(&child, &directory.public("authority.jwk"));
    assert_eq!(links[1]["authorization_details"], json!([detail("/v1/payments/a-7")]));

    // The parent has this path and this host, but not in the same detail.
    let across = delegate(&["--path", "/v1/payments/a-7", "--host", "refunds"]);
    assert_eq!((across.status, across.out.as_str()), (2, ""), "{across:?}");
    assert!(across.err.contains("nothing is left"), "{across:?}");
    let wider = delegate(&["--path", "/v1/**"]);
    assert!(wider.status == 2 && wider.err.contains("`paths` would be wider"), "{wider:?}");
}
