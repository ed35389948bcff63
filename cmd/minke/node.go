package main

import (
	"github.com/spf13/cobra"

	"minke/cluster/local"
)

// nodeCommand is what `minke up` runs for each node, inside of the node's
// namespaces. It is not for people.
func nodeCommand() *cobra.Command {
	var name, dataDir string
	var index int
	cmd := &cobra.Command{
		Use:    "node",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return local.RunNode(cmd.Context(), name, dataDir, index)
		},
	}
	cmd.Flags().StringVar(&name, "cluster", "", "name of the cluster")
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "the cluster's data")
	cmd.Flags().IntVar(&index, "index", 0, "which node, from 1")
	return cmd
}
