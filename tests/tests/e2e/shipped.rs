//! Envoy accepts every shipped configuration.

use portcullis_tests::envoy::validate;
use portcullis_tests::programs::repository;
use portcullis_tests::server::Home;
use portcullis_tests::shipped::{Configuration, copy_tls_secrets, envoy_configurations, read};
use serde_json::Value;

#[test]
fn every_shipped_envoy_configuration_is_accepted_by_envoy() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let configurations = envoy_configurations();
    assert!(!configurations.is_empty(), "envoy/ ships at least one");
    for file in configurations {
        // Envoy checks that the file with the gate's part exists, so the configuration must name an existing file.
        let configuration = Configuration::at(&file).filters_at(home.directory());
        let configuration = if file.ends_with("mtls.yaml") {
            copy_tls_secrets(directory.path());
            configuration.server_over_tls("127.0.0.1:9191".parse().unwrap(), directory.path())
        } else {
            configuration
        };
        if let Err(why) = validate(&configuration.write(directory.path())) {
            panic!("{}: {why}", file.display());
        }
    }
}

#[test]
fn the_example_of_mutual_tls_differs_only_in_how_the_server_is_reached() {
    let shipped = |name: &str| read(&repository().join("envoy").join(name));
    let (plain, mut secure) = (shipped("envoy.yaml"), shipped("mtls.yaml"));
    let clusters = secure["static_resources"]["clusters"].as_array_mut().unwrap();
    for (cluster, plain) in clusters.iter_mut().zip(plain["static_resources"]["clusters"].as_array().unwrap())
    {
        if cluster["name"].as_str().unwrap().starts_with("portcullis") {
            let cluster = cluster.as_object_mut().unwrap();
            for name in ["transport_socket", "dns_lookup_family"] {
                assert!(cluster.remove(name).is_some_and(|removed| removed != Value::Null), "{name}");
            }
            for name in ["type", "connect_timeout", "load_assignment"] {
                cluster.insert(name.to_owned(), plain[name].clone());
            }
        }
    }
    assert_eq!(secure, plain);
}
