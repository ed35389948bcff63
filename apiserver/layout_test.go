package apiserver

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/api/catalog"
)

// TestLayout holds that keys are where kube-apiserver has them, and that no two
// resources share any.
func TestLayout(t *testing.T) {
	want := map[string]string{
		"pods": "pods", "nodes": "minions", "services": "services/specs", "endpoints": "services/endpoints",
		"replicationcontrollers": "controllers", "events": "events", "secrets": "secrets", "namespaces": "namespaces",
		"persistentvolumeclaims": "persistentvolumeclaims", "resourcequotas": "resourcequotas", "serviceaccounts": "serviceaccounts",
		"deployments.apps": "deployments", "controllerrevisions.apps": "controllerrevisions", "cronjobs.batch": "cronjobs",
		"ingresses.networking.k8s.io": "ingress", "networkpolicies.networking.k8s.io": "networkpolicies",
		"ipaddresses.networking.k8s.io": "ipaddresses", "servicecidrs.networking.k8s.io": "servicecidrs",
		"endpointslices.discovery.k8s.io": "endpointslices", "leases.coordination.k8s.io": "leases",
		"clusterroles.rbac.authorization.k8s.io": "clusterroles", "storageclasses.storage.k8s.io": "storageclasses",
		"priorityclasses.scheduling.k8s.io": "priorityclasses", "flowschemas.flowcontrol.apiserver.k8s.io": "flowschemas",
		"validatingwebhookconfigurations.admissionregistration.k8s.io": "validatingwebhookconfigurations",
		"customresourcedefinitions.apiextensions.k8s.io":               "apiextensions.k8s.io/customresourcedefinitions",
		"apiservices.apiregistration.k8s.io":                           "apiregistration.k8s.io/apiservices",
	}
	custom := &api.Resource{Kind: schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"}, Plural: "widgets",
		Conform: func(api.Object) ([]string, error) { return nil, nil }}
	// What is no object of the API has a place too.
	others := []string{"/registry/ranges/", "/registry/masterleases/", "/registry/health"}
	taken := map[string]string{}
	for _, r := range append(catalog.Known(), custom) {
		name, at := r.GroupResource().String(), Prefix(r)
		if w, ok := want[name]; ok && at != "/registry/"+w+"/" {
			t.Errorf("%s are at %s, kube-apiserver's at /registry/%s/", name, at, w)
		}
		delete(want, name)
		for other, prefix := range taken {
			if strings.HasPrefix(at, prefix) || strings.HasPrefix(prefix, at) {
				t.Errorf("%s are at %s, %s at %s", name, at, other, prefix)
			}
		}
		for _, other := range others {
			if strings.HasPrefix(other, at) {
				t.Errorf("%s are at %s, as is %s", name, at, other)
			}
		}
		if len(r.Verbs) != 1 || r.Verbs[0] != "create" {
			taken[name] = at
		}
	}
	if at := Prefix(custom); at != "/registry/example.com/widgets/" {
		t.Errorf("custom resources are at %s", at)
	}
	for name := range want {
		t.Errorf("there is no resource %s", name)
	}
}
