//! Envoy accepts every example, and each differs from `envoy.yaml` only at the places that are listed here.

use portcullis_tests::envoy::validate;
use portcullis_tests::programs::repository;
use portcullis_tests::server::Home;
use portcullis_tests::shipped::{Configuration, copy_tls_secrets, envoy_configurations, read};
use serde_json::Value;
use std::collections::BTreeMap;

#[test]
fn every_example_is_accepted_by_envoy() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let configurations = envoy_configurations();
    assert!(configurations.len() > 4, "{configurations:?}");
    for file in configurations {
        // Envoy checks that the files of gate and seal exist, so the configuration must name existing ones.
        let mut configuration = Configuration::at(&file).filters_at(home.directory());
        if file.ends_with("sidecar.yaml") {
            copy_tls_secrets(directory.path());
            configuration =
                configuration.server_over_tls("127.0.0.1:9191".parse().unwrap(), directory.path());
        }
        if file.ends_with("istio-custom.yaml") {
            // Certificates that are named in the configuration itself must exist.
            configuration = configuration.without_tls_of_clients();
        }
        if let Err(why) = validate(&configuration.write(directory.path())) {
            panic!("{}: {why}", file.display());
        }
    }
}

const NODE: &[&str] = &["/node/cluster", "/node/id"];

const MANAGER: &str = "/static_resources/listeners/guarded/filter_chains/0/filters/\
                       envoy.filters.network.http_connection_manager/typed_config";

#[test]
fn the_sidecar_differs_only_in_mutual_tls_and_where_its_workload_is() {
    let mut places = vec![
        "/static_resources/listeners/guarded/address/socket_address/port_value".to_owned(),
        "/static_resources/listeners/guarded/filter_chains/0/transport_socket".to_owned(),
    ];
    for cluster in ["portcullis", "portcullis_access_log"] {
        for place in ["connect_timeout", "dns_lookup_family", "transport_socket", "type", ADDRESS] {
            places.push(format!("/static_resources/clusters/{cluster}/{place}"));
        }
    }
    for place in ["dns_lookup_family", "type", ADDRESS] {
        places.push(format!("/static_resources/clusters/upstream/{place}"));
    }
    differs_only_at("sidecar.yaml", &places);
}

#[test]
fn the_example_for_streams_differs_only_in_times_upgrades_and_a_service_for_grpc() {
    let manager = |place: &str| format!("{MANAGER}/{place}");
    let places = [
        manager("common_http_protocol_options/max_stream_duration"),
        manager("request_timeout"),
        manager("route_config/virtual_hosts/guarded/routes"),
        manager("stream_idle_timeout"),
        manager("upgrade_configs"),
        "/static_resources/clusters/upstream_grpc".to_owned(),
    ];
    differs_only_at("streaming.yaml", &places);
}

#[test]
fn the_egress_gateway_differs_only_in_where_requests_go() {
    let places = [
        format!("{MANAGER}/route_config/virtual_hosts/api.example.com"),
        format!("{MANAGER}/route_config/virtual_hosts/guarded"),
        format!("{MANAGER}/route_config/virtual_hosts/nowhere"),
        "/static_resources/clusters/api.example.com".to_owned(),
        "/static_resources/clusters/upstream".to_owned(),
    ];
    differs_only_at("egress.yaml", &places);
    // What the other examples say of the one virtual host, this one says of each external system.
    let host = |file: &str, name: &str| {
        let mut found = named(&shipped(file)).pointer(&format!("{MANAGER}/route_config")).unwrap().clone();
        let host = &mut found["virtual_hosts"][name];
        for place in ["domains", "name", "routes"] {
            host.as_object_mut().unwrap().remove(place).unwrap();
        }
        host.take()
    };
    assert_eq!(host("egress.yaml", "api.example.com"), host("envoy.yaml", "guarded"));
}

const ADDRESS: &str = "load_assignment/endpoints/0/lb_endpoints/0/endpoint/address";

/// Every difference is at one of these places or below it, and at each place is one. The name of the node may differ.
fn differs_only_at(file: &str, places: &[String]) {
    let mut found = Vec::new();
    differences("", &named(&shipped("envoy.yaml")), &named(&shipped(file)), &mut found);
    let is_at = |place: &str, one: &str| one == place || one.starts_with(&format!("{place}/"));
    let mut expected: BTreeMap<&str, usize> = places.iter().map(|place| (place.as_str(), 0)).collect();
    for one in &found {
        if NODE.contains(&one.as_str()) {
            continue;
        }
        let place = expected.iter_mut().find(|(place, _)| is_at(place, one));
        *place.unwrap_or_else(|| panic!("{file} differs from envoy.yaml at {one}")).1 += 1;
    }
    let absent: Vec<_> = expected.iter().filter(|(_, count)| **count == 0).map(|(place, _)| place).collect();
    assert!(absent.is_empty(), "{file} does not differ at {absent:?}, so do not list it");
}

fn shipped(name: &str) -> Value {
    read(&repository().join("envoy").join(name))
}

/// The same with each list of things that have names as an object by name.
fn named(value: &Value) -> Value {
    if let Some(members) = value.as_object() {
        return members.iter().map(|(name, one)| (name.clone(), named(one))).collect();
    }
    let Some(items) = value.as_array() else { return value.clone() };
    let by_name = items.iter().map(|item| Some((item.get("name")?.as_str()?.to_owned(), named(item))));
    let by_name = by_name.collect::<Option<serde_json::Map<_, _>>>();
    match by_name.filter(|by_name| by_name.len() == items.len() && !items.is_empty()) {
        Some(by_name) => Value::Object(by_name),
        None => items.iter().map(named).collect(),
    }
}

/// The places at which two values differ.
fn differences(place: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(left), Value::Object(right)) => {
            for name in left.keys().chain(right.keys().filter(|name| !left.contains_key(*name))) {
                let below = format!("{place}/{name}");
                match (left.get(name), right.get(name)) {
                    (Some(left), Some(right)) => differences(&below, left, right, found),
                    _ => found.push(below),
                }
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (number, (left, right)) in left.iter().zip(right).enumerate() {
                differences(&format!("{place}/{number}"), left, right, found);
            }
        }
        _ if one == other => {}
        _ => found.push(place.to_owned()),
    }
}
