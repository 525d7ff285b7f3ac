//! Vectors about lineage: links that follow their parents and are within them, uses, depth and revocation.

use serde_json::{Value, json};
use warrant::mint::Signer as _;

use super::{super::forge::*, List, measurement};
use crate::common::{NOW, chain, holder};

const BROKEN: &str = "lineage-broken";
const WIDENED: &str = "lineage-widened";

pub(super) fn add(list: &mut List) {
    splices(list);
    dimensions(list);
    depth(list);
    use_and_revocation(list);
}

fn splices(list: &mut List) {
    list.rule("each link is signed by its parent's cnf key, names its thumbprint and the parent's digest, and stands at its depth");
    let three = chain(3);
    let links: Vec<&str> = three.split('~').collect();
    list.add("three links", three.clone(), "ok");
    list.add("the middle link dropped", format!("{}~{}", links[0], links[2]), "signature-invalid");
    list.add("two links swapped", format!("{}~{}~{}", links[0], links[2], links[1]), "signature-invalid");
    list.add("a link twice", format!("{}~{}~{}", links[0], links[1], links[1]), "signature-invalid");
    list.add("the root dropped", format!("{}~{}", links[1], links[2]), "warrant-malformed");
    list.add("the root twice", format!("{}~{}", links[0], links[0]), "warrant-malformed");
    list.add("the leaf first", format!("{}~{}", links[1], links[0]), "warrant-malformed");
    list.add("the leaf alone", links[2].into(), "warrant-malformed");
    list.add("the leaf cut off is its parent's", format!("{}~{}", links[0], links[1]), "ok");
    let other = root_with(|l| {
        l.set("jti", json!("other"));
    });
    list.add("a link under another root of the same holder", format!("{other}~{}", links[1]), BROKEN);
    let own = |l: &mut ForgedLink| {
        l.set("cnf", json!({"jwk": jwk(&holder(0))}));
    };
    let again = forged(&[&same, &own, &|l| {
        l.signed_by(holder(0)).set("iss", json!(holder(0).public_key().thumbprint().uri()));
    }]);
    list.add("narrowing for oneself, twice", again.clone(), "ok");
    let own_links: Vec<&str> = again.split('~').collect();
    list.add("one holder's link dropped", format!("{}~{}", own_links[0], own_links[2]), BROKEN);
    list.add(
        "a parent of the right form and wrong value",
        pair(same, |l| {
            l.set("parent", json!(digest_of("a.b.c")));
        }),
        BROKEN,
    );
    list.add(
        "an iss of the right form and wrong value",
        pair(same, |l| {
            l.set("iss", json!(holder(5).public_key().thumbprint().uri()));
        }),
        BROKEN,
    );
    list.add(
        "a root at depth 1",
        root_with(|l| {
            l.set("depth", json!(1));
        }),
        BROKEN,
    );
    list.add(
        "a link at depth 0",
        pair(same, |l| {
            l.set("depth", json!(0));
        }),
        BROKEN,
    );
    list.add(
        "a link at depth 2",
        pair(same, |l| {
            l.set("depth", json!(2));
        }),
        BROKEN,
    );
    list.add(
        "a parent named with its signature",
        pair(same, |l| {
            l.set("parent", json!(warrant::Digest::of(root_with(same).as_bytes()).to_base64url()));
        }),
        BROKEN,
    );
}

/// Adds a vector with this member in the first detail of the parent and of the child.
fn member(
    list: &mut List,
    name: &str,
    member: &str,
    parent: Option<Value>,
    child: Option<Value>,
    expect: &str,
) {
    let put = |value: Option<Value>| {
        move |l: &mut ForgedLink| {
            if let Some(value) = &value {
                l.detail(member, value.clone());
            }
        }
    };
    list.add(name, pair(put(parent), put(child)), expect);
}

