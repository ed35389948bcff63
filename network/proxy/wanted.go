package proxy

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"golang.org/x/sys/unix"

	"minke/client"
	"minke/network/nft"
)

// front is an address that packets are caught at; without an address it is a
// node port.
type front struct {
	addr  netip.Addr
	proto byte
	port  uint16
}

// entrance says which way a front leads.
type entrance int

const (
	inside  entrance = iota // a cluster IP
	outside                 // a node port or an external IP
	guarded                 // a load balancer's IP, with source ranges
)

// port is what is wanted of one port of a Service in one address family.
type port struct {
	id      string // unique, and readable, for names of chains and sets
	service client.Key
	fronts  map[front]entrance
	// cluster and local are the endpoints of either traffic policy.
	cluster, local []netip.AddrPort
	// onNode are endpoints' addresses on this node.
	onNode []netip.Addr
	// insideLocal and outsideLocal are the traffic policies.
	insideLocal, outsideLocal bool
	// affinity is how long a client keeps its endpoint; 0: not at all.
	affinity time.Duration
	sources  []netip.Prefix
}

var protocols = map[corev1.Protocol]byte{corev1.ProtocolTCP: unix.IPPROTO_TCP, corev1.ProtocolUDP: unix.IPPROTO_UDP, corev1.ProtocolSCTP: unix.IPPROTO_SCTP}

// proxyNameLabel leaves a Service to another proxy.
const proxyNameLabel = "service.kubernetes.io/service-proxy-name"

// skip tells that a Service is none of the proxy's business.
func skip(s *corev1.Service) bool {
	_, other := s.Labels[proxyNameLabel]
	return other || s.Spec.Type == corev1.ServiceTypeExternalName || s.Spec.ClusterIP == corev1.ClusterIPNone || s.Spec.ClusterIP == ""
}

// wanted returns the Service's ports in the family. It is pure.
func wanted(cfg Config, f nft.Family, s *corev1.Service, slices []*discoveryv1.EndpointSlice, at place) []*port {
	if s == nil || skip(s) {
		return nil
	}
	var ports []*port
	for _, sp := range s.Spec.Ports {
		p := &port{
			id: portID(s, sp), service: client.KeyOf(s), fronts: fronts(cfg, f, s, sp),
			insideLocal:  s.Spec.InternalTrafficPolicy != nil && *s.Spec.InternalTrafficPolicy == corev1.ServiceInternalTrafficPolicyLocal,
			outsideLocal: s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal,
			affinity:     affinity(s), sources: sources(f, s),
		}
		if len(p.fronts) == 0 {
			continue
		}
		chosen := choose(endpoints(f, sp, slices), at)
		p.cluster, p.local, p.onNode = chosen.cluster, chosen.local, chosen.onNode
		ports = append(ports, p)
	}
	return ports
}

// portID is short enough for a name of nftables (255 bytes), and distinct.
func portID(s *corev1.Service, sp corev1.ServicePort) string {
	name := s.Namespace + "/" + s.Name + "/" + string(sp.Protocol) + "/" + sp.Name
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:4]) + "-" + name
}

func fronts(cfg Config, f nft.Family, s *corev1.Service, sp corev1.ServicePort) map[front]entrance {
	fronts := map[front]entrance{}
	proto, known := protocols[sp.Protocol]
	if !known {
		return nil
	}
	add := func(text string, e entrance) {
		a, err := netip.ParseAddr(text)
		if err != nil || !f.Has(a) || isLocal(cfg, a) {
			return
		}
		at := front{a.Unmap(), proto, uint16(sp.Port)}
		if _, has := fronts[at]; !has {
			fronts[at] = e
		}
	}
	for _, ip := range clusterIPs(s) {
		add(ip, inside)
	}
	if cfg.AllowExternalIPs {
		for _, ip := range s.Spec.ExternalIPs {
			add(ip, outside)
		}
	}
	if s.Spec.Type == corev1.ServiceTypeLoadBalancer {
		for _, in := range s.Status.LoadBalancer.Ingress {
			if in.IPMode == nil || *in.IPMode != corev1.LoadBalancerIPModeProxy {
				add(in.IP, guarded)
			}
		}
	}
	if sp.NodePort > 0 && s.Spec.Type != corev1.ServiceTypeClusterIP && hasFamily(f, s) {
		fronts[front{proto: proto, port: uint16(sp.NodePort)}] = outside
	}
	return fronts
}

func isLocal(cfg Config, a netip.Addr) bool {
	for _, l := range cfg.Local {
		if l.Unmap() == a.Unmap() {
			return true
		}
	}
	return a.IsLoopback() || a.IsUnspecified() || a.IsMulticast()
}

func clusterIPs(s *corev1.Service) []string {
	if len(s.Spec.ClusterIPs) > 0 {
		return s.Spec.ClusterIPs
	}
	return []string{s.Spec.ClusterIP}
}

func hasFamily(f nft.Family, s *corev1.Service) bool {
	for _, ip := range clusterIPs(s) {
		if a, err := netip.ParseAddr(ip); err == nil && f.Has(a) {
			return true
		}
	}
	return false
}

func affinity(s *corev1.Service) time.Duration {
	if s.Spec.SessionAffinity != corev1.ServiceAffinityClientIP {
		return 0
	}
	if c := s.Spec.SessionAffinityConfig; c != nil && c.ClientIP != nil && c.ClientIP.TimeoutSeconds != nil {
		return time.Duration(*c.ClientIP.TimeoutSeconds) * time.Second
	}
	return time.Duration(corev1.DefaultClientIPServiceAffinitySeconds) * time.Second
}

// sources are spec.loadBalancerSourceRanges, or the annotation they came from.
// Ranges of the other family only leave an unmeetable one: nobody may pass.
func sources(f nft.Family, s *corev1.Service) []netip.Prefix {
	var in []netip.Prefix
	for _, text := range s.Spec.LoadBalancerSourceRanges {
		if p, err := netip.ParsePrefix(text); err == nil && f.Has(p.Addr()) {
			in = append(in, p.Masked())
		}
	}
	if len(in) == 0 && len(s.Spec.LoadBalancerSourceRanges) > 0 {
		in = append(in, netip.PrefixFrom(unspecified(f), f.Bits))
	}
	return in
}

func unspecified(f nft.Family) netip.Addr {
	if f.Bits == 32 {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}
