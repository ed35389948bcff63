package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"minke/network/nft"
)

// snapshot is what a model is made of.
type snapshot struct {
	node       string
	policies   []*networkingv1.NetworkPolicy
	pods       []*corev1.Pod
	namespaces []*corev1.Namespace
}

// direction is seen from the pod that a policy selects.
type direction string

const (
	ingress direction = "in"
	egress  direction = "out"
)

// model is all that is wanted of one family's table.
type model struct {
	// guarded has the chain for each of the node's pods that policies select.
	guarded map[direction]map[netip.Addr]string
	chains  map[string][]rule
	sets    map[string]set
}

// rule is one rule and its text, by which two are compared.
type rule struct {
	text string
	expr nft.Expr
}

// set holds addresses, or addresses with ports.
type set struct {
	withPort bool
	elements map[string]bool // keys
}

// model computes the rules. It is pure.
func (t *table) model(seen snapshot) *model {
	m := &model{guarded: map[direction]map[netip.Addr]string{ingress: {}, egress: {}}, chains: map[string][]rule{}, sets: map[string]set{}}
	w := &writer{table: t, model: m, seen: seen, namespaces: map[string]labels.Set{}}
	for _, n := range seen.namespaces {
		w.namespaces[n.Name] = n.Labels
	}
	for _, p := range seen.policies {
		for _, d := range []direction{ingress, egress} {
			if applies(p, d) {
				w.policy(p, d)
			}
		}
	}
	for _, d := range []direction{ingress, egress} {
		for _, chain := range m.guarded[d] {
			m.chains[chain] = append(m.chains[chain], rule{"drop", nft.Drop})
		}
	}
	return m
}

// applies tells whether the policy is one of the direction: as it says, or
// ingress always and egress where it has such rules (networking/v1).
func applies(p *networkingv1.NetworkPolicy, d direction) bool {
	kind := map[direction]networkingv1.PolicyType{ingress: networkingv1.PolicyTypeIngress, egress: networkingv1.PolicyTypeEgress}[d]
	if len(p.Spec.PolicyTypes) > 0 {
		return slices.Contains(p.Spec.PolicyTypes, kind)
	}
	return d == ingress || len(p.Spec.Egress) > 0
}

// writer writes a model.
type writer struct {
	*table
	*model
	seen       snapshot
	namespaces map[string]labels.Set
}

// policy writes the policy's chain and leads the pods that it selects there.
func (w *writer) policy(p *networkingv1.NetworkPolicy, d direction) {
	selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
	if err != nil {
		return // validation does not let it in
	}
	chain := name("policy-"+string(d), p.Namespace+"/"+p.Name)
	guards := false
	for _, pod := range w.seen.pods {
		if pod.Namespace != p.Namespace || pod.Spec.NodeName != w.seen.node || !selector.Matches(labels.Set(pod.Labels)) {
			continue
		}
		for _, a := range w.addresses(pod) {
			guards = true
			w.guard(d, a, chain)
		}
	}
	if !guards {
		return
	}
	w.chains[chain] = []rule{}
	if d == ingress {
		for _, r := range p.Spec.Ingress {
			w.allow(chain, d, p.Namespace, r.From, r.Ports)
		}
		return
	}
	for _, r := range p.Spec.Egress {
		w.allow(chain, d, p.Namespace, r.To, r.Ports)
	}
}

// guard makes the pod's chain go through the policy's.
func (w *writer) guard(d direction, pod netip.Addr, policy string) {
	chain := w.guarded[d][pod]
	if chain == "" {
		chain = "pod-" + string(d) + "-" + pod.String()
		w.guarded[d][pod] = chain
		self := netip.PrefixFrom(pod, pod.BitLen())
		w.chains[chain] = []rule{{"self", nft.Join(w.SrcIn(self), w.DstIn(self), nft.Accept)}}
	}
	w.chains[chain] = append(w.chains[chain], rule{"jump " + policy, nft.Jump(policy)})
}

// allow writes a rule for each combination of peer and port; none means any.
func (w *writer) allow(chain string, d direction, namespace string, from []networkingv1.NetworkPolicyPeer, to []networkingv1.NetworkPolicyPort) {
	peers := []rule{{}}
	if len(from) > 0 {
		peers = nil
		for _, p := range from {
			peers = append(peers, w.peer(d, namespace, p)...)
		}
	}
	ports := []rule{{}}
	if len(to) > 0 {
		ports = nil
		for _, p := range to {
			ports = append(ports, w.port(p)...)
		}
	}
	for _, peer := range peers {
		for _, port := range ports {
			w.chains[chain] = append(w.chains[chain], rule{peer.text + " " + port.text, nft.Join(peer.expr, port.expr, nft.Accept)})
		}
	}
}

// name is unique and at most as long as nftables' names (255 bytes).
func name(prefix, long string) string {
	sum := sha256.Sum256([]byte(long))
	short := fmt.Sprintf("%s-%s", prefix, hex.EncodeToString(sum[:8]))
	if len(long) < 150 {
		return short + "-" + long
	}
	return short
}

func ended(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// addresses are the pod's own of the family; a pod in the node's network has
// none that policies could speak of.
func (w *writer) addresses(p *corev1.Pod) []netip.Addr {
	if p.Spec.HostNetwork || ended(p) {
		return nil
	}
	var own []netip.Addr
	for _, ip := range p.Status.PodIPs {
		if a, err := netip.ParseAddr(ip.IP); err == nil && w.Has(a) {
			own = append(own, a.Unmap())
		}
	}
	return own
}
