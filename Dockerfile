# Three images from one build:
#   docker build --target server -t portcullis .          the binary `portcullis`, and nothing else of this repository
#   docker build --target module -t portcullis-gate .     the gate's module alone, for Istio and Envoy Gateway: k8s/README.md
#   docker build --target envoy  -t portcullis-envoy .    the official Envoy, with the gate's module and envoy.yaml
#
# The module is copied into the image, not mounted: so the image's digest pins the module too, and no volume keeps an old one.

FROM rust:1.95-slim-trixie AS build
# aws-lc is written in C and assembly.
RUN apt-get update && apt-get install --yes --no-install-recommends cmake gcc g++ make && rm -rf /var/lib/apt/lists/*
RUN rustup target add wasm32-unknown-unknown
WORKDIR /src
COPY . .
RUN cargo build --locked --release -p authz-server --bin portcullis
RUN cargo build --locked -p wasm-filter --profile wasm --target wasm32-unknown-unknown --target-dir target/wasm

FROM debian:trixie-slim AS server
# Two users in one group: Envoy may use the server's socket and read the gate's file, but it cannot read a key.
RUN groupadd --gid 10001 portcullis \
 && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin portcullis \
 && install -d -o 10001 -g 10001 -m 0750 /etc/portcullis /run/portcullis \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/portcullis
COPY --from=build /src/target/release/portcullis /usr/local/bin/portcullis
USER 10001:10001
# A new named volume gets its owner and mode from these directories.
VOLUME ["/etc/portcullis", "/run/portcullis", "/var/lib/portcullis"]
# Memory that is not needed goes back to the system at once: docs/performance.md.
ENV MIMALLOC_PURGE_DELAY=0
ENTRYPOINT ["/usr/local/bin/portcullis"]

FROM scratch AS module
# Istio and Envoy Gateway look for this name in the last layer, and run nothing of the image. So let this be the only layer.
COPY --from=build --chmod=0444 /src/target/wasm/wasm32-unknown-unknown/wasm/portcullis_gate.wasm /plugin.wasm

FROM envoyproxy/envoy:v1.40.0 AS envoy
COPY --from=build --chmod=0444 /src/target/wasm/wasm32-unknown-unknown/wasm/portcullis_gate.wasm /usr/lib/portcullis/gate.wasm
COPY --chmod=0444 envoy/envoy.yaml /etc/envoy/envoy.yaml
USER 10002:10001
# Not the image's own entry point: in some releases that one changes the user, which needs root.
ENTRYPOINT ["/usr/local/bin/envoy"]
