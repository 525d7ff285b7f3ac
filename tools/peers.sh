# shellcheck shell=sh
# Finds the control planes that `./dev mesh` runs against, and builds those that are missing from their published Go modules.
# Knows nothing of what is done with them. Sourced by ./dev after tools/provision.sh, which calls check_peers and build_peers.
#
# A program on PATH is used only if it has exactly the wanted version. Otherwise the programs are in a folder outside the checkout,
# which all checkouts share: $PEERS/<name>-<version>/bin/<program>, and .../files/ with what else is needed from the same module.
# Which versions are wanted stands in tools/peers/*/go.mod and nowhere else.

PEERS=${PORTCULLIS_PEERS:-${HOME:-/root}/.cache/portcullis-peers}
case $PEERS in /*) ;; *) PEERS=$ROOT/$PEERS ;; esac
PEERS_BUILD=$PEERS/build # the caches of the Go command. They are removed when everything is built
PEERS_DISK=13 # GB that the caches and programs need together while they are built
# The largest share their packages with those before them, so this order is the fastest.
PEER_PROGRAMS='etcd kube-apiserver kubectl pilot-discovery pilot-agent istioctl envoy-gateway helm kustomize kubeconform'
PEER_FILES='istio envoy-gateway' # the folders of tools/peers whose modules have files that are needed

# --- which programs, which versions --------------------------------------------------------------------------------

# describe_peer PROGRAM : sets peer_folder (below tools/peers), peer_version, peer_package, peer_tags, peer_stamps (what the linker
# writes into the program), peer_says (what the program prints of its version, when called with peer_asked) and peer_time (with a warm
# cache from the programs before it, on two cores).
describe_peer() {
	peer_tags='' peer_stamps=''
	case $1 in
	etcd)
		peer_is etcd go.etcd.io/etcd/server/v3 .
		peer_says=${peer_version#v} peer_asked=--version peer_time='half a minute' ;;
	kube-apiserver | kubectl)
		peer_is kubernetes k8s.io/kubernetes "cmd/$1"
		peer_says=$peer_version peer_asked=--version peer_time='6 minutes'
		[ "$1" != kubectl ] || { peer_asked='version --client'; peer_time='half a minute'; }
		# Without these it reports v0.0.0, which kubectl and istiod do not accept as a version of Kubernetes.
		minor=${peer_version#v1.}; minor=${minor%%.*}
		for variable in component-base/version.gitVersion="$peer_version" component-base/version.gitMajor=1 \
			component-base/version.gitMinor="$minor" component-base/version.gitTreeState=clean client-go/pkg/version.gitVersion="$peer_version"
		do peer_stamps="$peer_stamps -X k8s.io/$variable"; done ;;
	pilot-discovery | pilot-agent | istioctl)
		peer_is istio istio.io/istio "pilot/cmd/$1"
		peer_tags=vtprotobuf,disable_pgv peer_asked='version --short' peer_time='6 minutes'
		case $1 in
		pilot-agent) peer_tags=agent,disable_pgv,grpcnotrace,retrynotrace peer_time='half a minute' ;;
		istioctl) peer_package=istio.io/istio/istioctl/cmd/istioctl peer_asked='version --short --remote=false' peer_time='a minute' ;;
		esac
		# The module is a snapshot before the release 1.31. Its version ends with the commit.
		peer_says=1.31-dev.${peer_version##*-}
		for variable in buildVersion="$peer_says" buildTag="$peer_says" buildHub=docker.io/istio buildStatus=Clean
		do peer_stamps="$peer_stamps -X istio.io/istio/pkg/version.$variable"; done ;;
	envoy-gateway)
		peer_is envoy-gateway github.com/envoyproxy/gateway cmd/envoy-gateway
		peer_says=$peer_version peer_asked=version peer_time='4 minutes'
		peer_stamps="-X github.com/envoyproxy/gateway/internal/cmd/version.envoyGatewayVersion=$peer_version" ;;
	helm)
		peer_is helm helm.sh/helm/v4 cmd/helm
		peer_says=$peer_version peer_asked='version --template {{.Version}}' peer_time='2 minutes'
		peer_stamps="-X helm.sh/helm/v4/internal/version.version=$peer_version" ;;
	kustomize)
		peer_is kustomize sigs.k8s.io/kustomize/kustomize/v5 .
		peer_says=$peer_version peer_asked=version peer_time='half a minute'
		peer_stamps="-X sigs.k8s.io/kustomize/api/provenance.version=kustomize/$peer_version" ;;
	kubeconform)
		peer_is kubeconform github.com/yannh/kubeconform cmd/kubeconform
		peer_says=$peer_version peer_asked=-v peer_time='half a minute'
		peer_stamps="-X main.version=$peer_version" ;;
	*) say "dev: $1 is not a program that ./dev builds"; exit 1 ;;
	esac
	peer_home=$PEERS/$peer_folder-$peer_version
}

peer_is() { # peer_is FOLDER MODULE PACKAGE
	peer_folder=$1
	peer_version=$(module_version "$1" "$2")
	peer_package=$2; [ "$3" = . ] || peer_package=$2/$3
}

module_version() { # module_version FOLDER MODULE : the version that this folder's go.mod requires
	awk -v module="$2" '{ sub(/^require /, "") } $1 == module && $2 ~ /^v/ { print $2; exit }' "tools/peers/$1/go.mod"
}

# The oldest Go that builds all of them.
peers_go_floor() { sed -n 's/^go 1\.\([0-9]*\)\.\([0-9]*\)$/\1 \2/p' tools/peers/*/go.mod | sort -n -k1,1 -k2,2 | sed -n '$s/\(.*\) \(.*\)/1.\1.\2/p'; }

