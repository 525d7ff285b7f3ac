//! What docs/operator.md shows is true: its object is accepted, and its configuration is read.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use policy::fault::Faults;
use policy::strict;

use super::super::config;
use super::*;
use crate::keys::PrivateKey;

/// The YAML blocks of the page.
fn blocks() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operator.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks = page.split("```yaml\n").skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_object_of_the_guide_is_accepted() {
    let text = &blocks()[0];
    let faults = Faults::new();
    let node = strict::yaml(text.as_bytes(), faults.in_file(Path::new("object"))).unwrap();
    let object: Value = serde_json::from_str(&strict::canonical_json(&node)).unwrap();
    assert_eq!(object["metadata"], json!({"name": "pay", "namespace": "payments"}));
    let mut cluster = Cluster::new();
    cluster.apply("payments", "pay", object["spec"].clone());
    let settled = cluster.sign();
    assert_eq!(verdict(&settled, "payments", "pay"), &Verdict::Accepted { warnings: vec![] });
    assert!(cluster.signed.contains_key("routes/payments/pay.test.json"));
}

/// A directory with everything that the configuration names.
#[expect(clippy::disallowed_methods, reason = "files of a test")]
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    fs::create_dir(home.path().join("base")).unwrap();
    write("routes.jwk", &PrivateKey::generate(warrant::Algorithm::Ed25519, None).unwrap().to_jwk());
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    write("tls.crt", &pem("CERTIFICATE", made.cert.der()));
    write("tls.key", &pem("PRIVATE KEY", &made.signing_key.serialize_der()));
    write("token", "token");
    home
}

fn pem(kind: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n")
}

fn configuration() -> String {
    let jwk: Value = serde_json::from_str(&TestKey::new(10).jwk()).unwrap();
    blocks()[1].replace("x: \"…\"", &format!("x: {}", jwk["x"]))
}

#[test]
fn the_configuration_of_the_guide_is_read() {
    let home = home();
    let config = config::read(&home.path().join("operator.yaml"), configuration().as_bytes()).unwrap();
    assert_eq!((config.audience.as_str(), config.base.min_version), ("shop", 7));
    assert_eq!((config.quota, config.lifetime), (Quota::default(), 8760 * 3600));
    assert!(config.routes_key.is_some() && config.listen.webhook.is_some());
    assert_eq!(config.cluster.config_map, "portcullis-operator");
    let api = config.servers[0].api.as_ref().unwrap();
    assert_eq!(
        (api.url.as_str(), api.token_file.clone()),
        ("https://portcullis:8443", home.path().join("token"))
    );
    let unsigned = configuration().replace("routesKey: routes.jwk ", "sign: false ");
    let config = config::read(&home.path().join("operator.yaml"), unsigned.as_bytes()).unwrap();
    assert!(config.routes_key.is_none());
}

#[test]
fn every_fault_of_a_configuration_is_told_at_once() {
    let home = home();
    let text = configuration()
        .replace("routesKey: routes.jwk", "routesKey: none.jwk")
        .replace("health: \"0.0.0.0:9000\"", "health: somewhere")
        .replace("routes: 5000", "routes: 50000")
        .replace("lifetime: 8760h", "lifetime: 1y")
        .replace(", tokenFile: token", "");
    let faults = config::read(&home.path().join("operator.yaml"), text.as_bytes()).unwrap_err();
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    for what in ["none.jwk", "somewhere", "50000", "1y", "only one of `api` and `tokenFile`"] {
        assert!(told.iter().any(|one| one.contains(what)), "{what}: {told:#?}");
    }
    assert_eq!(told.len(), 5, "{told:#?}");
    let both = configuration().replace("lifetime:", "sign: false\nlifetime:");
    let faults = config::read(&home.path().join("operator.yaml"), both.as_bytes()).unwrap_err();
    assert!(faults[0].to_string().contains("a key together with `sign: false`"), "{faults:?}");
}
