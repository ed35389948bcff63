// Package kubelet is a node: it registers itself, runs the pods that are bound
// to it through a container runtime, tells the API what became of them, and
// serves their logs and streams.
//
//	k, err := kubelet.New(kubelet.Config{NodeName: "a", API: api, Runtime: rt, Images: rt, …})
//	err = k.Run(ctx) // containers live on when it returns
package kubelet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"minke/client"
	"minke/kubelet/cri"
	"minke/kubelet/eviction"
	"minke/kubelet/volume"
	"minke/tracing"
)

// Runtime is what the kubelet needs of a container runtime. A Runtime may also
// be a cri.Subscriber and a cri.Streamer.
type Runtime = cri.Runtime

// Images is what the kubelet needs of an image service.
type Images = cri.Images

// Config describes a node. Zero values are the defaults named at each field.
type Config struct {
	NodeName string
	// Labels and Taints are given to the node when it registers.
	Labels map[string]string
	Taints []corev1.Taint
	API    client.Interface
	// Informers are shared with other parts of the process; the kubelet makes
	// its own when nil.
	Informers *client.Informers
	Runtime   Runtime
	Images    Images
	// RootDir is /var/lib/kubelet, LogDir /var/log/pods. ContainerLogsDir,
	// such as /var/log/containers, gets links for log collectors; empty for none.
	RootDir, LogDir, ContainerLogsDir string
	// Signals reads how much of the machine's resources is left; by default its
	// memory and the file system of RootDir.
	Signals func() ([]eviction.Signal, error)
	// CgroupRoot is the control group for all pods, "/" for the top; empty
	// leaves control groups to the runtime.
	CgroupRoot    string
	ClusterDNS    []string
	ClusterDomain string // cluster.local
	// NodeIPs are the node's addresses, the primary one first.
	NodeIPs []string
	MaxPods int // 110
	// Capacity overrides what is read of the machine; Reserved is kept from pods.
	Capacity, Reserved corev1.ResourceList
	// ResolvConf and HostsFile are /etc/resolv.conf and /etc/hosts.
	ResolvConf, HostsFile string
	Version               string // v1.37.0
	// ParallelPulls bounds image pulls at one time; 4.
	ParallelPulls int
	Server        ServerConfig
	// Dial connects probes from the node's network namespace; a plain dial
	// when nil.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Collectors are metrics of the node's other parts, for /metrics to show.
	Collectors []prometheus.Collector
	// Tracer makes spans of what is done for pods and of requests; nil for none.
	// Its owner runs it.
	Tracer *tracing.Tracer
	// Mounter makes mounts; the kernel's when nil.
	Mounter volume.Mounter
}

// ServerConfig describes the node's HTTPS server.
type ServerConfig struct {
	// Listener accepts connections; without one there is no server.
	Listener net.Listener
	// Port is announced in the node's status; the listener's when 0.
	Port int32
	// Certificate is served; GetCertificate, when set, takes its place.
	Certificate    tls.Certificate
	GetCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// ClientCAs verify callers' certificates.
	ClientCAs *x509.CertPool
	// APIServer is the common name of the API server's client certificate,
	// which may do everything; kube-apiserver-kubelet-client when empty.
	// Other callers are decided by TokenReview and SubjectAccessReview.
	APIServer string
	// SystemLogDir is offered, read only, at /logs/; empty refuses it.
	SystemLogDir string
}

func (c *Config) complete() error {
	switch {
	case c.NodeName == "":
		return errors.New("kubelet: NodeName is empty")
	case c.API == nil:
		return errors.New("kubelet: API is nil")
	case c.Runtime == nil || c.Images == nil:
		return errors.New("kubelet: Runtime or Images is nil")
	}
	set := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	set(&c.RootDir, "/var/lib/kubelet")
	set(&c.LogDir, "/var/log/pods")
	if c.Signals == nil {
		root := c.RootDir
		c.Signals = func() ([]eviction.Signal, error) { return eviction.ReadSignals(root) }
	}
	set(&c.ClusterDomain, "cluster.local")
	set(&c.Version, "v1.37.0")
	set(&c.Server.APIServer, "kube-apiserver-kubelet-client")
	if c.MaxPods == 0 {
		c.MaxPods = 110
	}
	if c.ParallelPulls == 0 {
		c.ParallelPulls = 4
	}
	if c.Mounter == nil {
		c.Mounter = volume.Kernel{}
	}
	if c.Informers == nil {
		c.Informers = client.NewInformers(c.API)
	}
	if l := c.Server.Listener; l != nil && c.Server.Port == 0 {
		if a, ok := l.Addr().(*net.TCPAddr); ok {
			c.Server.Port = int32(a.Port)
		}
	}
	for _, dir := range []string{filepath.Join(c.RootDir, "pods"), c.LogDir, c.ContainerLogsDir} {
		if dir == "" {
			continue
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}
