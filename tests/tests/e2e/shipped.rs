//! What is shipped must be accepted by what it is shipped for.

use portcullis_tests::court::Home;
use portcullis_tests::envoy::validate;
use portcullis_tests::shipped::{Configuration, envoy_configurations};

#[test]
fn every_shipped_envoy_configuration_is_accepted_by_envoy() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let configurations = envoy_configurations();
    assert!(!configurations.is_empty(), "envoy/ ships at least one");
    for file in configurations {
        // Envoy looks whether the file of the gate's part is there, so it is told of one that is.
        let configuration = Configuration::at(&file).gate_at(&home.file("gate.yaml"));
        if let Err(why) = validate(&configuration.write(directory.path())) {
            panic!("{}: {why}", file.display());
        }
    }
}
