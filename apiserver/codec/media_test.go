package codec

import "testing"

func TestProduces(t *testing.T) {
	for accept, want := range map[string]bool{
		"": true, "*/*": true, "application/json;as=Table;v=v1;g=meta.k8s.io": true, "text/html, application/yaml ;q=0.1": true,
		"text/html": false, "application/*": false, "application/cbor": false, "APPLICATION/JSON": false,
	} {
		if got := (Offer{}).Produces(accept); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
	if !(Offer{CBOR: true}).Produces("application/cbor") {
		t.Error("CBOR is not produced where it is offered")
	}
}
