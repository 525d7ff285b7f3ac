# shellcheck shell=sh
# The steps that the verbs are made of: how a step is reported, and what is built and checked in it.
# Sourced by ./dev. It installs nothing.

MODULE=target/wasm/wasm32-unknown-unknown/wasm/portcullis_gate.wasm
MODULE_LIMIT=512000 # bytes: 500 KB
VERIFIER=target/wasm/wasm32-unknown-unknown/verifier/portcullis_verifier.wasm
VERIFIER_LIMIT=204800 # bytes after gzip -9, as a browser downloads it: 200 KB
STARTED=$(date +%s)
STEPS=0

# --- reporting -----------------------------------------------------------------------------------------------------

say() { printf '%s\n' "$*" >&2; }

seconds_since() { echo $(($(date +%s) - $1)); } # seconds_since TIME

# step WHAT COMMAND... : prints one line before the command and one after it.
step() {
	step_what=$1; shift
	step_started=$(date +%s)
	say "==> $step_what"
	if "$@"; then
		STEPS=$((STEPS + 1))
		say "    done in $(seconds_since "$step_started") s"
	else
		step_status=$?
		say "dev: FAILED after $(seconds_since "$step_started") s: $step_what"
		exit "$step_status"
	fi
}

finish() { say "dev: $1: $STEPS steps passed in $(seconds_since "$STARTED") s"; }

# Shows the output of COMMAND and also writes it to FILE. A pipe into tee alone would lose the exit status.
logged() { # logged FILE COMMAND...
	log=$1; shift
	{ { "$@" 2>&1; echo $? >"$log.status"; } | tee "$log" >&2; } || return 1
	[ "$(cat "$log.status")" = 0 ]
}

