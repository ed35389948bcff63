package aggregate

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

var (
	apps   = schema.GroupVersion{Group: "apps", Version: "v1"}
	own    = schema.GroupVersion{Group: apiregistrationv1.GroupName, Version: "v1"}
	widget = schema.GroupVersion{Group: "example.com", Version: "v1"}
)

func of(gv schema.GroupVersion, label string, group, version int32) *service {
	s := &service{
		ObjectMeta: metav1.ObjectMeta{Name: gv.Version + "." + gv.Group},
		Spec:       apiregistrationv1.APIServiceSpec{Group: gv.Group, Version: gv.Version, GroupPriorityMinimum: group, VersionPriority: version},
	}
	if label != "" {
		s.Labels = map[string]string{automanaged: label}
	}
	return s
}

func TestPlan(t *testing.T) {
	moved := of(apps, onStart, 17800, 15)
	moved.Spec.Service = &apiregistrationv1.ServiceReference{Namespace: "a", Name: "b"}
	for name, c := range map[string]struct {
		have     []*service
		custom   []schema.GroupVersion
		starting bool
		want     string
	}{
		"first start": {nil, []schema.GroupVersion{widget}, true,
			"create v1.apps onstart 17800 15, create v1.example.com true 1000 100"},
		"all in line":            {[]*service{of(apps, onStart, 17800, 15), of(widget, always, 1000, 100)}, []schema.GroupVersion{widget}, true, ""},
		"built in, changed":      {[]*service{of(apps, onStart, 5, 5)}, nil, true, "update v1.apps onstart 17800 15"},
		"built in, moved away":   {[]*service{moved}, nil, true, "update v1.apps onstart 17800 15"},
		"built in, later":        {[]*service{moved}, nil, false, ""},
		"built in, deleted":      {nil, nil, false, ""},
		"built in, not any more": {[]*service{of(schema.GroupVersion{Group: "apps", Version: "v1beta1"}, onStart, 17800, 9), of(apps, onStart, 17800, 15)}, nil, true, "remove v1beta1.apps"},
		"custom, deleted":        {nil, []schema.GroupVersion{widget}, false, "create v1.example.com true 1000 100"},
		"custom, changed":        {[]*service{of(widget, always, 2, 2)}, []schema.GroupVersion{widget}, false, "update v1.example.com true 1000 100"},
		"custom, gone":           {[]*service{of(widget, always, 1000, 100)}, nil, false, "remove v1.example.com"},
		"somebody else's":        {[]*service{of(widget, "", 2, 2), of(apps, "", 3, 3)}, []schema.GroupVersion{widget}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			custom := map[schema.GroupVersion]bool{}
			for _, gv := range c.custom {
				custom[gv] = true
			}
			got := plan(c.have, map[schema.GroupVersion]bool{apps: true, own: true}, custom, c.starting)
			var said []string
			for what, list := range map[string][]*service{"create": got.create, "update": got.update} {
				for _, s := range list {
					said = append(said, fmt.Sprint(what, " ", s.Name, " ", s.Labels[automanaged], " ", s.Spec.GroupPriorityMinimum, " ", s.Spec.VersionPriority))
				}
			}
			for _, s := range got.remove {
				said = append(said, "remove "+s.Name)
			}
			slices.Sort(said)
			text := ""
			for i, s := range said {
				if i > 0 {
					text += ", "
				}
				text += s
			}
			if text != c.want {
				t.Errorf("got %q, want %q", text, c.want)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	port, number, no, empty, https := int32(443), int32(8443), false, "", "https"
	s := of(widget, "", 1, 1)
	s.Spec.Service = &apiregistrationv1.ServiceReference{Namespace: "ns", Name: "api", Port: &port}
	clusterIP := func(ports ...corev1.ServicePort) *corev1.Service {
		return &corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, Ports: ports}}
	}
	slice := func(name *string, ready *bool) *discoveryv1.EndpointSlice {
		return &discoveryv1.EndpointSlice{
			Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}, Conditions: discoveryv1.EndpointConditions{Ready: ready}}},
			Ports:     []discoveryv1.EndpointPort{{Name: name, Port: &number}},
		}
	}
	for name, c := range map[string]struct {
		target *corev1.Service
		err    error
		slices []*discoveryv1.EndpointSlice
		want   string
	}{
		"no service":      {nil, apierrors.NewNotFound(schema.GroupResource{}, "api"), nil, `False ServiceNotFound: service/api in "ns" is not present`},
		"unreadable":      {nil, errors.New("boom"), nil, `Unknown ServiceAccessError: service/api in "ns" cannot be checked due to: boom`},
		"another port":    {clusterIP(corev1.ServicePort{Port: 80}), nil, nil, `False ServicePortError: service/api in "ns" is not listening on port 443`},
		"no slices":       {clusterIP(corev1.ServicePort{Port: 443}), nil, nil, `False EndpointsNotFound: cannot find endpointslices for service/api in "ns"`},
		"none ready":      {clusterIP(corev1.ServicePort{Port: 443}), nil, []*discoveryv1.EndpointSlice{slice(&empty, &no)}, `False MissingEndpoints: endpointslices for service/api in "ns" have no addresses with port name ""`},
		"port not served": {clusterIP(corev1.ServicePort{Port: 443, Name: "https"}), nil, []*discoveryv1.EndpointSlice{slice(&empty, nil)}, `False MissingEndpoints: endpointslices for service/api in "ns" have no addresses with port name "https"`},
		"one ready":       {clusterIP(corev1.ServicePort{Port: 443, Name: "https"}), nil, []*discoveryv1.EndpointSlice{slice(&https, &no), slice(&https, nil)}, ""},
		"elsewhere":       {&corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "a.example.com"}}, nil, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if c := judge(s, c.target, c.err, c.slices); c != nil {
				got = fmt.Sprintf("%s %s: %s", c.Status, c.Reason, c.Message)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
