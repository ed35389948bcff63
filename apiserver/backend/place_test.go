package backend

import (
	"net/netip"
	"strings"
	"testing"
)

// CVE-2020-8562: what is checked is what is dialled.
func TestProxyable(t *testing.T) {
	for text, want := range map[string]bool{"10.0.0.1": true, "127.0.0.1": false, "::1": false, "169.254.169.254": false, "::ffff:127.0.0.1": false, "0.0.0.0": false, "2001:db8::1": true} {
		if err := Proxyable(netip.MustParseAddr(text)); (err == nil) != want {
			t.Errorf("%s: %v, want allowed %v", text, err, want)
		}
	}
	p := &Place{Host: "127.0.0.1", Port: 1}
	if _, err := p.Connect(t.Context()); err == nil || !strings.Contains(err.Error(), "not allowed") {
		t.Errorf("connect to loopback: %v", err)
	}
}