# Runs tests like `logged`. If one fails, what it printed is repeated after everything else: among a thousand tests nobody finds
# it otherwise.
logged_tests() { # logged_tests FILE COMMAND...
	logged "$@" && return 0
	say "==> what failed (the whole output: $1)"
	# A test program that was ended by a signal names no test: cargo's own words say so.
	awk '/^---- .* ----$/ { shown = 60 }
		/^failures:$/ || /^test result: / { shown = 0 }
		shown > 0 { print; shown-- }
		/^test .* FAILED$/ || /^error: / || /^    `-p / || /^Caused by:/ || /\(signal: / || /has overflowed its stack/ { print }' "$1" >&2
	return 1
}

# --- building ------------------------------------------------------------------------------------------------------

# Every cargo call is --locked: the versions are those of Cargo.lock, and cargo downloads nothing twice.

# A build that has its target directory elsewhere keeps its modules there too: it sets WASM_TARGET_DIR.
# Where the Wasm target has no standard library, it is built together with the module. That needs an unstable option, which
# RUSTC_BOOTSTRAP permits on a stable compiler.
for_wasm() { # for_wasm COMMAND PACKAGE ARGS... : runs cargo COMMAND for a Wasm module
	wasm_command=$1 wasm_package=$2; shift 2
	set -- --locked -p "$wasm_package" --target wasm32-unknown-unknown --target-dir "${WASM_TARGET_DIR:-target/wasm}" "$@"
	if has_wasm_target; then
		cargo "$wasm_command" "$@"
	else
		RUSTC_BOOTSTRAP=1 CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$(find_wasm_linker) \
			cargo "$wasm_command" -Zbuild-std=std,panic_abort "$@"
	fi
}

build_module() { for_wasm build wasm-filter --profile wasm; }

# The server's build makes it too, and finds it here (console/proof-page/build.rs).
build_verifier() { for_wasm build console-verifier-module --profile verifier; }

# demo and test build with the same features of the whole workspace, and their profiles compile the dependencies alike, so that
# the tests use what the demo compiled of them. Our own crates are optimised only for the tests. The demo compiles only what its
# story runs.
build_for_tests() { cargo build --locked --workspace --profile test --bins --tests; }

build_for_demo() { cargo build --locked --workspace --bin portcullis --bin demo; }

tell_first_run() {
	say "dev: This is the first run here, so everything is compiled: about 6 minutes of processor time, half of that on two cores.
     Every later run takes seconds. What comes:
       1. the gate, a Wasm module for Envoy: about half a minute
       2. the server and the demo: about three minutes on two cores. Cargo names each part when it begins it. The server has a Wasm
          module inside, with which browsers check proofs: another half a minute
       3. the story: Envoy, the server and an upstream start, and each row of a table is a request and what became of it"
}

# --- checking ------------------------------------------------------------------------------------------------------

check_sources() { # what `test` and `lint` both check
	step "shell scripts parse (sh -n)" check_shell_syntax
	step "format (cargo fmt --check)" cargo fmt --all --check
	step "lints (cargo clippy, warnings are errors)" cargo clippy --locked --workspace --all-targets -- -D warnings
	step "lints of the gate on wasm32 (cargo clippy)" for_wasm clippy wasm-filter -- -D warnings
	step "lints of the verifier on wasm32 (cargo clippy)" for_wasm clippy console-verifier-module -- -D warnings
}

check_shell_syntax() {
	for script in dev .ci/run tools/*.sh k8s/check k8s/render; do sh -n "$script" || return 1; done
}

check_shell_lints() {
	if have shellcheck; then
		shellcheck --external-sources dev .ci/run tools/*.sh k8s/check k8s/render
	else
		say "    NOT CHECKED: shellcheck is not installed (apt-get install shellcheck)"
	fi
}

check_module_size() {
	size=$(wc -c <"$MODULE")
	say "    $MODULE: $size bytes"
	[ "$size" -le "$MODULE_LIMIT" ] || { say "dev: the module is larger than $MODULE_LIMIT bytes"; return 1; }
}

check_verifier_size() {
	size=$(gzip -9 -c "$VERIFIER" | wc -c)
	say "    $VERIFIER: $size bytes compressed, $(wc -c <"$VERIFIER") as it is"
	[ "$size" -le "$VERIFIER_LIMIT" ] || { say "dev: the verifier is larger than $VERIFIER_LIMIT bytes"; return 1; }
}

# The tests leave nothing in the source tree: no bytecode, no caches.
check_client() { (cd clients/python && "$ROOT/$TOOLS/client-venv/bin/python3" -B -m pytest); }

check_client_lints() {
	(
		cd clients/python && python=$ROOT/$TOOLS/client-lint-venv/bin/python3
		"$python" -m ruff format --check --quiet . && "$python" -m ruff check --quiet . && "$python" -m mypy
	)
}

check_compose() { # tests/ reads the compose file strictly, everywhere; where Docker is installed, its own checker is asked too
	if docker compose version >/dev/null 2>&1; then
		docker compose -f envoy/docker-compose.yaml config --quiet
	else
		say "    docker compose is not installed: only the tests check the compose file"
	fi
}

check_chart() { # rendering alone; what a real API server says of it takes a minute more: k8s/check
	if list_peers >/dev/null 2>&1; then
		k8s/check --offline
	else
		say "    NOT CHECKED: helm and kustomize are not built (./dev peers)"
	fi
}

# One test after another: each has a mesh of its own, which takes most of a small machine.
run_mesh() { # run_mesh FILTER...
	logged_tests target/mesh.log cargo test --locked -p portcullis-tests --profile test --test mesh -- \
		--ignored --nocapture --test-threads=1 "$@"
}

# Admission, rights and the operator itself, without a mesh around them.
check_with_api_server() { k8s/check && k8s/operator-check; }

can_run_mesh() { [ "$(id -u)" = 0 ]; }

check_in_mesh() { # only where everything is there: building the control planes takes longer than all tests
	if ! list_peers >/dev/null 2>&1; then
		say "    NOT RUN: the control planes are not built (./dev peers)"
	elif ! can_run_mesh; then
		say "    NOT RUN: a mesh needs root, for its network namespaces"
	elif ! has_mesh_tools; then
		say "    NOT RUN: iptables or iproute2 is not installed (./dev mesh installs them)"
	else
		check_with_api_server && run_mesh && check_totals target/mesh.log
	fi
}

# Prints the total of one `cargo test` log. A log with a failed test, or without any passed test, is a failure.
check_totals() { # check_totals LOG
	awk '/^test result: /{ runs++; passed += $4; failed += $6; ignored += $8 }
		END { printf "    %d tests passed, %d failed, %d ignored, in %d test programs\n", passed, failed, ignored, runs
		      exit !(passed > 0 && failed == 0) }' "$1" >&2
}

check_advisories() { # the only check that must have the network each time
	if "$DENY" fetch db >"$TOOLS/advisories.log" 2>&1; then
		"$DENY" check --disable-fetch advisories
	else
		say "    NOT CHECKED: the advisory database cannot be downloaded ($TOOLS/advisories.log says why)"
	fi
}
