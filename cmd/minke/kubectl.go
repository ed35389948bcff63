package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"minke/cluster/local"
	"minke/cmd/minke/carried"
)

// programCache is where carried programs are unpacked on first use.
const programCache = "/var/cache/minke"

func kubectlCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "kubectl [--name CLUSTER] ...",
		Short: "Run kubectl against a cluster of this machine",
		// Every flag is kubectl's own, but for --name at the very front.
		DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			name := "minke"
			if len(args) >= 2 && args[0] == "--name" {
				name, args = args[1], args[2:]
			}
			return execKubectl(name, args)
		},
	}
}

// execKubectl becomes kubectl. KUBECONFIG wins over the cluster's own
// kubeconfig, as it does for kubectl itself.
func execKubectl(cluster string, args []string) error {
	path, err := carried.Unpack("kubectl", programCache)
	if err != nil {
		return err
	}
	env := os.Environ()
	if os.Getenv("KUBECONFIG") == "" {
		paths, err := local.PathsOf(cluster, "")
		if err != nil {
			return err
		}
		env = append(env, "KUBECONFIG="+paths.Kubeconfig())
	}
	if err := unix.Exec(path, append([]string{"kubectl"}, args...), env); err != nil {
		return fmt.Errorf("run %s: %w", path, err)
	}
	return nil
}
