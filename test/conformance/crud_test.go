//go:build conformance

package conformance

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// stream is a watch.
type stream struct {
	t     *T
	body  io.Closer
	lines *bufio.Reader
}

// watch opens a watch; it ends with the test. query begins with &, or is empty.
func (t *T) watch(path, query string) *stream {
	t.Helper()
	resp, err := open(t.ctx, request{Method: "GET", Path: t.path(path) + "?watch=true" + query})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("watch %s answers %s", path, resp.Status)
	}
	return &stream{t: t, body: resp.Body, lines: bufio.NewReader(resp.Body)}
}

// next is the next event.
func (s *stream) next() (kind string, o object) {
	s.t.Helper()
	line, err := s.lines.ReadBytes('\n')
	if err != nil {
		s.t.Fatalf("watch: %v", err)
	}
	var event object
	if err := json.Unmarshal(line, &event); err != nil {
		s.t.Fatal(err)
	}
	o, _ = event["object"].(map[string]any)
	return event.str("type"), o
}

// until takes events until one of the kind for which ok holds.
func (s *stream) until(kind string, ok func(object) bool) object {
	s.t.Helper()
	for {
		k, o := s.next()
		if k == "ERROR" {
			s.t.Fatalf("watch: %v", o)
		}
		if k == kind && ok(o) {
			return o
		}
	}
}

// discovered wants a resource, and its subresources, with these verbs in the
// discovery documents.
func (t *T) discovered(p place, subs ...string) {
	t.Helper()
	group, version := "", strings.TrimPrefix(p.Prefix, "/api/")
	if rest, ok := strings.CutPrefix(p.Prefix, "/apis/"); ok {
		group, version, _ = strings.Cut(rest, "/")
		found := false
		for _, g := range t.get("/apis").list("groups") {
			found = found || g.str("name") == group
		}
		if !found {
			t.Fatalf("/apis lacks %s", group)
		}
		found = false
		for _, v := range t.get("/apis/" + group).list("versions") {
			found = found || v.str("version") == version
		}
		if !found {
			t.Fatalf("/apis/%s lacks %s", group, version)
		}
	}
	have := map[string]string{}
	for _, r := range t.get(p.Prefix).list("resources") {
		have[r.str("name")] = r.str("verbs")
	}
	for _, verb := range []string{"create", "get", "list", "watch", "update", "patch", "delete", "deletecollection"} {
		if !strings.Contains(have[p.Plural], verb) {
			t.Fatalf("%s/%s offers %s, not %s", p.Prefix, p.Plural, have[p.Plural], verb)
		}
	}
	for _, sub := range subs {
		if have[p.Plural+"/"+sub] == "" {
			t.Fatalf("%s lacks %s/%s", p.Prefix, p.Plural, sub)
		}
	}
}

// operations is the whole life of a kind of object, with its subresources:
// discovery, create, get, list, watch, update, patch, delete, deletecollection.
func operations(kind string, subs ...string) func(*T) {
	return func(t *T) {
		p := placesByKind[kind]
		t.discovered(p, subs...)
		e := endpoint{Kind: kind[strings.LastIndex(kind, "/")+1:], Path: p.collection("{namespace}")}
		for _, action := range []string{"post", "get", "list", "put", "patch", "delete", "deletecollection"} {
			e.Action = action
			if err := t.sweep(e, kind, "").check(); err != nil {
				t.Fatalf("%s: %v", action, err)
			}
		}
		for _, sub := range subs {
			for _, action := range []string{"get", "put", "patch"} {
				e.Action = action
				if err := t.sweep(e, kind, sub).check(); err != nil {
					t.Fatalf("%s %s: %v", action, sub, err)
				}
			}
		}
	}
}

func (t *T) sweep(e endpoint, kind, sub string) *sweep {
	s := newSweep(t.ctx, e, t.ns)
	s.kind, s.place, s.sub = kind, placesByKind[kind], sub
	return s
}

func init() {
	add(map[string]func(*T){
		"API001": operations("flowcontrol.apiserver.k8s.io/v1/FlowSchema", "status"),
		"API002": operations("flowcontrol.apiserver.k8s.io/v1/PriorityLevelConfiguration", "status"),
		"API066": operations("admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"),
		"API067": operations("admissionregistration.k8s.io/v1/MutatingAdmissionPolicyBinding"),
		"API091": operations("admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy", "status"),
		"API092": operations("admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding"),
		"APP006": operations("batch/v1/CronJob", "status"),
		"AUT001": operations("certificates.k8s.io/v1/CertificateSigningRequest", "status", "approval"),
		"NET015": operations("discovery.k8s.io/v1/EndpointSlice"),
		"NET017": operations("v1/Endpoints"),
		"NET021": operations("networking.k8s.io/v1/Ingress", "status"),
		"NET022": operations("networking.k8s.io/v1/IngressClass"),
		"NET031": operations("networking.k8s.io/v1/IPAddress"),
		"NOD001": operations("resource.k8s.io/v1/DeviceClass"),
		"NOD002": operations("resource.k8s.io/v1/ResourceClaim", "status"),
		"NOD003": operations("resource.k8s.io/v1/ResourceClaimTemplate"),
		"NOD004": operations("resource.k8s.io/v1/ResourceSlice"),
		"NOD009": operations("v1/ConfigMap"),
		"NOD053": operations("v1/PodTemplate"),
		"NOD055": operations("v1/PodTemplate"),
		"NOD085": operations("node.k8s.io/v1/RuntimeClass"),
		"STO001": operations("storage.k8s.io/v1/CSIDriver"),
		"STO003": operations("storage.k8s.io/v1/CSINode"),
		"STO004": operations("storage.k8s.io/v1/CSIStorageCapacity"),
		"STO083": operations("storage.k8s.io/v1/StorageClass"),
		"STO090": operations("storage.k8s.io/v1/VolumeAttachment"),
		"STO091": operations("storage.k8s.io/v1/VolumeAttributesClass"),
		"APP007": operations("apps/v1/DaemonSet"),
		"APP013": operations("apps/v1/DaemonSet", "status"),
		"APP021": operations("apps/v1/Deployment", "status"),
		"APP022": operations("policy/v1/PodDisruptionBudget"),
		"APP024": operations("policy/v1/PodDisruptionBudget"),
		"APP026": operations("policy/v1/PodDisruptionBudget", "status"),
		"APP044": operations("apps/v1/ReplicaSet"),
		"APP046": operations("apps/v1/ReplicaSet", "status"),
		"APP057": operations("apps/v1/StatefulSet"),
		"APP060": operations("apps/v1/StatefulSet", "status"),
		"INS001": operations("events.k8s.io/v1/Event"),
		"INS003": operations("v1/Event"),
		"NET040": operations("v1/Service", "status"),
		"NET041": operations("v1/Service"),
		"NOD064": operations("v1/Pod"),
		"NOD046": operations("v1/Node"),
	})
}
