package kubelet

import (
	"context"

	"minke/kubelet/server"
)

// serve runs the node's HTTPS server, if it has a listener, until ctx ends.
func (k *Kubelet) serve(ctx context.Context) error {
	if k.Server.Listener == nil {
		<-ctx.Done()
		return nil
	}
	return server.New(server.Config{
		NodeName: k.NodeName, API: k.API, Runtime: k.Runtime, Pods: k.pods.Pods, Ended: k.ends.of, LogDir: k.LogDir,
		Certificate: k.Server.Certificate, GetCertificate: k.Server.GetCertificate, ClientCAs: k.Server.ClientCAs,
		APIServer: k.Server.APIServer, SystemLogDir: k.Server.SystemLogDir, Started: k.started, Collectors: k.Collectors, Tracer: k.Tracer,
	}).Serve(ctx, k.Server.Listener)
}
