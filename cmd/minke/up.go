package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"minke/cluster/local"
)

func upCommand() *cobra.Command {
	var o local.Options
	var detach bool
	var publish []string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a cluster on this machine, or take up one that was stopped or killed",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, s := range publish {
				p, err := local.ParsePublish(s)
				if err != nil {
					return err
				}
				o.Publish = append(o.Publish, p)
			}
			paths, err := local.Up(cmd.Context(), o, os.Stderr)
			if err != nil {
				return err
			}
			fmt.Println(paths.Kubeconfig())
			if detach {
				return nil
			}
			fmt.Fprintf(os.Stderr, "The cluster runs. Ctrl-C stops it; `minke up --name %s` takes it up again.\n", o.Name)
			<-cmd.Context().Done()
			return local.Stop(o.Name, o.DataDir, os.Stderr)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Name, "name", "minke", "name of the cluster")
	flags.IntVar(&o.Nodes, "nodes", 0, "number of nodes (default 1, or as many as the cluster has)")
	flags.StringVar(&o.DataDir, "data-dir", "", "where the cluster keeps its data (default /var/lib/minke/clusters/NAME)")
	flags.IntVar(&o.Port, "port", 0, "port of the API on 127.0.0.1 (default 6443, or any free one)")
	flags.StringArrayVar(&publish, "publish", nil, "make port PORT of the first node reachable at HOSTPORT on 127.0.0.1, as HOSTPORT:PORT; may be repeated")
	flags.BoolVar(&o.Isolated, "isolated", false, "leave the cluster without a way out of this machine, and the host untouched")
	flags.Var(&o.KubeletConfig, "kubelet-config", "`file` with a KubeletConfiguration (kubelet.config.k8s.io/v1beta1) for all nodes, of which tracing can be set")
	o.API.AddFlags(flags)
	flags.BoolVar(&detach, "detach", false, "return when the cluster is ready, and leave it running")
	return cmd
}

func downCommand() *cobra.Command {
	var name, dataDir string
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Stop a cluster on this machine and remove every trace of it",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return local.Down(name, dataDir, os.Stderr)
		},
	}
	cmd.Flags().StringVar(&name, "name", "minke", "name of the cluster")
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "where the cluster keeps its data, if not in the usual place")
	return cmd
}
