package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"minke/cluster"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, and that of the Kubernetes API it serves",
		Args:  cobra.NoArgs,
		Run: func(*cobra.Command, []string) {
			fmt.Printf("minke %s, Kubernetes API %s, %s %s/%s\n",
				cluster.Version, cluster.KubernetesVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
}
