package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"minke/cluster"
)

// agentCommand is the production role of a node, on the host's own network.
func agentCommand() *cobra.Command {
	var o cluster.AgentOptions
	cmd := &cobra.Command{
		Use:   "agent --join FILE",
		Short: "Run this host as a node",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cluster.RunAgent(cmd.Context(), o, func(stage string) { fmt.Println(stage) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.JoinFile, "join", "", "the file that `minke server join` made for this node")
	flags.StringVar(&o.DataDir, "data-dir", "/var/lib/minke/agent", "where images, volumes and logs are kept")
	flags.StringVar(&o.RunDir, "run-dir", "/run/minke-agent", "where the state of running pods is kept")
	flags.StringToStringVar(&o.Labels, "node-labels", nil, "labels for the node, as key=value")
	flags.Var(&o.Config, "config", "`file` with a KubeletConfiguration (kubelet.config.k8s.io/v1beta1), of which tracing can be set")
	if err := cmd.MarkFlagRequired("join"); err != nil {
		panic(err)
	}
	return cmd
}

// joinCommand makes a node's join file, on the server's machine.
func joinCommand() *cobra.Command {
	var dataDir, address string
	var others []string
	cmd := &cobra.Command{
		Use:   "join NODE --address IP",
		Short: "Print the file with which a host joins as a node; it holds the node's keys",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := cluster.NewJoin(dataDir, args[0], address, others)
			if err != nil {
				return err
			}
			_, err = os.Stdout.Write(file)
			return err
		},
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "/var/lib/minke/server", "the server's data directory")
	cmd.Flags().StringSliceVar(&others, "other-servers", nil, "URLs of further servers on the same etcd, such as https://10.0.0.2:6443")
	cmd.Flags().StringVar(&address, "address", "", "address by which the API server reaches the node")
	return cmd
}
