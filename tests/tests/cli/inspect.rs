//! `portcullis warrant inspect` prints a tree for people and JSON for machines. Of a wrong chain it prints the readable part.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::workdir::{AT, Workdir};

/// A chain of three links, each narrower than its parent.
fn chain(workdir: &Workdir) -> String {
    workdir.payments();
    let child = workdir
        .run(&Workdir::delegate_line("--use 2 --max-depth 2 --lifetime 2m --arg amount=1..100"))
        .success();
    workdir.write("child", &child);
    let line = format!(
        "warrant delegate --warrant @$child --key $b.jwk --sub agent:c --cnf $c.jwk --at {AT} --lifetime 1m --use 1 \
         --path /v1/payments/a-7 --arg amount=5 --env region=eu-1"
    );
    workdir.run(&line).success()
}

fn thumbprint(workdir: &Workdir, name: &str) -> String {
    let set: Value = serde_json::from_str(&workdir.run(&format!("key jwks ${name}.jwk")).success()).unwrap();
    workdir.write("unnamed", &{
        let mut key = set["keys"][0].clone();
        key.as_object_mut().unwrap().remove("kid");
        key.to_string()
    });
    let with_thumbprint: Value = serde_json::from_str(&workdir.run("key jwks $unnamed").success()).unwrap();
    with_thumbprint["keys"][0]["kid"].as_str().unwrap().to_owned()
}

#[test]
fn three_links_are_drawn_as_a_tree() {
    let workdir = Workdir::new();
    workdir.write("chain", &chain(&workdir));
    let drawn = workdir.run("warrant inspect @$chain --at 1800000015").success();
    let [a, b, c] = ["a", "b", "c"].map(|name| thumbprint(&workdir, name));
    let expected = format!(
        "nothing below is verified; to verify it, use `portcullis warrant verify`
agent:a, issued by https://authority.demo, for demo
   may POST /v1/payments/* on pay.shop
   3 uses, 285 s left, may be delegated 2 times more
   key {a}
└─ agent:b, for demo
      may POST /v1/payments/* on pay.shop, amount from 1 to 100
      2 uses, 105 s left, may be delegated once more
      key {b}
      narrowed here: any argument → amount from 1 to 100; 3 uses → 2 uses; ends 180 s earlier
   └─ agent:c, for demo
         may POST /v1/payments/a-7 on pay.shop, amount = 5
         one use, 45 s left, may not be delegated, region eu-1
         key {c}
         narrowed here: /v1/payments/* → /v1/payments/a-7; amount from 1 to 100 → amount = 5; 2 uses → one use; \
         anywhere → region eu-1; ends 60 s earlier"
    );
    assert_eq!(drawn, expected);
}

#[test]
fn the_json_has_the_same_content_as_the_tree() {
    let workdir = Workdir::new();
    let chain = chain(&workdir);
    workdir.write("chain", &chain);
    let json: Value = serde_json::from_str(&workdir.run("warrant inspect @$chain --json").success()).unwrap();
    assert_eq!((&json["verified"], &json["malformed"]), (&false.into(), &Value::Null));
    // The digest of a link is what the next link names as its parent.
    let child = chain.split('~').nth(1).unwrap().split('.').nth(1).unwrap();
    let child: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(child).unwrap()).unwrap();
    assert_eq!(json["links"][0]["digest"], child["parent"]);
    let leaf = &json["links"][2];
    assert_eq!((&leaf["sub"], &leaf["use"], &leaf["depth"]), (&"agent:c".into(), &1.into(), &2.into()));
    assert_eq!(leaf["env"]["region"][0], "eu-1");
    assert_eq!(leaf["wrong"], Value::Array(Vec::new()));
    let narrowed: Vec<&str> =
        leaf["narrowed"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(narrowed.len(), 5);
    let tree = workdir.run("warrant inspect @$chain").success();
    assert_eq!(tree.lines().last().unwrap().trim_start(), format!("narrowed here: {}", narrowed.join("; ")));
}

#[test]
fn a_malformed_link_is_named_and_the_links_above_it_are_drawn() {
    let workdir = Workdir::new();
    let chain = chain(&workdir);
    let links: Vec<&str> = chain.split('~').collect();
    let cut = format!("{}~{}~{}", links[0], links[1], &links[2][..links[2].len() - 9]);
    let output = workdir.run(&format!("warrant inspect {cut}"));
    assert_eq!(output.status, 1, "{output:?}");
    assert!(output.out.contains("└─ agent:b") && !output.out.contains("agent:c"), "{}", output.out);
    assert!(output.out.lines().last().unwrap().starts_with("WRONG: link 2 is malformed: "), "{}", output.out);
    let output = workdir.run("warrant inspect hello");
    assert!(output.status == 1 && output.out.contains("WRONG: link 0 is malformed: "), "{output:?}");
    let json: Value = serde_json::from_str(&workdir.run("warrant inspect hello --json").out).unwrap();
    assert!(json["malformed"].as_str().unwrap().starts_with("link 0"), "{json}");
    assert_eq!(json["links"], Value::Array(Vec::new()));
}

#[test]
fn a_spliced_link_is_reported_with_everything_that_does_not_fit() {
    let workdir = Workdir::new();
    let chain = chain(&workdir);
    let links: Vec<&str> = chain.split('~').collect();
    let output = workdir.run(&format!("warrant inspect {}~{}", links[0], links[2]));
    assert_eq!(output.status, 1, "{output:?}");
    for wrong in [
        "WRONG: lineage-broken: its `iss` is not the key of the link above",
        "WRONG: lineage-broken: its `parent` does not name the link above",
        "WRONG: lineage-broken: its `depth` is 2, but the link is at depth 1",
    ] {
        assert!(output.out.contains(wrong), "{wrong}: {}", output.out);
    }
}
