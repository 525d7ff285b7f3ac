//! The endpoints of Services, as the controller of EndpointSlices makes them.

use serde_json::{Value, json};

use super::cluster::{Shared, name, namespace};
use super::container::array;

/// Says of every Service that selects a pod that the pod is there, and whether it is ready.
pub(super) fn publish(shared: &Shared, pod: &Value, address: &str, ready: bool) {
    for service in shared.list(namespace(pod), "service") {
        if selects(&service, pod) {
            shared.apply(&slice(&service, pod, address, ready).to_string());
        }
    }
}

/// Takes a pod out of all Services.
pub(super) fn withdraw(shared: &Shared, pod: &Value) {
    let label = format!("portcullis-test-pod={}", name(pod));
    shared.kubectl(&["--namespace", namespace(pod), "delete", "endpointslice", "--selector", &label]);
}

fn selects(service: &Value, pod: &Value) -> bool {
    let wanted = service["spec"]["selector"].as_object();
    wanted.is_some_and(|wanted| {
        !wanted.is_empty() && wanted.iter().all(|(key, value)| pod["metadata"]["labels"][key] == *value)
    })
}

fn slice(service: &Value, pod: &Value, address: &str, ready: bool) -> Value {
    let ready = ready || service["spec"]["publishNotReadyAddresses"] == true;
    let ports: Vec<Value> = array(&service["spec"]["ports"])
        .map(|port| {
            let at = port_of(pod, &port["targetPort"]).unwrap_or(port["port"].clone());
            json!({"name": port["name"].as_str().unwrap_or(""), "port": at, "protocol": "TCP"})
        })
        .collect();
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": format!("{}-{}", name(service), name(pod)),
            "namespace": namespace(pod),
            "labels": {"kubernetes.io/service-name": name(service), "portcullis-test-pod": name(pod)},
        },
        "addressType": "IPv4",
        "ports": ports,
        "endpoints": [{
            "addresses": [address],
            "conditions": {"ready": ready, "serving": ready, "terminating": false},
            "targetRef": {"kind": "Pod", "name": name(pod), "namespace": namespace(pod)},
        }],
    })
}

/// A port of a pod by its number or by its name.
fn port_of(pod: &Value, target: &Value) -> Option<Value> {
    if target.is_number() {
        return Some(target.clone());
    }
    let containers = array(&pod["spec"]["containers"]).chain(array(&pod["spec"]["initContainers"]));
    let mut ports = containers.flat_map(|container| array(&container["ports"]));
    ports.find(|port| port["name"] == *target).map(|port| port["containerPort"].clone())
}
