#!/usr/bin/env bash
# Puts the kubectl of Debian 12 (v1.20) into build/kubectl-1.20, beside the
# machine's own rather than in its place.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=build/kubectl-1.20
[ -x $target/usr/bin/kubectl ] && exit 0
mkdir -p $target/deb
apt-get update -qq
(cd $target/deb && apt-get download -qq kubernetes-client)
dpkg -x $target/deb/kubernetes-client_*.deb $target
$target/usr/bin/kubectl version --client --short
