package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"minke/cluster"
)

// serverCommand is the production role: store, API, controllers and scheduler,
// on the host's own network.
func serverCommand() *cobra.Command {
	var o cluster.ServerOptions
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run the store, the API, the controllers and the scheduler on this host",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cluster.RunServer(cmd.Context(), o, func(kubeconfig string) {
				fmt.Printf("The API is ready. Its administrator's kubeconfig is %s\n", kubeconfig)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.DataDir, "data-dir", "/var/lib/minke/server", "where the store and the keys are kept")
	flags.IPVar(&o.Address, "advertise-address", nil, "address by which nodes and pods reach the API (default: the one of the default route)")
	flags.IPVar(&o.Bind, "bind-address", nil, "address at which the API listens, (default all)")
	flags.IntVar(&o.Port, "secure-port", 6443, "port of the API")
	flags.StringSliceVar(&o.Names, "tls-san", nil, "further names for the API's certificate")
	flags.StringVar(&o.PodNet, "cluster-cidr", "10.244.0.0/16", "network that is divided among the nodes for their pods")
	flags.StringVar(&o.ServiceNet, "service-cluster-ip-range", "10.96.0.0/16", "network of the Services' cluster IPs")
	flags.StringVar(&o.Domain, "cluster-domain", "cluster.local", "domain of cluster DNS")
	o.API.AddFlags(flags)
	cmd.AddCommand(joinCommand())
	return cmd
}
