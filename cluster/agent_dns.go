package cluster

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"minke/client"
	"minke/network/dns"
)

// nodeDNS is cluster DNS as this node's pods reach it: at the address of the
// Service kube-dns, answered on the node itself.
type nodeDNS struct {
	server  *dns.Server
	address netip.AddrPort
	domain  string
}

func newNodeDNS(address netip.Addr, domain string, informers *client.Informers) (*nodeDNS, error) {
	if err := dns.BindLocal(address); err != nil {
		return nil, err
	}
	d := &nodeDNS{address: netip.AddrPortFrom(address, 53), domain: domain}
	var err error
	d.server, err = dns.New(dns.Config{Domain: domain, Listen: []netip.AddrPort{d.address}}, informers)
	return d, err
}

// await returns when the API's own name is answered, as a pod would ask it.
func (d *nodeDNS) await(ctx context.Context) error {
	select {
	case <-d.server.Ready():
	case <-ctx.Done():
		return ctx.Err()
	}
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, network, d.address.String())
	}}
	name := "kubernetes.default.svc." + d.domain + "."
	if _, err := resolver.LookupNetIP(ctx, "ip4", name); err != nil {
		return fmt.Errorf("ask cluster DNS for %s: %w", name, err)
	}
	return nil
}
