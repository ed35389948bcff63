package cluster

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"

	"github.com/vishvananda/netlink"

	"minke/cluster/kubeconfig"
	"minke/cluster/options"
	"minke/cluster/pki"
)

// ServerOptions are the flags of `minke server`.
type ServerOptions struct {
	DataDir string
	Address net.IP
	// Bind is where the API listens; nil for everywhere.
	Bind       net.IP
	Port       int
	Names      []string
	PodNet     string
	ServiceNet string
	Domain     string
	API        options.API
}

// DNSAddress is the tenth address of the Service network, by custom that of
// cluster DNS.
func DNSAddress(serviceNet netip.Prefix) netip.Addr {
	a := serviceNet.Masked().Addr()
	for range 10 {
		a = a.Next()
	}
	return a
}

// RunServer runs the production role until ctx ends, and calls ready with the
// administrator's kubeconfig once the API answers.
func RunServer(ctx context.Context, o ServerOptions, ready func(kubeconfig string)) error {
	podNet, err := netip.ParsePrefix(o.PodNet)
	if err != nil {
		return fmt.Errorf("--cluster-cidr: %w", err)
	}
	serviceNet, err := netip.ParsePrefix(o.ServiceNet)
	if err != nil {
		return fmt.Errorf("--service-cluster-ip-range: %w", err)
	}
	address, ok := netip.AddrFromSlice(o.Address)
	if !ok {
		if address, err = defaultAddress(); err != nil {
			return err
		}
	}
	address = address.Unmap()
	ca, err := pki.Open(filepath.Join(o.DataDir, "pki"))
	if err != nil {
		return err
	}
	server, err := NewServer(ctx, ServerConfig{
		DataDir: o.DataDir, PKI: ca, Address: address, Port: o.Port, Names: o.Names,
		PodNet: podNet, NodeBits: 24, ServiceNet: serviceNet, DNS: DNSAddress(serviceNet), Domain: o.Domain, API: o.API,
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(o.bind(), strconv.Itoa(o.Port)))
	if err != nil {
		return fmt.Errorf("listen for the API: %w", err)
	}
	file := filepath.Join(o.DataDir, "kubeconfig")
	url := "https://" + net.JoinHostPort(address.String(), strconv.Itoa(o.Port))
	err = saveSettings(o.DataDir, settings{Server: url, PodNet: o.PodNet, ServiceNet: o.ServiceNet, Domain: o.Domain})
	if err != nil {
		return fmt.Errorf("save settings: %w", err)
	}
	if err := kubeconfig.Write(file, "minke", url, ca); err != nil {
		return err
	}
	return server.Run(ctx, []net.Listener{listener}, func() { ready(file) })
}

// bind is the host part of where the API listens.
func (o *ServerOptions) bind() string {
	if o.Bind == nil || o.Bind.IsUnspecified() {
		return ""
	}
	return o.Bind.String()
}

// defaultAddress is the host's address on the way out.
func defaultAddress() (netip.Addr, error) {
	routes, err := netlink.RouteGet(net.IPv4(192, 0, 2, 1))
	if err != nil || len(routes) == 0 {
		return netip.Addr{}, fmt.Errorf("find this host's address: no default route; name one with --advertise-address (%w)", err)
	}
	address, ok := netip.AddrFromSlice(routes[0].Src)
	if !ok {
		return netip.Addr{}, fmt.Errorf("find this host's address: the default route has none; name one with --advertise-address")
	}
	return address.Unmap(), nil
}
