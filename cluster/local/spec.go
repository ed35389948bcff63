// Package local runs a whole cluster on one machine without touching the host
// by surprise: each node is a process in network and mount namespaces of its
// own, joined by a bridge in a namespace that belongs to the cluster.
//
//	host ──(one veth pair, masqueraded; not with --isolated)── cluster namespace
//	                                                            bridge minke
//	                                            ┌───────────────────┼──────────┐
//	                                         node-1              node-2      node-3
//	                                    server and agent         agent       agent
//
// What belongs to a cluster:
//
//	DATA                    /var/lib/minke/clusters/NAME, or --data-dir
//	  cluster.json          the Spec
//	  kubeconfig            the administrator's
//	  pki/ db/              see packages pki and store/local
//	  nodes/NODE/           images, volumes, container logs
//	  log/NODE.log          what the node's process says
//	/run/minke/NAME         a private tmpfs
//	  lock                  held by up and down while they work
//	  net                   the cluster's network namespace
//	  NODE/net NODE/mnt     the node's namespaces, kept when its process dies
//	  NODE/pid              the node's process, locked while it lives
//	  NODE/state            the runtime's state
package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"minke/cluster/options"
)

// Spec is what a cluster was asked to be. It is written once, at its first
// start, and read by every process of the cluster.
type Spec struct {
	Name  string `json:"name"`
	Nodes int    `json:"nodes"`
	// Port is where the API answers on the host's loopback.
	Port int `json:"port"`
	// Publish opens ports of the host's loopback for ports of the first node.
	Publish  []Publish `json:"publish,omitempty"`
	Isolated bool      `json:"isolated,omitempty"`
	// API is what the API server was last started with.
	API options.API `json:"api,omitzero"`
	// KubeletConfig is the file with the nodes' KubeletConfiguration.
	KubeletConfig options.File `json:"kubeletConfig,omitempty"`
	// UplinkNet is the third byte of 169.254.X.0/30, the net between host and
	// cluster.
	UplinkNet int `json:"uplinkNet,omitempty"`
	// HostForwarding is what net.ipv4.ip_forward was before; down restores it.
	HostForwarding string `json:"hostForwarding,omitempty"`
}

// Publish makes Port of the first node reachable at HostPort on 127.0.0.1.
type Publish struct {
	HostPort int `json:"hostPort"`
	Port     int `json:"port"`
}

// ParsePublish reads "8080:80".
func ParsePublish(s string) (Publish, error) {
	host, port, ok := strings.Cut(s, ":")
	h, err1 := strconv.ParseUint(host, 10, 16)
	p, err2 := strconv.ParseUint(port, 10, 16)
	if !ok || err1 != nil || err2 != nil || h == 0 || p == 0 {
		return Publish{}, fmt.Errorf("publish %q: wanted HOSTPORT:PORT, both from 1 to 65535, as in 8080:30080", s)
	}
	return Publish{HostPort: int(h), Port: int(p)}, nil
}

// The addresses inside of a cluster. Every cluster may use the same ones,
// since nothing of them is visible on the host.
var (
	nodeNet       = netip.MustParsePrefix("192.168.77.0/24")
	gateway       = netip.MustParseAddr("192.168.77.1")
	podNet        = netip.MustParsePrefix("10.244.0.0/16")
	serviceNet    = netip.MustParsePrefix("10.96.0.0/16")
	dnsAddress    = netip.MustParseAddr("10.96.0.10")
	maxNodes      = 200
	validName     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$`)
	apiNodePort   = 6443
	clusterDomain = "cluster.local"
)

// NodeName returns the name of the i-th node, from 1.
func NodeName(i int) string { return fmt.Sprintf("node-%d", i) }

// NodeIP returns the address of the i-th node, from 1.
func NodeIP(i int) netip.Addr {
	a := nodeNet.Addr().As4()
	a[3] = byte(10 + i)
	return netip.AddrFrom4(a)
}

// Paths are the places of one cluster.
type Paths struct {
	Name, Data, Run string
}

// PathsOf returns the places of the cluster name; dataDir may be empty.
func PathsOf(name, dataDir string) (Paths, error) {
	if !validName.MatchString(name) {
		return Paths{}, fmt.Errorf("cluster name %q: wanted at most 32 lower-case letters, digits and dashes, as in a DNS label", name)
	}
	run := filepath.Join("/run/minke", name)
	if dataDir == "" {
		dataDir = filepath.Join("/var/lib/minke/clusters", name)
		// A cluster with a data directory of its own left a link to it.
		if target, err := os.Readlink(filepath.Join("/run/minke", name+".data")); err == nil {
			dataDir = target
		}
	}
	abs, err := filepath.Abs(dataDir)
	if err != nil {
		return Paths{}, fmt.Errorf("data directory %s: %w", dataDir, err)
	}
	return Paths{Name: name, Data: abs, Run: run}, nil
}

// Kubeconfig is the administrator's kubeconfig.
func (p Paths) Kubeconfig() string { return filepath.Join(p.Data, "kubeconfig") }

// NodeData is the node's persistent directory.
func (p Paths) NodeData(node string) string { return filepath.Join(p.Data, "nodes", node) }

// NodeRun is the node's directory of running state.
func (p Paths) NodeRun(node string) string { return filepath.Join(p.Run, node) }

// NodeLog is the log of the node's process.
func (p Paths) NodeLog(node string) string { return filepath.Join(p.Data, "log", node+".log") }

// LoadSpec reads the cluster's Spec; fs.ErrNotExist if there is none.
func (p Paths) LoadSpec() (*Spec, error) {
	data, err := os.ReadFile(filepath.Join(p.Data, "cluster.json"))
	if err != nil {
		return nil, err
	}
	var spec Spec
	if err := json.Unmarshal(data, &spec); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(p.Data, "cluster.json"), err)
	}
	return &spec, nil
}

func (p Paths) saveSpec(spec *Spec) error {
	data, err := json.MarshalIndent(spec, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(p.Data, "cluster.json")
	if err := os.WriteFile(path+".new", append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write cluster.json: %w", err)
	}
	return os.Rename(path+".new", path)
}

// wanted merges what the caller asks for into what the cluster already is: the
// nodes of a cluster are fixed by its first start.
func (p Paths) wanted(o Options) (*Spec, error) {
	have, err := p.LoadSpec()
	if errors.Is(err, fs.ErrNotExist) {
		if o.Nodes == 0 {
			o.Nodes = 1
		}
		if o.Nodes < 1 || o.Nodes > maxNodes {
			return nil, fmt.Errorf("nodes %d: wanted 1 to %d", o.Nodes, maxNodes)
		}
		return &Spec{Name: p.Name, Nodes: o.Nodes, Port: o.Port, Publish: o.Publish, Isolated: o.Isolated, API: o.API, KubeletConfig: o.KubeletConfig}, nil
	}
	if err != nil {
		return nil, err
	}
	if o.Nodes != 0 && o.Nodes < have.Nodes {
		return nil, fmt.Errorf("cluster %s has %d nodes, wanted %d: delete nodes by hand, or take the cluster down first", p.Name, have.Nodes, o.Nodes)
	}
	have.Nodes = max(have.Nodes, o.Nodes)
	if !o.API.IsZero() {
		have.API = o.API
	}
	if o.KubeletConfig != "" {
		have.KubeletConfig = o.KubeletConfig
	}
	for _, pub := range o.Publish {
		if !slices.Contains(have.Publish, pub) {
			have.Publish = append(have.Publish, pub)
		}
	}
	return have, nil
}
