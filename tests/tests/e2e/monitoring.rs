//! The dashboard and the alerting rules ask only for metrics that a server has, with the labels that they have.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_tests::agent::hello;
use portcullis_tests::authority;
use portcullis_tests::client::{ClientRequest, get};
use portcullis_tests::condition::until;
use portcullis_tests::operator::done;
use portcullis_tests::programs::repository;
use portcullis_tests::shipped;
use portcullis_tests::world::World;
use serde_json::Value;

/// Every query in a file of `envoy/monitoring`.
fn queries(file: &str) -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("expr").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|member| collect(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = Vec::new();
    collect(&shipped::read(&repository().join("envoy/monitoring").join(file)), &mut found);
    assert!(!found.is_empty(), "{file} has queries");
    found
}

/// The metrics in a query, each with the labels that it is asked for.
fn asked(query: &str) -> BTreeMap<String, BTreeSet<String>> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut rest = query;
    while let Some(start) = rest.find("portcullis_") {
        let from_name = rest.split_at(start).1;
        let end = from_name.find(|letter| !is_name(letter)).unwrap_or(from_name.len());
        let (name, after) = from_name.split_at(end);
        let labels = all.entry(name.to_owned()).or_default();
        rest = after;
        if let Some(selectors) = rest.strip_prefix('{') {
            let (selectors, _) = selectors.split_once('}').expect("an end of the selectors");
            labels.extend(selectors.split(',').map(|one| one.split(['=', '!']).next().unwrap().to_owned()));
        }
        if let Some((_, by)) = query.split_once("by (") {
            let by = by.split_once(')').expect("an end of the labels").0;
            labels.extend(by.split(',').map(|label| label.trim().to_owned()));
        }
    }
    all
}

/// The metrics of a server, each with its labels.
fn exposed(metrics: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels =
            labels.split("\",").filter_map(|label| label.split_once('=')).map(|(label, _)| label.to_owned());
        all.entry(name.to_owned()).or_default().extend(labels);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_asks_for_what_a_server_has() {
    let world = World::start().await;
    // A metric with labels is there once something was counted.
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    world.denies(&ClientRequest::new("GET", "localhost", "/hello/you"), 401, "warrant-missing").await;
    authority::log_in(&world.home, "demo");
    let _ = authority::warrant(&world.home, &["GET", "http://localhost/hello/you"]);
    done(&world.home, &["halt", "--route", "pay"]);
    let metrics = until("an outcome to be counted", async || {
        let metrics = get(world.server.health(), "/metrics").await?.text();
        metrics.contains("portcullis_outcomes_total").then_some(metrics)
    })
    .await;
    let exposed = exposed(&metrics);
    for query in ["alerts.yaml", "dashboard.json"].into_iter().flat_map(queries) {
        for (name, labels) in asked(&query) {
            let known =
                exposed.get(&name).unwrap_or_else(|| panic!("`{query}`: there is no metric `{name}`"));
            assert!(labels.is_subset(known), "`{query}`: `{name}` has the labels {known:?}");
        }
    }
    world.end().await;
}

#[test]
fn a_misspelt_metric_or_label_would_be_found() {
    let exposed = exposed("# HELP x\nportcullis_a_total{code=\"\",outcome=\"b\"} 1\nportcullis_b 2.5\n");
    assert_eq!(exposed["portcullis_a_total"], ["code", "outcome"].map(str::to_owned).into());
    let asked =
        asked("sum by (le, job) (rate(portcullis_a_total{code!=\"\",x=~\"a|b\"}[5m])) / portcullis_b");
    assert_eq!(asked["portcullis_a_total"], ["code", "job", "le", "x"].map(str::to_owned).into());
    assert!(asked.contains_key("portcullis_b"));
}
