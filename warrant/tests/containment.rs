//! Containment is sound: a parent allows everything that a child within it allows. It is also reflexive and transitive,
//! and a child that drops a key is never within. Tests all small cases, and many random ones.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic"
)]

mod common;

use std::cell::Cell;

use common::forge;
use proptest::{
    prelude::*,
    test_runner::{RngSeed, TestRunner},
};
use serde_json::{Value as Json, json};
use warrant::{
    Argument, Arguments, Claims, Constraint, Detail, PathPattern, PresentedWarrant, RawPath, Value,
};

/// Every sequence of these elements, up to the length `most`.
fn sequences(of: &[&str], most: usize) -> Vec<Vec<String>> {
    let mut all = vec![vec![]];
    let mut last = all.clone();
    for _ in 0..most {
        last = last
            .iter()
            .flat_map(|start| of.iter().map(move |next| [start.clone(), vec![(*next).to_owned()]].concat()))
            .collect();
        all.extend(last.iter().cloned());
    }
    all
}

#[test]
fn every_small_pattern_within_another_matches_no_more_paths() {
    let texts = |of: &[&str], most| {
        sequences(of, most).into_iter().filter(|s| !s.is_empty()).map(|s| format!("/{}", s.join("/")))
    };
    let patterns: Vec<_> =
        texts(&["a", "b", "a%3A", "a:", "*", "**", ""], 3).filter_map(|t| PathPattern::parse(&t)).collect();
    let paths: Vec<_> = texts(&["a", "b", "a:", "a%3a", ""], 4).collect();
    let paths: Vec<_> =
        paths.iter().filter_map(|t| RawPath::parse(t.as_bytes()).ok()).map(|(path, _)| path).collect();
    let mut within = 0_usize;
    for child in &patterns {
        assert!(child.is_within(child), "{child} within itself");
        for parent in patterns.iter().filter(|parent| child.is_within(parent)) {
            within += 1;
            for path in &paths {
                assert!(
                    !child.matches(path) || parent.matches(path),
                    "{child} within {parent}, but {}",
                    path.as_str()
                );
            }
            for grand in patterns.iter().filter(|grand| parent.is_within(grand)) {
                assert!(child.is_within(grand), "{child} within {parent} within {grand}");
            }
        }
    }
    println!("{} patterns, {} paths, {within} pairs within", patterns.len(), paths.len());
    assert!(patterns.len() > 150 && within > 1000 && paths.len() > 100);
}

#[test]
fn every_small_constraint_within_another_admits_no_more_values() {
    let values: Vec<Value> = [
        (-2..=4).map(Value::Integer).collect::<Vec<_>>(),
        ["", "1", "a"].iter().map(|t| Value::String((*t).into())).collect(),
        vec![Value::Boolean(true), Value::Boolean(false)],
    ]
    .concat();
    let mut all = vec![Constraint::Any];
    all.extend(values.iter().cloned().map(Constraint::Exact));
    for one in &values {
        all.push(Constraint::OneOf(vec![one.clone()]));
        all.extend(
            values
                .iter()
                .filter(|two| *two != one)
                .map(|two| Constraint::OneOf(vec![one.clone(), two.clone()])),
        );
    }
    all.extend((-2..=4).flat_map(|low| (low..=4).map(move |high| Constraint::Range(low, high))));
    let given: Vec<_> =
        values.into_iter().map(Argument::One).chain([Argument::List]).map(Some).chain([None]).collect();
    let mut within = 0_usize;
    for child in &all {
        assert!(child.is_within(child));
        for parent in all.iter().filter(|parent| child.is_within(parent)) {
            within += 1;
            for argument in &given {
                let argument = argument.as_ref();
                assert!(
                    !child.admits(argument) || parent.admits(argument),
                    "{child:?} within {parent:?}: {argument:?}"
                );
            }
            for grand in all.iter().filter(|grand| parent.is_within(grand)) {
                assert!(child.is_within(grand));
            }
        }
    }
    println!("{} constraints, {within} pairs within", all.len());
    assert!(all.len() > 150 && within > 1000);
}

fn subset(of: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(of, 1..=of.len())
}

fn constraint() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(json!({"any": true})),
        (0..4_i64).prop_map(|n| json!({"exact": n})),
        (0..3_i64, 0..3_i64).prop_map(|(low, more)| json!({"range": [low, low + more]})),
        prop::sample::subsequence(vec![0, 1, 2, 3], 1..=4).prop_map(|all| json!({"one_of": all})),
    ]
}

