package customresource

import (
	"testing"

	"minke/api/catalog"
)

// TestKnownIsLittle looks at what a manager keeps of a definition: what it needs
// always, and where to read the rest, which is what is stored now.
func TestKnownIsLittle(t *testing.T) {
	w := newWorld(t)
	w.define(crd(widgetV1))
	w.must(200, "PATCH", crds+"/widgets.example.com", `{"metadata":{"annotations":{"note":"long"}}}`, "Content-Type", "application/merge-patch+json")
	m := New(Config{Server: w.Server, BuiltIn: catalog.Resources()}) // it serves nothing: w's own does
	one := func() *definition {
		t.Helper()
		d, err := m.definitions()
		if err != nil {
			t.Fatal(err)
		}
		if len(d.all) != 1 {
			t.Fatalf("got %d definitions", len(d.all))
		}
		return d.all[0]
	}
	first := one()
	k := m.known[first.Name]
	if len(k.crd.Annotations) > 0 || len(k.crd.ManagedFields) > 0 || k.crd.Spec.Versions[0].Schema != nil {
		t.Errorf("the manager keeps %v", k.crd)
	}
	if len(k.crd.Spec.Versions[0].AdditionalPrinterColumns) == 0 || !established(k.crd) {
		t.Errorf("the manager lacks what it always needs: %v", k.crd)
	}
	if k.whole().Spec.Versions[0].Schema == nil {
		t.Error("the schema cannot be read again")
	}
	served := m.servedBy(first, nil)
	one()
	if m.known[first.Name] != k {
		t.Error("what has not changed was read anew")
	}
	changed := w.must(200, "PATCH", crds+"/widgets.example.com", `{"metadata":{"annotations":{"note":"other"}}}`, "Content-Type", "application/merge-patch+json")
	if again := m.servedBy(one(), served); again != served {
		t.Error("an annotation made the definition served anew")
	}
	served.schemas.mu.Lock()
	read := served.schemas.read()
	served.schemas.mu.Unlock()
	w.want(read.ResourceVersion, get(changed, "metadata", "resourceVersion"), "where schemas are read")
}
