#!/usr/bin/env bash
# Builds the programs of others that tests run Minke against into build/peers.
# Each folder here is a Go module that names them as tools, apart from Minke's
# own module, so that this one does not grow by theirs:
#   test/peers/build.sh etcd
set -euo pipefail
cd "$(dirname "$0")/../.."

# build MODULE NAME PACKAGE makes build/peers/NAME.
build() {
	(cd "test/peers/$1" && CGO_ENABLED=0 go build -ldflags '-s -w' -o "../../../build/peers/$2" "$3")
}

for peer in "$@"; do
	case $peer in
	etcd)
		build etcd etcd go.etcd.io/etcd/server/v3
		build etcd etcdutl go.etcd.io/etcd/etcdutl/v3
		;;
	apiextensions)
		build apiextensions apiextensions-apiserver k8s.io/apiextensions-apiserver
		;;
	h2spec) build h2spec h2spec github.com/summerwind/h2spec/cmd/h2spec ;;
	sample-apiserver) build sample-apiserver sample-apiserver k8s.io/sample-apiserver ;;
	metrics-server) build metrics-server metrics-server sigs.k8s.io/metrics-server/cmd/metrics-server ;;
	*)
		echo "test/peers/build.sh: there is no $peer" >&2
		exit 1
		;;
	esac
done
