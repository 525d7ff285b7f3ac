//! A mesh on one machine, of real parts: etcd, kube-apiserver, istiod, Istio's agents with Envoy, Envoy Gateway, Helm. It plays what a
//! cluster has beside them: the controllers, the scheduler and the kubelet. It may not know what is tested in it.
//!
//! Everything runs in namespaces of its own, needs root, and ends with the test. tools/peers/RUNNING.md says how the programs are run
//! and which traps there are.

mod cluster;
mod container;
mod endpoints;
mod envoy_gateway;
mod fields;
mod istio;
mod namespaces;
mod pod;
mod programs;
mod registry;
mod terminal;
mod volumes;

pub use cluster::{Cluster, Refused};
pub use envoy_gateway::EnvoyGateway;
pub use istio::Istio;
pub use namespaces::Network;
pub use pod::{AdmittedPod, Pod, PodPlan};
pub use registry::Registry;
pub use terminal::{HandedOver, Terminal};

/// The address of the node, where the control planes listen.
pub const NODE: &str = "10.99.0.1";