fn dimensions(list: &mut List) {
    list.rule("hosts, methods, actions: set inclusion; adding a constraint narrows, dropping one widens");
    for (name, values) in [
        ("hosts", ["payments.shop", "refunds.shop"]),
        ("methods", ["POST", "PUT"]),
        ("actions", ["pay", "refund"]),
    ] {
        member(
            list,
            &format!("{name}: a member less"),
            name,
            Some(json!(values)),
            Some(json!([values[0]])),
            "ok",
        );
        member(
            list,
            &format!("{name}: a member more"),
            name,
            Some(json!([values[0]])),
            Some(json!(values)),
            WIDENED,
        );
        member(
            list,
            &format!("{name}: one other"),
            name,
            Some(json!([values[0]])),
            Some(json!([values[1]])),
            WIDENED,
        );
    }
    member(list, "actions added", "actions", None, Some(json!(["pay"])), "ok");
    member(list, "actions dropped", "actions", Some(json!(["pay"])), None, WIDENED);
    list.rule("paths: each child pattern within one parent pattern, walking both");
    for (parent, child, expect) in [
        ("/v1/**", "/v1/payments/*", "ok"),
        ("/v1/**", "/v1/**", "ok"),
        ("/v1/payments/*", "/v1/payments/a-7", "ok"),
        ("/v1/payments/*", "/v1/payments/**", WIDENED),
        ("/v1/payments/*", "/v1/*/a-7", WIDENED),
        ("/v1/payments/a-7", "/v1/payments/*", WIDENED),
        ("/v1/payments/**", "/**", WIDENED),
        ("/v1/payments/**", "/v1/**", WIDENED),
        ("/v1/payments/*", "/v1/payments/", WIDENED),
        ("/v1/payments/*", "/v1/payments", WIDENED),
        ("/v1/payments/a%2D7", "/v1/payments/a-7", "warrant-malformed"),
        ("/v1/payments/a:7", "/v1/payments/a%3A7", "outside-warrant"),
        ("/v1/payments/%2A", "/v1/payments/*", WIDENED),
    ] {
        member(
            list,
            &format!("{child} within {parent}"),
            "paths",
            Some(json!([parent])),
            Some(json!([child])),
            expect,
        );
    }
    member(
        list,
        "a pattern within two together and none alone",
        "paths",
        Some(json!(["/v1/payments/*", "/v1/payments"])),
        Some(json!(["/v1/payments/**"])),
        WIDENED,
    );
    list.rule("args: each parent constraint is kept and not widened");
    for (parent, child, expect) in [
        (json!({"any": true}), json!({"range": [1, 2]}), "ok"),
        (json!({"any": true}), json!({"any": true}), "ok"),
        (json!({"range": [0, 9]}), json!({"range": [0, 9]}), "ok"),
        (json!({"range": [0, 9]}), json!({"range": [0, 10]}), WIDENED),
        (json!({"range": [0, 9]}), json!({"range": [-1, 9]}), WIDENED),
        (json!({"range": [0, 9]}), json!({"exact": 9}), "ok"),
        (json!({"range": [0, 9]}), json!({"exact": "9"}), WIDENED),
        (json!({"range": [0, 9]}), json!({"one_of": [1, 9]}), "ok"),
        (json!({"range": [0, 9]}), json!({"one_of": [1, 10]}), WIDENED),
        (json!({"range": [0, 9]}), json!({"any": true}), WIDENED),
        (json!({"one_of": [1, 2]}), json!({"exact": 2}), "ok"),
        (json!({"one_of": [1, 2]}), json!({"one_of": [2]}), "ok"),
        (json!({"one_of": [1, 2]}), json!({"one_of": [2, 3]}), WIDENED),
        (json!({"one_of": [1, 2]}), json!({"range": [1, 2]}), WIDENED),
        (json!({"one_of": [1, 2]}), json!({"any": true}), WIDENED),
        (json!({"exact": 1}), json!({"exact": 1}), "ok"),
        (json!({"exact": 1}), json!({"exact": "1"}), WIDENED),
        (json!({"exact": 1}), json!({"one_of": [1]}), WIDENED),
        (json!({"exact": 1}), json!({"range": [1, 1]}), WIDENED),
        (json!({"exact": 1}), json!({"any": true}), WIDENED),
    ] {
        member(
            list,
            &format!("{child} within {parent}"),
            "args",
            Some(json!({"a": parent})),
            Some(json!({"a": child})),
            expect,
        );
    }
    member(list, "args added", "args", None, Some(json!({"a": {"any": true}})), "ok");
    member(list, "args dropped", "args", Some(json!({"a": {"any": true}})), None, WIDENED);
    member(
        list,
        "one argument of two dropped",
        "args",
        Some(json!({"a": {"any": true}, "b": {"any": true}})),
        Some(json!({"a": {"any": true}})),
        WIDENED,
    );
    list.rule("every child detail is within one parent detail, never within several together");
    let split = |l: &mut ForgedLink| {
        let mut one = l.claims["authorization_details"][0].clone();
        one["methods"] = json!(["GET"]);
        let other = l.claims["authorization_details"][0].clone();
        l.set("authorization_details", json!([one, other]));
    };
    list.add(
        "a detail within two together and none alone",
        pair(split, |l| {
            l.detail("methods", json!(["GET", "POST"]));
        }),
        WIDENED,
    );
    list.add("each detail within one", pair(split, split), "ok");
    list.add("a second detail that no parent has", pair(same, split), WIDENED);

    let claim = |name: &'static str, value: Option<Value>| {
        move |l: &mut ForgedLink| {
            if let Some(value) = &value {
                l.set(name, value.clone());
            }
        }
    };
    list.rule("use: child max at most parent max; may not be dropped; may be added");
    let max = |n: u32| Some(json!({"max": n}));
    for (name, parent, child, expect) in [
        ("lowered", max(5), max(1), "ok"),
        ("kept", max(5), max(5), "ok"),
        ("raised", max(5), max(6), WIDENED),
        ("dropped", max(5), None, WIDENED),
        ("added", None, max(1), "ok"),
    ] {
        list.add(&format!("use {name}"), pair(claim("use", parent), claim("use", child)), expect);
    }
    list.rule("time: the child's window inside the parent's; iat not before the parent's");
    for (name, value, expect) in [
        ("exp", NOW + 51, WIDENED),
        ("exp", NOW + 50, "ok"),
        ("nbf", NOW - 11, WIDENED),
        ("nbf", NOW - 9, "ok"),
        ("iat", NOW - 11, WIDENED),
        ("iat", NOW - 9, "ok"),
    ] {
        list.add(
            &format!("a link's {name} {} its parent's", if expect == "ok" { "inside" } else { "outside" }),
            pair(same, claim(name, Some(json!(value)))),
            expect,
        );
    }
    list.rule("aud, env, att: set inclusion; dropping a key is widening");
    list.add(
        "aud of a mesh more",
        pair(same, claim("aud", Some(json!(["bank", "shop"])))),
        "audience-mismatch",
    );
    list.add(
        "aud widened in the middle",
        forged(&[&same, &claim("aud", Some(json!(["bank", "shop"]))), &same]),
        WIDENED,
    );
    let (wide, narrow) = (Some(json!({"region": ["eu-1", "eu-2"]})), Some(json!({"region": ["eu-1"]})));
    for (name, parent, child, expect) in [
        ("a value less", wide.clone(), narrow.clone(), "ok"),
        ("a value more", narrow.clone(), wide, WIDENED),
        ("a key dropped", narrow.clone(), None, WIDENED),
        ("a key added", None, narrow.clone(), "ok"),
        ("another key", narrow, Some(json!({"cluster": ["eu-1"]})), WIDENED),
    ] {
        list.add(&format!("env: {name}"), pair(claim("env", parent), claim("env", child)), expect);
    }
    let att = |digits: &[char]| {
        Some(json!({"measurement": digits.iter().map(|d| measurement(*d)).collect::<Vec<_>>()}))
    };
    for (name, parent, child, expect) in [
        ("a value less", att(&['a', 'b']), att(&['a']), "ok"),
        ("a value more", att(&['a']), att(&['a', 'b']), WIDENED),
        ("dropped", att(&['a']), None, WIDENED),
        ("added", None, att(&['a']), "ok"),
    ] {
        list.add(&format!("att: {name}"), pair(claim("att", parent), claim("att", child)), expect)
            .measurement = measurement('a').as_str().map(str::to_owned);
    }
    list.add(
        "widened in the middle, narrow at the leaf",
        forged(&[&claim("use", max(1)), &claim("use", max(2)), &claim("use", max(1))]),
        WIDENED,
    );
}

