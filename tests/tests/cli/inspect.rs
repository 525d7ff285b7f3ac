//! `portcullis warrant inspect`: a tree for people, JSON for machines, and a chain that is wrong is drawn as far as it goes.

use serde_json::Value;

use crate::desk::{AT, Desk};

/// Three links: narrower at each hop.
fn chain(desk: &Desk) -> String {
    desk.payments();
    let child =
        desk.says(&Desk::delegate_line("--use 2 --max-depth 2 --lifetime 2m --arg amount=1..100")).well();
    desk.put("child", &child);
    let line = format!(
        "warrant delegate --warrant @$child --key $b.jwk --sub agent:c --cnf $c.jwk --at {AT} --lifetime 1m --use 1 \
         --path /v1/payments/a-7 --arg amount=5 --env region=eu-1"
    );
    desk.says(&line).well()
}

fn thumbprint(desk: &Desk, name: &str) -> String {
    let shown: Value = serde_json::from_str(&desk.says(&format!("key jwks ${name}.jwk")).well()).unwrap();
    desk.put("unnamed", &{
        let mut key = shown["keys"][0].clone();
        key.as_object_mut().unwrap().remove("kid");
        key.to_string()
    });
    let named: Value = serde_json::from_str(&desk.says("key jwks $unnamed").well()).unwrap();
    named["keys"][0]["kid"].as_str().unwrap().to_owned()
}

#[test]
fn three_links_are_drawn_as_a_tree() {
    let desk = Desk::new();
    desk.put("chain", &chain(&desk));
    let drawn = desk.says("warrant inspect @$chain --at 1800000015").well();
    let [a, b, c] = ["a", "b", "c"].map(|name| thumbprint(&desk, name));
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
fn machines_read_the_same() {
    let desk = Desk::new();
    desk.put("chain", &chain(&desk));
    let told: Value = serde_json::from_str(&desk.says("warrant inspect @$chain --json").well()).unwrap();
    assert_eq!((&told["verified"], &told["malformed"]), (&false.into(), &Value::Null));
    let leaf = &told["links"][2];
    assert_eq!((&leaf["sub"], &leaf["use"], &leaf["depth"]), (&"agent:c".into(), &1.into(), &2.into()));
    assert_eq!(leaf["env"]["region"][0], "eu-1");
    assert_eq!(leaf["wrong"], Value::Array(Vec::new()));
    assert_eq!(leaf["narrowed"].as_array().unwrap().len(), 5);
}

#[test]
fn a_malformed_link_is_named_and_those_above_it_are_drawn() {
    let desk = Desk::new();
    let chain = chain(&desk);
    let links: Vec<&str> = chain.split('~').collect();
    let cut = format!("{}~{}~{}", links[0], links[1], &links[2][..links[2].len() - 9]);
    let said = desk.says(&format!("warrant inspect {cut}"));
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.out.contains("└─ agent:b") && !said.out.contains("agent:c"), "{}", said.out);
    assert!(said.out.lines().last().unwrap().starts_with("WRONG: link 2 is malformed: "), "{}", said.out);
    let said = desk.says("warrant inspect hello");
    assert!(said.status == 1 && said.out.contains("WRONG: link 0 is malformed: "), "{said:?}");
    let told: Value = serde_json::from_str(&desk.says("warrant inspect hello --json").out).unwrap();
    assert!(told["malformed"].is_string() && told["links"] == Value::Array(Vec::new()), "{told}");
}

#[test]
fn a_splice_is_wrong_where_it_was_made() {
    let desk = Desk::new();
    let chain = chain(&desk);
    let links: Vec<&str> = chain.split('~').collect();
    let said = desk.says(&format!("warrant inspect {}~{}", links[0], links[2]));
    assert_eq!(said.status, 1, "{said:?}");
    for wrong in [
        "WRONG: lineage-broken: its `iss` is not the key of the link above",
        "WRONG: lineage-broken: its `parent` does not name the link above",
        "WRONG: lineage-broken: its `depth` is 2, but the link is at depth 1",
    ] {
        assert!(said.out.contains(wrong), "{wrong}: {}", said.out);
    }
}
