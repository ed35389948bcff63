package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"minke/client"
	"minke/cluster"
	"minke/cluster/pki"
)

// node is the process of one node.
type node struct {
	paths Paths
	spec  *Spec
	index int
	name  string
	ca    *pki.Authority
}

// RunNode is the process of the index-th node: an agent and, on the first
// node, the server. It runs inside of the node's namespaces until ctx ends.
func RunNode(ctx context.Context, name, dataDir string, index int) error {
	status := &reporter{file: os.NewFile(statusFD, "status")}
	err := runNode(ctx, name, dataDir, index, status.stage)
	if err != nil && !errors.Is(err, context.Canceled) {
		status.send(Status{Error: err.Error()})
		return err
	}
	return nil
}

func runNode(ctx context.Context, name, dataDir string, index int, tell func(string)) error {
	p, err := PathsOf(name, dataDir)
	if err != nil {
		return err
	}
	n := &node{paths: p, index: index, name: NodeName(index)}
	claim, err := claimPid(p, n.name)
	if err != nil {
		return err
	}
	defer claim.Close()
	if n.spec, err = p.LoadSpec(); err != nil {
		return err
	}
	if n.ca, err = pki.Open(filepath.Join(p.Data, "pki")); err != nil {
		return err
	}
	if n.index == 1 {
		return n.runFirst(ctx, tell)
	}
	api, err1 := n.remote("client")
	network, err2 := n.remote("network")
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	return n.runAgent(ctx, api, network, tell)
}

// runFirst runs server and agent in one process: the agent reads the server's
// own objects.
func (n *node) runFirst(ctx context.Context, tell func(string)) error {
	listeners, err := n.listeners()
	if err != nil {
		return err
	}
	server, err := cluster.NewServer(ctx, cluster.ServerConfig{
		DataDir: n.paths.Data, PKI: n.ca,
		Address: NodeIP(1), Port: apiNodePort, Names: []string{n.name},
		PodNet: podNet, NodeBits: 24, ServiceNet: serviceNet, DNS: dnsAddress, Domain: clusterDomain,
		API: n.spec.API,
	})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return server.Run(ctx, listeners, func() {
			tell("API answers")
			group.Go(func() error {
				return n.runAgent(ctx, server.Client("system:node:"+n.name, "system:nodes"), server.Client(cluster.NodeNetwork), tell)
			})
		})
	})
	for i, pub := range n.spec.Publish {
		group.Go(func() error { return n.publish(ctx, firstOwnFD+1+i, pub) })
	}
	return group.Wait()
}

// listeners are the one on the host's loopback, handed in, and the one that
// nodes and pods use.
func (n *node) listeners() ([]net.Listener, error) {
	handed, err := handedListener(firstOwnFD)
	if err != nil {
		return nil, err
	}
	own, err := net.Listen("tcp", netip.AddrPortFrom(NodeIP(1), uint16(apiNodePort)).String())
	if err != nil {
		return nil, fmt.Errorf("listen for the API: %w", err)
	}
	return []net.Listener{handed, own}, nil
}

func handedListener(fd int) (net.Listener, error) {
	f := os.NewFile(uintptr(fd), "listener")
	l, err := net.FileListener(f)
	return l, errors.Join(wrap("take up listener", err), f.Close())
}

// remote is the API as a node other than the first one sees it, with one of
// the node's certificates.
func (n *node) remote(cert string) (client.Interface, error) {
	pair := filepath.Join(n.ca.Dir, "nodes", n.name, cert)
	return client.Remote(client.RemoteConfig{
		Server: fmt.Sprintf("https://%s", netip.AddrPortFrom(NodeIP(1), uint16(apiNodePort))),
		CA:     n.ca.CertPEM, CertFile: pair + ".crt", KeyFile: pair + ".key",
		UserAgent: "minke-agent/" + cluster.Version,
	})
}

func (n *node) runAgent(ctx context.Context, api, network client.Interface, tell func(string)) error {
	serving, err := n.ca.ServingCert("nodes/"+n.name+"/kubelet", cluster.NodeServing(n.name, NodeIP(n.index)))
	if err != nil {
		return err
	}
	agent, err := cluster.NewAgent(cluster.AgentConfig{
		Node: n.name, Address: NodeIP(n.index), API: api, NetworkAPI: network, Serving: serving.TLS, CAs: n.ca.Pool(),
		DataDir: n.paths.NodeData(n.name), RunDir: n.paths.NodeRun(n.name),
		Cgroup: CgroupRoot(n.paths.Name) + "/" + n.name,
		PodNet: podNet, ServiceNet: serviceNet, DNS: dnsAddress, Domain: clusterDomain, KubeletConfig: string(n.spec.KubeletConfig),
	})
	if err != nil {
		return err
	}
	return agent.Run(ctx, tell)
}

// reporter tells the starter how far the process has come.
type reporter struct {
	mu   sync.Mutex // guards file, and keeps lines whole
	file *os.File
}

func (r *reporter) stage(stage string) {
	r.send(Status{Stage: stage})
	if stage == "ready" {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.file.Close()
	}
}

// send writes one line. A starter that has gone does not want it; its pipe is
// then closed, and that is no trouble of ours.
func (r *reporter) send(s Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	line, err := json.Marshal(s)
	if err == nil {
		_, err = r.file.Write(append(line, '\n'))
	}
	if err != nil {
		slog.Debug("report to the starter", "cause", err)
	}
}
