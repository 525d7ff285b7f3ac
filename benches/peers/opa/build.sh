#!/bin/sh
# Builds opa-envoy-plugin at a pinned version with Go, in a temporary folder, and puts the program where it is told.
#   benches/peers/opa/build.sh PROGRAM
#   OPA=PROGRAM ./dev bench contenders
# SOURCE=DIRECTORY builds a copy of its sources at that version instead of asking the Go module proxy for them.
set -eu
VERSION=v1.19.1-envoy
MODULE=github.com/open-policy-agent/opa-envoy-plugin

[ $# -eq 1 ] || { echo "usage: build.sh PROGRAM" >&2; exit 2; }
mkdir -p "$(dirname "$1")"
target=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

CGO_ENABLED=0; export CGO_ENABLED
if [ -n "${SOURCE:-}" ]; then
	(cd "$SOURCE" && go build -trimpath -o "$folder/opa-envoy-plugin" ./cmd/opa-envoy-plugin)
else
	GOBIN=$folder go install -trimpath "$MODULE/cmd/opa-envoy-plugin@$VERSION"
fi
cp "$folder/opa-envoy-plugin" "$target"
echo "$target: $VERSION"