fn depth(list: &mut List) {
    list.rule("max_depth never rises; depth at most max_depth; depth == max_depth seals");
    let depths = |n: u64| {
        move |l: &mut ForgedLink| {
            l.set("max_depth", json!(n));
        }
    };
    list.add("a sealed root alone", root_with(depths(0)), "ok");
    list.add("a delegation of a sealed root", pair(depths(0), depths(0)), "lineage-too-deep");
    list.add("max_depth raised", pair(depths(1), depths(2)), WIDENED);
    list.add("max_depth raised on a sealed root", pair(depths(0), depths(1)), WIDENED);
    list.add("as deep as allowed", pair(depths(1), depths(1)), "ok");
    list.add("a leaf that allows less than its own depth", pair(depths(3), depths(0)), "lineage-too-deep");
    list.add(
        "broken is asked before widened",
        pair(same, |l| {
            l.set("depth", json!(3)).set("max_depth", json!(9));
        }),
        BROKEN,
    );
    list.add(
        "the audience is asked before lineage",
        pair(same, |l| {
            l.set("depth", json!(3)).set("aud", json!(["bank"]));
        }),
        "audience-mismatch",
    );
}

fn use_and_revocation(list: &mut List) {
    list.rule("one execution burns one use of every link that carries a limit");
    let max = |n: u32| {
        move |l: &mut ForgedLink| {
            l.set("use", json!({"max": n}));
        }
    };
    list.add("nothing is limited", chain(2), "ok").burns = Some(vec![]);
    list.add("root and leaf are limited", pair(max(1), max(1)), "ok").burns =
        Some(vec!["j0".into(), "j0/j1".into()]);
    list.add("only the leaf is limited", pair(same, max(1)), "ok").burns = Some(vec!["j0/j1".into()]);
    list.rule("revocation: by path for every warrant it is a prefix of, by key, by txn, by sub");
    let thumbprint = |n: u8| holder(n).public_key().thumbprint().to_string();
    let authority = crate::common::authority().public_key().thumbprint().to_string();
    for (name, kind, value, expect) in [
        ("the root's path", "path", "j0".to_owned(), "revoked"),
        ("the middle's path", "path", "j0/j1".into(), "revoked"),
        ("the leaf's path", "path", "j0/j1/j2".into(), "revoked"),
        ("a path by half a name", "path", "j".into(), "ok"),
        ("the path of a sibling", "path", "j0/j2".into(), "ok"),
        ("the leaf's name alone", "path", "j2".into(), "ok"),
        ("the lineage", "txn", "t1".into(), "revoked"),
        ("another lineage", "txn", "t2".into(), "ok"),
        ("the root's holder", "sub", "spiffe://shop/ns/shop/sa/h0".into(), "revoked"),
        ("the leaf's holder", "sub", "spiffe://shop/ns/shop/sa/h2".into(), "revoked"),
        ("a stranger", "sub", "spiffe://shop/ns/shop/sa/x".into(), "ok"),
        ("the root's key", "key", thumbprint(0), "revoked"),
        ("the middle's key", "key", thumbprint(1), "revoked"),
        ("the leaf's key", "key", thumbprint(2), "revoked"),
        ("the authority's key", "key", authority, "revoked"),
        ("another key", "key", thumbprint(3), "ok"),
    ] {
        list.add(&format!("revoked: {name}"), chain(3), expect).revoke(kind, &value);
    }
    list.add("the path of another issuer", chain(3), "ok").revoke("path", "j0").revoked[0].iss =
        "https://other.shop".into();
    list.add(
        "lineage is asked before revocation",
        pair(same, |l| {
            l.set("max_depth", json!(9));
        }),
        WIDENED,
    )
    .revoke("txn", "t1");
    list.add("revocation is asked before scope", chain(1), "revoked").revoke("txn", "t1").path("/elsewhere");
    list.rule("the request is inside every link's authority");
    list.add(
        "outside the leaf",
        pair(same, |l| {
            l.detail("paths", json!(["/v1/payments/b"]));
        }),
        "outside-warrant",
    );
    list.add("outside every link", chain(3), "outside-warrant").path("/v2/payments/a-7");
}
