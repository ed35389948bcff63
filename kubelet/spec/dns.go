package spec

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// DNS returns the pod's resolver configuration by its dnsPolicy and dnsConfig.
func (b *Builder) DNS(pod *corev1.Pod) (*runtimeapi.DNSConfig, error) {
	policy := pod.Spec.DNSPolicy
	if policy == "" || policy == corev1.DNSClusterFirst && pod.Spec.HostNetwork {
		if policy = corev1.DNSClusterFirst; pod.Spec.HostNetwork {
			policy = corev1.DNSDefault
		}
	}
	if len(b.ClusterDNS) == 0 && (policy == corev1.DNSClusterFirst || policy == corev1.DNSClusterFirstWithHostNet) {
		policy = corev1.DNSDefault
	}
	config := &runtimeapi.DNSConfig{}
	if policy != corev1.DNSNone {
		host, err := b.hostDNS()
		if err != nil {
			return nil, err
		}
		config = host
	}
	if policy == corev1.DNSClusterFirst || policy == corev1.DNSClusterFirstWithHostNet {
		config.Servers = slices.Clone(b.ClusterDNS)
		config.Options = []string{"ndots:5"}
		if d := b.ClusterDomain; d != "" {
			config.Searches = unique(append([]string{pod.Namespace + ".svc." + d, "svc." + d, d}, config.Searches...))
		}
	}
	if own := pod.Spec.DNSConfig; own != nil {
		config.Servers = unique(append(config.Servers, own.Nameservers...))
		config.Searches = unique(append(config.Searches, own.Searches...))
		config.Options = mergeOptions(config.Options, own.Options)
	}
	config.Servers = config.Servers[:min(len(config.Servers), 3)]
	config.Searches = config.Searches[:min(len(config.Searches), 32)]
	return config, nil
}

func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func mergeOptions(have []string, own []corev1.PodDNSConfigOption) []string {
	for _, o := range own {
		text := o.Name
		if o.Value != nil && *o.Value != "" {
			text += ":" + *o.Value
		}
		have = slices.DeleteFunc(have, func(h string) bool {
			name, _, _ := strings.Cut(h, ":")
			return name == o.Name
		})
		have = append(have, text)
	}
	return have
}

// hostDNS reads the node's resolv.conf; an absent file is an empty one.
func (b *Builder) hostDNS() (*runtimeapi.DNSConfig, error) {
	path := b.ResolvConf
	if path == "" {
		path = "/etc/resolv.conf"
	}
	config := &runtimeapi.DNSConfig{}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return config, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read node's resolver configuration: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "nameserver":
			config.Servers = append(config.Servers, fields[1])
		case "search":
			config.Searches = nil
			for _, s := range fields[1:] {
				if s != "." {
					s = strings.TrimSuffix(s, ".")
				}
				config.Searches = append(config.Searches, s)
			}
		case "options":
			config.Options = append([]string(nil), fields[1:]...)
		}
	}
	return config, lines.Err()
}
