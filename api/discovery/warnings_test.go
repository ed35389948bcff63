package discovery

import (
	"slices"
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"
)

func TestWarnings(t *testing.T) {
	names := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeFQDN, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"a.b"}}}}
	odd := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv6, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"FD00::1"}}}}
	const form = `endpoints[0].addresses[0]: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")`
	for _, c := range []struct {
		slice, old *discoveryv1.EndpointSlice
		want       []string
	}{
		{names, nil, []string{"spec.addressType: FQDN endpoints are deprecated"}},
		{names, names, nil},
		{odd, nil, []string{form}},
		{odd, odd, []string{form}},
	} {
		if got := endpointSliceWarnings(c.slice, c.old); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.slice.AddressType, got, c.want)
		}
	}
}