fn detail() -> impl Strategy<Value = Json> {
    let args = prop::collection::btree_map(prop::sample::select(vec!["a", "b"]), constraint(), 0..=2);
    (
        subset(&["a.shop", "b.shop"]),
        subset(&["GET", "POST"]),
        subset(&["/**", "/v1/**", "/v1/*", "/v1/x"]),
        prop::option::of(subset(&["pay", "read"])),
        args,
    )
        .prop_map(|(hosts, methods, paths, actions, args)| {
            let mut detail = json!({"type": "execution", "hosts": hosts, "methods": methods, "paths": paths});
            if let Some(actions) = actions {
                detail["actions"] = json!(actions);
            }
            if !args.is_empty() {
                detail["args"] = json!(args);
            }
            detail
        })
}

/// The detail, as the crate reads it.
fn read(detail: &Json) -> Detail {
    claims(|l| {
        l.set("authorization_details", json!([detail]));
    })
    .details()[0]
        .clone()
}

fn claims(edit: impl Fn(&mut forge::ForgedLink)) -> Claims {
    // No signature is verified here, and signing would take most of the time.
    let text = forge::root_with(|l| {
        edit(l);
        l.signature([1; 64]);
    });
    PresentedWarrant::parse(text.as_bytes()).unwrap().unverified_claims().unwrap().remove(0)
}

#[test]
fn a_detail_within_another_admits_no_more_requests() {
    const SEED: u64 = 3;
    let config = ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(SEED),
        ..ProptestConfig::default()
    };
    let within = Cell::new(0_usize);
    let all_three =
        (detail(), detail(), detail()).prop_map(|(one, two, three)| [read(&one), read(&two), read(&three)]);
    let proved = TestRunner::new(config).run(&all_three, |[child, parent, grand]| {
        prop_assert!(child.is_within(&child));
        if child.is_within(&parent) {
            within.set(within.get() + 1);
            prop_assert!(!parent.is_within(&grand) || child.is_within(&grand));
            admits_no_more(&child, &parent)?;
        }
        Ok(())
    });
    println!("seed {SEED}: {} of 4000 random details within another", within.get());
    assert_eq!(proved, Ok(()));
    assert!(within.get() > 100, "{}", within.get());
}

fn admits_no_more(child: &Detail, parent: &Detail) -> Result<(), TestCaseError> {
    for (method, path) in [("GET", "/v1/x"), ("POST", "/v1/y"), ("GET", "/v1/x/y"), ("POST", "/")] {
        for host in ["a.shop", "b.shop"] {
            let host = warrant::Host::parse(host).unwrap();
            let target = warrant::Target { host, ..common::target(method, path) };
            prop_assert!(!child.admits_target(&target) || parent.admits_target(&target));
        }
    }
    for action in ["pay", "read", "x"] {
        for (a, b) in (-1..5).flat_map(|a| (-1..5).map(move |b| (a, b))) {
            let mut arguments = Arguments::new();
            for (name, n) in [("a", a), ("b", b)] {
                // -1 means that the request does not have this argument.
                prop_assert!(n < 0 || arguments.insert(name, Argument::One(Value::Integer(n))));
            }
            prop_assert!(!child.admits_call(action, &arguments) || parent.admits_call(action, &arguments));
        }
    }
    Ok(())
}

#[test]
fn dropping_any_key_is_refused() {
    let full = |l: &mut forge::ForgedLink| {
        l.set("use", json!({"max": 1})).set("env", json!({"region": ["eu"], "cluster": ["prod"]}));
        l.set("att", json!({"measurement": [format!("sha256:{}", "a".repeat(64))]}));
        l.detail("actions", json!(["pay"])).detail("args", json!({"a": {"any": true}, "b": {"exact": 1}}));
    };
    let parent = claims(full);
    assert!(parent.check_within(&parent).is_ok());
    type ClaimEdit<'c> = &'c dyn Fn(&mut forge::ForgedLink);
    let without: [(&str, ClaimEdit<'_>); 7] = [
        ("use", &|l| {
            l.drop("use");
        }),
        ("att", &|l| {
            l.drop("att");
        }),
        ("env", &|l| {
            l.set("env", json!({}));
        }),
        ("env", &|l| {
            l.set("env", json!({"region": ["eu"]}));
        }),
        ("authorization_details", &|l| {
            l.claims["authorization_details"][0].as_object_mut().unwrap().remove("actions");
        }),
        ("authorization_details", &|l| {
            l.claims["authorization_details"][0].as_object_mut().unwrap().remove("args");
        }),
        ("authorization_details", &|l| {
            l.detail("args", json!({"a": {"any": true}}));
        }),
    ];
    for (dimension, drop) in without {
        let child = claims(|l| {
            full(l);
            drop(l);
        });
        assert_eq!(child.check_within(&parent).err().map(|widened| widened.name), Some(dimension));
        assert!(parent.check_within(&child).is_ok(), "a child that adds it back is narrower");
    }
}
