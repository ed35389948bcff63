package cni

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// CVE-2020-8558: even with a host port of the loopback address no interface
// takes packets for it from elsewhere.
func TestCVE20208558_RouteLocalnet(t *testing.T) {
	n := newNode(t, "10.244.1.0/24", "fd00:244:0:1::/64")
	n.Address("lo", "192.0.2.1/32")
	n.pod("a", HostPort{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: 8080, ContainerPort: 80})
	n.Try(func() error {
		files, err := filepath.Glob("/proc/sys/net/ipv4/conf/*/route_localnet")
		if len(files) < 4 { // all, default, lo, the bridge, the pod's
			t.Errorf("interfaces: %v", files)
		}
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				return err
			}
			if strings.TrimSpace(string(data)) != "0" {
				t.Errorf("%s is set", f)
			}
		}
		return err
	})
}
