// Package external connects pods by executing plugins that follow the CNI
// specification 1.1, as their configuration in /etc/cni/net.d says. It has the
// methods of the embedded network (package cni) and can take its place.
package external

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"minke/network/cni"
)

// Config says where things are.
type Config struct {
	// ConfDir has the configurations; the first in the order of names counts.
	// Empty means /etc/cni/net.d.
	ConfDir string
	// BinDirs have the plugins; empty means /opt/cni/bin.
	BinDirs []string
	// CacheDir keeps what plugins answered, until they undo it.
	CacheDir string
}

// Network executes plugins.
type Network struct {
	cfg     Config
	plugins *libcni.CNIConfig
}

var _ cni.Network = (*Network)(nil)

// New returns a network that reads its configuration at each use, so that one
// that is installed later is found.
func New(cfg Config) *Network {
	if cfg.ConfDir == "" {
		cfg.ConfDir = "/etc/cni/net.d"
	}
	if len(cfg.BinDirs) == 0 {
		cfg.BinDirs = []string{"/opt/cni/bin"}
	}
	return &Network{cfg: cfg, plugins: libcni.NewCNIConfigWithCacheDir(cfg.BinDirs, cfg.CacheDir, nil)}
}

// ErrNoConfig is why a node without a network's configuration is not ready.
var ErrNoConfig = errors.New("no CNI configuration is installed")

// list reads the first configuration. One that cannot be read is an error and
// not passed over: the next could be another network.
func (n *Network) list() (*libcni.NetworkConfigList, error) {
	files, err := libcni.ConfFiles(n.cfg.ConfDir, []string{".conf", ".conflist", ".json"})
	if err != nil {
		return nil, fmt.Errorf("read CNI configuration: %w", err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("read %s: %w", n.cfg.ConfDir, ErrNoConfig)
	}
	slices.Sort(files)
	if filepath.Ext(files[0]) == ".conflist" {
		list, err := libcni.NetworkConfFromFile(files[0])
		if err != nil {
			return nil, fmt.Errorf("read CNI configuration: %w", err)
		}
		return list, nil
	}
	conf, err := libcni.ConfFromFile(files[0])
	if err != nil {
		return nil, fmt.Errorf("read CNI configuration: %w", err)
	}
	return libcni.ConfListFromConf(conf)
}

// Ready asks the plugins for their status (CNI 1.1; older ones have none).
func (n *Network) Ready() error {
	list, err := n.list()
	if err != nil {
		return err
	}
	if err := n.plugins.GetStatusNetworkList(context.Background(), list); err != nil {
		return fmt.Errorf("network %s: %w", list.Name, err)
	}
	return nil
}

// Setup adds the sandbox to the network and returns its addresses.
func (n *Network) Setup(ctx context.Context, a cni.Attachment) ([]netip.Addr, error) {
	list, err := n.list()
	if err != nil {
		return nil, fmt.Errorf("connect sandbox %s: %w", a.SandboxID, err)
	}
	answer, err := n.plugins.AddNetworkList(ctx, list, runtimeConf(a))
	if err != nil {
		return nil, fmt.Errorf("connect sandbox %s of pod %s/%s to network %s: %w", a.SandboxID, a.PodNamespace, a.PodName, list.Name, err)
	}
	addrs, err := addresses(answer)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect sandbox %s: %w", a.SandboxID, err), n.Teardown(ctx, a))
	}
	return addrs, nil
}

// addresses are those of the pod's own interface. Interfaces without a sandbox
// are the node's.
func addresses(answer types.Result) ([]netip.Addr, error) {
	r, err := types100.GetResult(answer)
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	for _, ip := range r.IPs {
		if i := ip.Interface; i != nil && *i >= 0 && *i < len(r.Interfaces) && r.Interfaces[*i].Sandbox == "" {
			continue
		}
		if addr, ok := netip.AddrFromSlice(ip.Address.IP); ok {
			addrs = append(addrs, addr.Unmap())
		}
	}
	if len(addrs) == 0 {
		return nil, errors.New("the plugins gave no address")
	}
	return addrs, nil
}

// Teardown removes the sandbox from the network. Plugins succeed for one that
// is not in it (CNI specification, DEL).
func (n *Network) Teardown(ctx context.Context, a cni.Attachment) error {
	list, err := n.list()
	if errors.Is(err, ErrNoConfig) {
		return nil // never connected
	} else if err != nil {
		return fmt.Errorf("disconnect sandbox %s: %w", a.SandboxID, err)
	}
	if err := n.plugins.DelNetworkList(ctx, list, runtimeConf(a)); err != nil {
		return fmt.Errorf("disconnect sandbox %s from network %s: %w", a.SandboxID, list.Name, err)
	}
	return nil
}

// runtimeConf tells the plugins what runtimes tell them by convention.
func runtimeConf(a cni.Attachment) *libcni.RuntimeConf {
	rt := &libcni.RuntimeConf{ContainerID: a.SandboxID, NetNS: a.NetNS, IfName: "eth0", Args: [][2]string{
		{"IgnoreUnknown", "1"}, {"K8S_POD_NAMESPACE", a.PodNamespace}, {"K8S_POD_NAME", a.PodName},
		{"K8S_POD_INFRA_CONTAINER_ID", a.SandboxID}, {"K8S_POD_UID", a.PodUID}}}
	if len(a.HostPorts) == 0 {
		return rt
	}
	var ports []map[string]any
	for _, p := range a.HostPorts {
		m := map[string]any{"hostPort": p.HostPort, "containerPort": p.ContainerPort, "protocol": protocol(p)}
		if p.HostIP.IsValid() {
			m["hostIP"] = p.HostIP.String()
		}
		ports = append(ports, m)
	}
	rt.CapabilityArgs = map[string]any{"portMappings": ports}
	return rt
}

func protocol(p cni.HostPort) string {
	if p.Protocol == "" {
		return "tcp"
	}
	return strings.ToLower(p.Protocol)
}
