package spec

import (
	"fmt"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Hostname returns the pod's host name and its domain, which is empty without
// a subdomain.
func (b *Builder) Hostname(pod *corev1.Pod) (name, domain string, err error) {
	if pod.Spec.HostnameOverride != nil && *pod.Spec.HostnameOverride != "" {
		return *pod.Spec.HostnameOverride, "", nil
	}
	name = pod.Spec.Hostname
	if name == "" {
		name = pod.Name
		if len(name) > 63 {
			name = strings.TrimRight(name[:63], "-.")
		}
	}
	if pod.Spec.Subdomain != "" {
		domain = fmt.Sprintf("%s.%s.svc.%s", pod.Spec.Subdomain, pod.Namespace, b.ClusterDomain)
	}
	if isTrue(pod.Spec.SetHostnameAsFQDN) && domain != "" {
		fqdn := name + "." + domain
		// Linux takes at most 64 bytes for a host name.
		if len(fqdn) > 64 {
			return "", "", fmt.Errorf("failed to construct FQDN from pod hostname and cluster domain, FQDN %s is too long (64 characters is the max, %d characters requested)", fqdn, len(fqdn))
		}
		return fqdn, domain, nil
	}
	return name, domain, nil
}

// Hosts is the content of the /etc/hosts that the kubelet manages.
func (b *Builder) Hosts(pod *corev1.Pod, ips []string) ([]byte, error) {
	var out strings.Builder
	if pod.Spec.HostNetwork {
		path := b.HostsFile
		if path == "" {
			path = "/etc/hosts"
		}
		host, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			return nil, fmt.Errorf("read node's hosts file: %w", err)
		}
		out.WriteString("# Kubernetes-managed hosts file (host network).\n")
		out.Write(host)
	} else {
		name, domain, err := b.Hostname(pod)
		if err != nil {
			return nil, err
		}
		out.WriteString("# Kubernetes-managed hosts file.\n" +
			"127.0.0.1\tlocalhost\n" +
			"::1\tlocalhost ip6-localhost ip6-loopback\n" +
			"fe00::0\tip6-localnet\n" +
			"fe00::0\tip6-mcastprefix\n" +
			"fe00::1\tip6-allnodes\n" +
			"fe00::2\tip6-allrouters\n")
		for _, ip := range ips {
			if domain != "" && !strings.HasSuffix(name, "."+domain) {
				fmt.Fprintf(&out, "%s\t%s.%s\t%s\n", ip, name, domain, name)
			} else {
				fmt.Fprintf(&out, "%s\t%s\n", ip, name)
			}
		}
	}
	if len(pod.Spec.HostAliases) > 0 {
		out.WriteString("\n# Entries added by HostAliases.\n")
		for _, alias := range pod.Spec.HostAliases {
			fmt.Fprintf(&out, "%s\t%s\n", alias.IP, strings.Join(alias.Hostnames, "\t"))
		}
	}
	return []byte(out.String()), nil
}
