// Package e2e holds the end-to-end tests: real clusters on this machine, real
// containers, real kubectl. They need root and a built bin/minke, and run with
// `make e2e` (build tag e2e).
package e2e
