//! The configurations of `envoy/`, each run as it is: Envoy accepts it, it differs from `envoy.yaml` only where it says so, and it
//! does what it is for. (`envoy.yaml` itself is what most other tests run, and `istio-custom.yaml` is run by the table of denials.)

mod differences;
mod egress;
mod istio_custom;
mod sidecar;
