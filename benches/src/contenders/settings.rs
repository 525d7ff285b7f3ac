//! Envoy's settings for ext_authz, each changed alone: what one of them costs is the difference to `no-filter`. Some of them keep a
//! promise, so a cheaper one is not a better one.

use portcullis_tests::shipped::{Configuration, EXT_AUTHZ, GATE, SEAL};
use serde_json::Value;

use super::ours::proof_with;
use super::{Choice, Contender, choice};

/// The contenders of this part, with the one that they are compared with.
pub const NAMES: [&str; 6] = [
    "no-filter",
    "setting-merged-headers",
    "setting-no-rules",
    "setting-unvalidated",
    "setting-certificate-off",
    "setting-access-logs",
];

pub(super) const CHOICES: &[Choice] = &[
    choice!("setting-merged-headers", "as `no-filter`, headers sent as one map", merged_headers, for_a_curve),
    choice!("setting-no-rules", "as `no-filter`, the server may change every header", no_rules, for_a_curve),
    choice!(
        "setting-unvalidated",
        "as `no-filter`, changes of headers are not validated",
        unvalidated,
        for_a_curve
    ),
    choice!(
        "setting-certificate-off",
        "as `no-filter`, no certificate is sent",
        certificate_off,
        for_a_curve
    ),
    choice!(
        "setting-access-logs",
        "as `no-filter`, with both access logs as shipped",
        access_logs,
        for_a_curve
    ),
];

fn without_filter(shipped: Configuration) -> Configuration {
    shipped.without(GATE).without(SEAL)
}

/// Without filters, and with one member of ext_authz changed.
fn changed(shipped: Configuration, change: impl FnOnce(&mut Value)) -> Configuration {
    without_filter(shipped).with_changed(EXT_AUTHZ, |filter| change(&mut filter["typed_config"]))
}

async fn merged_headers(name: &'static str) -> Option<Contender> {
    let off =
        |shipped: Configuration| changed(shipped, |ext_authz| ext_authz["encode_raw_headers"] = false.into());
    Some(proof_with(name, off).await)
}

async fn no_rules(name: &'static str) -> Option<Contender> {
    let off = |shipped: Configuration| {
        changed(shipped, |ext_authz| {
            let members = ext_authz.as_object_mut().expect("a filter's settings");
            members.remove("decoder_header_mutation_rules").expect("the rules for headers");
        })
    };
    Some(proof_with(name, off).await)
}

async fn unvalidated(name: &'static str) -> Option<Contender> {
    let off =
        |shipped: Configuration| changed(shipped, |ext_authz| ext_authz["validate_mutations"] = false.into());
    Some(proof_with(name, off).await)
}

async fn certificate_off(name: &'static str) -> Option<Contender> {
    let off = |shipped: Configuration| {
        changed(shipped, |ext_authz| ext_authz["include_peer_certificate"] = false.into())
    };
    Some(proof_with(name, off).await)
}

async fn access_logs(name: &'static str) -> Option<Contender> {
    Some(
        proof_with(name, |measured| {
            without_filter(measured).with_access_logs_of(&Configuration::shipped("envoy.yaml"))
        })
        .await,
    )
}
