package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"minke/client"
	"minke/cluster/options"
)

// AgentOptions are the flags of `minke agent`.
type AgentOptions struct {
	// JoinFile is what `minke server join` wrote.
	JoinFile        string
	DataDir, RunDir string
	Labels          map[string]string
	// Config holds a KubeletConfiguration.
	Config options.File
}

// RunAgent runs the production role until ctx ends, and tells each stage that
// it reaches, the last one being "ready".
func RunAgent(ctx context.Context, o AgentOptions, tell func(stage string)) error {
	j, err := loadJoin(o.JoinFile)
	if err != nil {
		return err
	}
	address, err1 := netip.ParseAddr(j.Address)
	podNet, err2 := netip.ParsePrefix(j.PodNet)
	serviceNet, err3 := netip.ParsePrefix(j.ServiceNet)
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			return fmt.Errorf("read join file %s: %w", o.JoinFile, err)
		}
	}
	serving, cas, err := j.serving()
	if err != nil {
		return err
	}
	api, err1 := j.client(j.ClientCert, j.ClientKey)
	network, err2 := j.client(j.NetworkCert, j.NetworkKey)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	agent, err := NewAgent(AgentConfig{
		Node: j.Node, Address: address, API: api, NetworkAPI: network, Serving: serving, CAs: cas, Labels: o.Labels, KubeletConfig: string(o.Config),
		DataDir: o.DataDir, RunDir: o.RunDir, Cgroup: "/minke",
		PodNet: podNet, ServiceNet: serviceNet, DNS: DNSAddress(serviceNet), Domain: j.Domain,
	})
	if err != nil {
		return err
	}
	return agent.Run(ctx, tell)
}

func (j *Join) client(cert, key string) (client.Interface, error) {
	return client.Remote(client.RemoteConfig{
		Server: j.Server, Others: j.Others, CA: []byte(j.CA), Cert: []byte(cert), Key: []byte(key),
		UserAgent: "minke-agent/" + Version,
	})
}
