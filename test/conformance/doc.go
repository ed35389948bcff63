// Package conformance exercises what a Kubernetes cluster promises, on one
// real cluster of two nodes with real containers. testdata/behaviours.tsv
// lists the behaviours, a test each; testdata/endpoints.tsv lists the API's
// operations, every one of which gets a real request. `make conformance` runs
// all and writes docs/conformance.md and docs/endpoints.md. It needs root and
// a built bin/minke (build tag conformance).
package conformance
