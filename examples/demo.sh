#!/usr/bin/env bash
# Starts a cluster, runs the example in it, and prints its page, fetched from
# inside of the cluster by the Service's name.
set -euo pipefail
cd "$(dirname "$0")/.."
minke=bin/minke
$minke up --detach
$minke kubectl apply -f examples/hello/hello.yaml
$minke kubectl rollout status deployment/hello --timeout=120s
echo
echo "The page at http://hello, from inside of the cluster:"
echo
$minke kubectl exec deploy/hello -- wget -q -O - http://hello/
echo
echo "The cluster is up. Look around with: bin/minke kubectl get pods -A"
echo "Take it down with: bin/minke down"
