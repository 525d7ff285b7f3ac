//! What a pod may ask about itself: the downward API.

use serde_json::Value;

use super::NODE;
use super::cluster::{name, namespace};
use super::container::text;

/// A field of a running pod.
pub(super) fn field(pod: &Value, address: &str, path: &str) -> String {
    match path {
        "metadata.name" => name(pod).to_owned(),
        "metadata.namespace" => namespace(pod).to_owned(),
        "metadata.labels" => lines(&pod["metadata"]["labels"]),
        "metadata.annotations" => lines(&pod["metadata"]["annotations"]),
        "spec.serviceAccountName" => text(&pod["spec"]["serviceAccountName"]).to_owned(),
        "spec.nodeName" => text(&pod["spec"]["nodeName"]).to_owned(),
        "status.podIP" | "status.podIPs" => address.to_owned(),
        "status.hostIP" => NODE.to_owned(),
        other => panic!("this harness does not know the field {other}"),
    }
}

/// Labels or annotations as a file has them.
fn lines(members: &Value) -> String {
    let members = members.as_object().into_iter().flatten();
    members.map(|(key, value)| format!("{key}={:?}\n", text(value))).collect()
}
