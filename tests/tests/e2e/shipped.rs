//! Envoy accepts every shipped configuration.

use portcullis_tests::envoy::validate;
use portcullis_tests::server::Home;
use portcullis_tests::shipped::{Configuration, envoy_configurations};

#[test]
fn every_shipped_envoy_configuration_is_accepted_by_envoy() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let configurations = envoy_configurations();
    assert!(!configurations.is_empty(), "envoy/ ships at least one");
    for file in configurations {
        // Envoy checks that the file with the gate's part exists, so the configuration must name an existing file.
        let configuration = Configuration::at(&file).gate_at(&home.file("gate.yaml"));
        if let Err(why) = validate(&configuration.write(directory.path())) {
            panic!("{}: {why}", file.display());
        }
    }
}