# --- what is there -------------------------------------------------------------------------------------------------

find_peer() { # find_peer PROGRAM : prints its path; fails if the wanted version is not there
	describe_peer "$1"
	if have "$1" && says_version "$(command -v "$1")"; then command -v "$1"
	elif is_built "$1" "$peer_home/bin/$1"; then echo "$peer_home/bin/$1"
	else return 1
	fi
}

# Whether the program says that it is exactly this version: v1.36.1-rc.0 and v1.36.10 are not v1.36.1.
# shellcheck disable=SC2086 # words
says_version() { "$1" $peer_asked 2>/dev/null </dev/null | tr -cs 'A-Za-z0-9.+-' '\n' | grep -Fqx -e "$peer_says"; } # says_version PATH

# A program is built again when its versions, tags or stamps have changed since.
is_built() { # is_built NAME PATH : after describe_peer
	[ -e "$2" ] && peer_recipe | cmp -s - "$peer_home/recipes/$1"
}

peer_recipe() { echo "$peer_package $peer_tags $peer_stamps"; cat "tools/peers/$peer_folder/go.mod" "tools/peers/$peer_folder/go.sum"; }

find_peer_files() { # find_peer_files FOLDER : prints the folder of its files; fails if they are not there
	describe_peer_files "$1"
	if is_built files "$peer_home/files"; then echo "$peer_home/files"; else return 1; fi
}

describe_peer_files() {
	case $1 in
	istio) describe_peer pilot-discovery ;;
	*) describe_peer "$1" ;;
	esac
	peer_package=files peer_tags='' peer_stamps=''
}

missing_peers() { # prints what is missing: programs, and FOLDER/files
	for program in $PEER_PROGRAMS; do find_peer "$program" >/dev/null || printf '%s ' "$program"; done
	for folder in $PEER_FILES; do find_peer_files "$folder" >/dev/null || printf '%s ' "$folder/files"; done
}

list_peers() { # prints one line for each program that is there: PROGRAM VERSION PATH; fails if one is missing
	all_there=yes
	for program in $PEER_PROGRAMS; do
		if path=$(find_peer "$program"); then describe_peer "$program"; echo "$program $peer_version $path"
		else say "dev: $program is missing: ./dev peers builds it"; all_there=no
		fi
	done
	for folder in $PEER_FILES; do
		if path=$(find_peer_files "$folder"); then describe_peer_files "$folder"; echo "$folder/files $peer_version $path"
		else say "dev: the files of $folder are missing: ./dev peers gets them"; all_there=no
		fi
	done
	[ $all_there = yes ]
}

# --- building what is missing --------------------------------------------------------------------------------------

check_peers() { # the NEED `peers` of tools/provision.sh
	[ "$(uname -s)" = Linux ] || { say "dev: the control planes run in a network namespace, which only Linux has"; exit 1; }
	[ -z "$(missing_peers)" ] && return 0
	have go || lacks "golang-go" "Go $(peers_go_floor) or newer, for the control planes (1.21 or newer can download that itself): https://go.dev/dl"
}

build_peers() {
	[ -n "$(missing_peers)" ] || return 0
	mkdir -p "$PEERS"
	# The lock lives as long as this process or a compiler that it started, however they end. So nobody removes what another one uses.
	exec 9>"$PEERS/lock"
	if ! flock -n 9; then
		say "dev: another ./dev is building the control planes: waiting for it"
		flock 9
	fi
	missing=$(missing_peers)
	if [ -n "$missing" ]; then
		choose_go
		# Only now: another one removes it when it has ended.
		mkdir -p "$PEERS_BUILD"
		check_peers_disk
		tell_peers "$missing"
		for peer in $missing; do build_peer "$peer"; done
		step "removing the caches of these builds ($(du -sh "$PEERS_BUILD" | cut -f1))" rm -rf "$PEERS_BUILD"
		say "dev: the control planes are built: $(du -sh "$PEERS" | cut -f1) in $PEERS"
	fi
	exec 9>&-
}

build_peer() { # build_peer PROGRAM | FOLDER/files
	case $1 in
	*/files)
		describe_peer_files "${1%/files}"
		step "copying files from the module of $peer_folder $peer_version" extract_peer_files "${1%/files}" ;;
	*)
		describe_peer "$1"
		step "building $1 ($peer_folder $peer_version): usually $peer_time" build_peer_program "$1" ;;
	esac
}

