// Command kubectl is the published kubectl, built as an executable of its own.
// The minke binary carries it compressed and unpacks it on first use, so that
// the server does not pay for it (ARCHITECTURE.md, "What sits in the server").
package main

import (
	"os"

	"k8s.io/kubectl/pkg/cmd"
)

func main() {
	if err := cmd.NewDefaultKubectlCommand().Execute(); err != nil {
		os.Exit(1)
	}
}
