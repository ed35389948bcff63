package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"minke/client"
	"minke/cluster/control"
	"minke/kubelet"
	"minke/network/cni"
	"minke/network/overlay"
	"minke/network/policy"
	"minke/network/proxy"
	"minke/runtime"
	"minke/tracing"
)

// kubeletPort is where a node's own server answers.
const kubeletPort = 10250

// proxyHealthzPort is where kube-proxy answers load balancers.
const proxyHealthzPort = 10256

// AgentConfig says what a node is made of.
type AgentConfig struct {
	Node    string
	Address netip.Addr
	// API is as the node itself sees it, NetworkAPI as its network parts do
	// (see NodeNetwork).
	API, NetworkAPI client.Interface
	// Serving is the certificate of the node's own server; CAs vouch for its
	// callers.
	Serving tls.Certificate
	CAs     *x509.CertPool
	// DataDir keeps images and volumes; RunDir what a reboot may forget.
	DataDir, RunDir string
	// Cgroup is where all of the node's pods go, in every hierarchy.
	Cgroup             string
	PodNet, ServiceNet netip.Prefix
	DNS                netip.Addr
	Domain             string
	Labels             map[string]string
	// KubeletConfig is a file with a KubeletConfiguration, or empty.
	KubeletConfig string
}

// Agent is one node: kubelet, runtime and network.
type Agent struct {
	cfg       AgentConfig
	log       *slog.Logger
	informers *client.Informers
	services  *client.Informers // of the network parts
	requests  *client.Metrics   // of all parts
	pods      *cni.Plugin
	runtime   *runtime.Runtime
	kubelet   *kubelet.Kubelet
	proxy     *proxy.Proxy
	overlay   *overlay.Overlay
	policy    *policy.Enforcer
	dns       *nodeDNS
	tracer    *tracing.Tracer // nil when nothing is traced
	control   net.Listener
	// imported is closed when the toolbox's image is there.
	imported chan struct{}
}

// NewAgent takes up what an earlier process of this node left, and assembles
// the parts; Run starts them.
func NewAgent(cfg AgentConfig) (*Agent, error) {
	requests := client.NewMetrics()
	cfg.API, cfg.NetworkAPI = client.Counted(cfg.API, requests), client.Counted(cfg.NetworkAPI, requests)
	a := &Agent{
		requests: requests,
		cfg:      cfg, log: slog.Default().With("part", "agent", "node", cfg.Node), informers: client.NewInformers(cfg.API), services: client.NewInformers(cfg.NetworkAPI),
		imported: make(chan struct{}),
	}
	for _, dir := range []string{cfg.DataDir, cfg.RunDir} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return nil, fmt.Errorf("create node's directory: %w", err)
		}
	}
	var err error
	if a.tracer, err = kubeletTracer(cfg.KubeletConfig, cfg.Node, a.log); err != nil {
		return nil, err
	}
	if a.control, err = control.Listen(filepath.Join(cfg.RunDir, "control")); err != nil {
		return nil, err
	}
	mtu, err := overlay.MTU(overlay.VXLAN, cfg.Address)
	if err != nil {
		return nil, err
	}
	a.pods, err = cni.New(cni.Config{
		StateDir:     filepath.Join(cfg.RunDir, "cni"),
		ClusterCIDRs: []netip.Prefix{cfg.PodNet, cfg.ServiceNet},
		MTU:          mtu,
	})
	if err != nil {
		return nil, err
	}
	a.runtime, err = runtime.New(runtime.Config{
		Root: filepath.Join(cfg.DataDir, "runtime"), State: filepath.Join(cfg.RunDir, "runtime"),
		Network: podNetwork{a.pods}, CgroupRoot: cfg.Cgroup, Version: Version,
		SeccompRoot: filepath.Join(cfg.DataDir, "kubelet", "seccomp"),
	})
	if err != nil {
		return nil, err
	}
	if err := a.assembleNetwork(); err != nil {
		return nil, err
	}
	return a, a.assembleKubelet()
}

func (a *Agent) assembleKubelet() error {
	collectors := []prometheus.Collector{a.requests}
	if a.tracer != nil {
		collectors = append(collectors, a.tracer)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(a.cfg.Address.String(), strconv.Itoa(kubeletPort)))
	if err != nil {
		return fmt.Errorf("listen for the node's server: %w", err)
	}
	a.kubelet, err = kubelet.New(kubelet.Config{
		NodeName: a.cfg.Node, API: a.cfg.API, Informers: a.informers, Labels: a.cfg.Labels,
		Runtime: a.runtime, Images: a.runtime, Collectors: collectors, Tracer: a.tracer,
		RootDir: filepath.Join(a.cfg.DataDir, "kubelet"), LogDir: filepath.Join(a.cfg.DataDir, "log", "pods"),
		ContainerLogsDir: filepath.Join(a.cfg.DataDir, "log", "containers"),
		CgroupRoot:       a.cfg.Cgroup,
		ClusterDNS:       []string{a.cfg.DNS.String()}, ClusterDomain: a.cfg.Domain,
		NodeIPs: []string{a.cfg.Address.String()}, Version: KubernetesVersion,
		ResolvConf: "/etc/resolv.conf", HostsFile: "/etc/hosts",
		Server: kubelet.ServerConfig{Listener: listener, Certificate: a.cfg.Serving, ClientCAs: a.cfg.CAs, SystemLogDir: logDir},
	})
	return err
}

// Run is the node's life until ctx ends; its containers live on. tell is
// called with each stage reached, the last one being "ready".
func (a *Agent) Run(ctx context.Context, tell func(stage string)) error {
	stop := runTracer(a.tracer)
	group, ctx := errgroup.WithContext(ctx)
	a.followPodNet()
	a.tellReady(ctx, tell)
	group.Go(func() error { return control.Serve(ctx, a.control, images{a.runtime}) })
	group.Go(func() error { return a.runtime.Serve(ctx, filepath.Join(a.cfg.RunDir, "cri.sock")) })
	group.Go(func() error { return a.runNetwork(ctx) })
	group.Go(func() error {
		defer close(a.imported)
		return a.runtime.ImportToolbox(ctx)
	})
	group.Go(func() error { return a.kubelet.Run(ctx) })
	a.informers.Start(ctx)
	a.services.Start(ctx)
	err := group.Wait()
	a.pods.Close()
	return errors.Join(err, a.runtime.Close(), stop())
}