# Each program appears under its name only when it is complete, and a run that was interrupted goes on where it ended.
build_peer_program() {
	mkdir -p "$peer_home/bin" "$peer_home/recipes"
	new=$peer_home/bin/.$1.new
	peer_go "$peer_folder" build -trimpath -tags "$peer_tags" -ldflags "-s -w $peer_stamps" -o "$new" "$peer_package" || return 1
	says_version "$new" || { say "dev: the built $1 does not say that it is $peer_says"; return 1; }
	rm -f "$peer_home/recipes/$1"
	# A crash before the recipe is there only means that the program is linked again.
	mv -f "$new" "$peer_home/bin/$1" && peer_recipe >"$peer_home/recipes/$1"
}

extract_peer_files() {
	new=$peer_home/.files.new
	rm -rf "$new"; mkdir -p "$new" "$peer_home/recipes"
	peer_go "$1" mod download || return 1
	case $1 in
	istio)
		module=$(module_directory istio istio.io/istio) || return 1
		# The template from which the Istio agent writes Envoy's configuration, and the CRDs.
		cp "$module/tools/packaging/common/envoy_bootstrap.json" "$module/manifests/charts/base/files/crd-all.gen.yaml" "$new" ;;
	envoy-gateway)
		module=$(module_directory envoy-gateway github.com/envoyproxy/gateway) || return 1
		mkdir "$new/envoy-gateway-crds" "$new/gateway-api-crds"
		cp "$module"/charts/gateway-helm/charts/crds/crds/generated/*.yaml "$new/envoy-gateway-crds" || return 1
		module=$(module_directory envoy-gateway sigs.k8s.io/gateway-api) || return 1
		cp "$module"/config/crd/standard/*.yaml "$new/gateway-api-crds" ;;
	esac || return 1
	rm -rf "$peer_home/recipes/files" "$peer_home/files"
	mv "$new" "$peer_home/files" && peer_recipe >"$peer_home/recipes/files"
}

module_directory() { (cd "tools/peers/$1" && peer_go_env go list -m -f '{{.Dir}}' "$2"); } # module_directory FOLDER MODULE

peer_go() { # peer_go FOLDER ARGS... : runs the go command there. What it prints is shown only if it fails
	(
		cd "tools/peers/$1" || exit 1
		shift
		peer_go_env go "$@" >"$PEERS_BUILD/go.log" 2>&1 </dev/null || { tail -n 20 "$PEERS_BUILD/go.log" >&2; return 1; }
	)
}

# Caches of their own, because they are removed. No C compiler, no workspace and no flags of the user's: the same programs everywhere.
# -modcacherw: without it the module cache cannot be removed.
peer_go_env() {
	env GOCACHE="$PEERS_BUILD/cache" GOMODCACHE="$PEERS_BUILD/mod" GOFLAGS='-mod=readonly -buildvcs=false -modcacherw' \
		GO111MODULE=on GOWORK=off CGO_ENABLED=0 GOOS= GOARCH= GOTOOLCHAIN="${peers_toolchain:-local}" "$@"
}

# Sets peers_toolchain. Since 1.21 the go command can download another Go as a module, from wherever it downloads modules.
choose_go() {
	floor=$(peers_go_floor)
	peers_toolchain=local
	found=$(peer_go_env go env GOVERSION 2>/dev/null | sed -n 's/^go\([0-9.]*\).*/\1/p')
	if is_version_from "$floor" "$found"; then return 0; fi
	if is_version_from 1.21 "$found"; then
		peers_toolchain=go$floor
		step "downloading Go $floor as a module (76 MB): the installed Go $found is too old. https://go.dev/dl has it too" peer_go etcd version
		return 0
	fi
	say "dev: the installed Go ${found:-on PATH} is too old: the control planes need $floor, and a Go before 1.21 cannot download that itself.
     Debian and Ubuntu may have no newer one. Install Go from https://go.dev/dl and put its bin folder first on PATH."
	exit 1
}

is_version_from() { # is_version_from FLOOR FOUND : whether FOUND is FLOOR or newer
	[ -n "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

check_peers_disk() {
	free=$(($(df -Pk "$PEERS" | awk 'NR == 2 { print $4 }') / 1000000))
	used=$(($(du -sk "$PEERS_BUILD" | cut -f1) / 1000000))
	[ $((free + used)) -ge "$PEERS_DISK" ] && return 0
	say "dev: $PEERS has $free GB of free space. Building the control planes needs $PEERS_DISK GB for a while (1 GB stays).
     PORTCULLIS_PEERS=/a/folder chooses another place."
	exit 1
}

tell_peers() { # tell_peers MISSING
	say "dev: these control planes and tools are not here yet: $1
     They are built once, from their published Go modules, into $PEERS. All of them take about 20 minutes on two
     cores, and $PEERS_DISK GB of disk space until they are built (1 GB stays). A run that is interrupted goes on where it ended."
}
