package cluster

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	resourceapi "k8s.io/api/resource/v1"

	"minke/client"
	"minke/cluster/options"
	"minke/store/local"
)

// TestResourcesWithoutNamespace: controllers care for those, too. The device class
// says what a claim counts for in a quota, and a node's slices go with the node
// (KEP-5004, KEP-4381).
func TestResourcesWithoutNamespace(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	w := newWhole(t)
	quotas := follow(w, client.ResourceQuotas)
	resourceSlices := follow(w, client.Kind[*resourceapi.ResourceSlice]{Resource: resourceapi.SchemeGroupVersion.WithResource("resourceslices"), Cluster: true})
	w.informers.Start(w.ctx)
	w.create(
		`/api/v1/namespaces {"metadata":{"name":"shop"}}`,
		`/apis/resource.k8s.io/v1/deviceclasses {"metadata":{"name":"gpu"},"spec":{"extendedResourceName":"example.com/gpu"}}`,
		`/apis/resource.k8s.io/v1/namespaces/shop/resourceclaims {"metadata":{"name":"two"},"spec":{"devices":{"requests":[{"name":"r","exactly":{"deviceClassName":"gpu","count":2}}]}}}`,
		`/api/v1/namespaces/shop/resourcequotas {"metadata":{"name":"q"},"spec":{"hard":{"requests.example.com/gpu":"5"}}}`)
	w.await("what was there before the quota is counted", func() bool {
		q, ok := quotas.Get("shop", "q")
		if !ok {
			return false
		}
		used := q.Status.Used["requests.example.com/gpu"]
		return used.Value() == 2
	})
	w.create(`/api/v1/nodes {"metadata":{"name":"n2"}}`)
	node, err := client.Of(w.self, client.Nodes).Get(w.ctx, "", "n2")
	if err != nil {
		t.Fatal(err)
	}
	w.create(fmt.Sprintf(`/apis/resource.k8s.io/v1/resourceslices {"metadata":{"name":"s","ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"n2","uid":%q}]},
		"spec":{"driver":"d.example.com","nodeName":"n2","pool":{"name":"p","generation":1,"resourceSliceCount":1},"devices":[{"name":"d"}]}}`, node.UID))
	w.must(http.StatusOK, "DELETE", "/api/v1/nodes/n2", "")
	w.await("the node's slice is gone with it", func() bool {
		_, there := resourceSlices.Get("", "s")
		return !there
	})
}

// TestResourcesNotServed: controllers do not wait for built-in resources that are off.
func TestResourcesNotServed(t *testing.T) {
	var o options.API
	if err := o.RuntimeConfig.Set("storage.k8s.io/v1/csidrivers=false"); err != nil {
		t.Fatal(err)
	}
	all, err := openTestServer(t, local.OpenMemory(), o).allResources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	there := func(kind string) bool {
		return slices.ContainsFunc(all, func(r client.APIResource) bool { return r.Kind == kind })
	}
	if there(client.CSIDrivers.Kind) || !there(client.CSINodes.Kind) || !there(client.Pods.Kind) {
		t.Errorf("CSIDrivers %v, CSINodes %v, Pods %v; want the latter two", there(client.CSIDrivers.Kind), there(client.CSINodes.Kind), there(client.Pods.Kind))
	}
}
