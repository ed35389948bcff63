//go:build conformance

package conformance

import (
	"fmt"

	"k8s.io/client-go/discovery"
)

// discover asks by client-go's aggregated discovery, and returns the paths of
// all resources, without their namespaces.
func (t *T) discover() map[string]bool {
	t.Helper()
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	groups, resources, failed, err := client.GroupsAndMaybeResources()
	if err != nil || len(failed) > 0 {
		t.Fatalf("discovery: %v, of versions: %v", err, failed)
	}
	if resources == nil {
		t.Fatal("discovery is not aggregated")
	}
	have := map[string]bool{}
	for _, g := range groups.Groups {
		for _, v := range g.Versions {
			for gv, list := range resources {
				if gv.String() != v.GroupVersion {
					continue
				}
				prefix := "/apis/"
				if gv.Group == "" {
					prefix = "/api/"
				}
				for _, r := range list.APIResources {
					have[prefix+v.GroupVersion+"/"+r.Name] = true
				}
			}
		}
	}
	return have
}

func discoversAll(t *T) { t.hasBuiltIn(t.discover()) }

func discoversCustom(t *T) {
	t.define(custom(t.ns, "v1"))
	path := "/apis/" + t.ns + ".example.com/v1/things"
	t.until("the resource is discovered", func() error {
		if !t.discover()[path] {
			return fmt.Errorf("%s is not there", path)
		}
		return nil
	})
}
