package dns

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/miekg/dns"
)

// findUpstreams reads the resolvers of the configuration or of the file. A
// file that is missing means none: the cluster's own names still work.
func findUpstreams(cfg Config) ([]netip.AddrPort, error) {
	if len(cfg.Upstreams) > 0 {
		return cfg.Upstreams, nil
	}
	path := cfg.ResolvConf
	if path == "" {
		path = "/etc/resolv.conf"
	}
	conf, err := dns.ClientConfigFromFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	var found []netip.AddrPort
	for _, server := range conf.Servers {
		if a, err := netip.ParseAddr(server); err == nil {
			found = append(found, netip.AddrPortFrom(a.Unmap(), 53))
		}
	}
	return found, nil
}
