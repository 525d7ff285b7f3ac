//! What is shipped must be accepted by what it is shipped for.

use portcullis_tests::envoy::validate;
use portcullis_tests::shipped::envoy_configurations;

#[test]
fn every_shipped_envoy_configuration_is_accepted_by_envoy() {
    let configurations = envoy_configurations();
    assert!(!configurations.is_empty(), "envoy/ ships at least one");
    for file in configurations {
        if let Err(why) = validate(&file) {
            panic!("{}: {why}", file.display());
        }
    }
}
