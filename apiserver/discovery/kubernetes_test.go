package discovery

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api/catalog"
	"minke/api/feature"
)

var reference = flag.String("reference", "", "the folder api of Kubernetes' source, of which to write testdata/kubernetes.txt")

// beyond are the group versions, and the resources, that Minke serves and
// Kubernetes 1.37 does not: it converts what was written for older releases.
var beyond = []string{
	"extensions/v1beta1", "apps/v1beta1", "apps/v1beta2", "batch/v1beta1", "discovery.k8s.io/v1beta1", "events.k8s.io/v1beta1",
	"networking.k8s.io/v1beta1", "node.k8s.io/v1beta1", "policy/v1beta1", "rbac.authorization.k8s.io/v1beta1", "storage.k8s.io/v1beta1",
	"coordination.k8s.io/v1beta1 leases", "scheduling.k8s.io/v1beta1 priorityclasses",
}

// lacking are those that Kubernetes serves when every alpha version is asked for,
// and Minke does not.
var lacking = []string{"lifecycle.k8s.io/v1alpha1", "scheduling.k8s.io/v1alpha3 compositepodgroups"}

// storedElsewhere are the resources that Minke stores in another version than
// Kubernetes 1.37, which still writes what an older release reads. The hash that
// is told is that of the version in which Minke stores.
var storedElsewhere = []string{
	"apiextensions.k8s.io/v1 customresourcedefinitions",
	"certificates.k8s.io/v1 clustertrustbundles", "certificates.k8s.io/v1 podcertificaterequests",
	"certificates.k8s.io/v1beta1 clustertrustbundles", "certificates.k8s.io/v1beta1 podcertificaterequests",
	"resource.k8s.io/v1 devicetaintrules", "resource.k8s.io/v1beta2 devicetaintrules", "resource.k8s.io/v1alpha3 devicetaintrules",
	"scheduling.k8s.io/v1beta1 podgroups", "scheduling.k8s.io/v1beta1 workloads",
	"scheduling.k8s.io/v1alpha3 podgroups", "scheduling.k8s.io/v1alpha3 workloads",
	"storagemigration.k8s.io/v1 storageversionmigrations", "storagemigration.k8s.io/v1beta1 storageversionmigrations",
}

// known tells whether a name, or the group version before the resource in it, is
// in a list.
func known(list []string, name string) bool {
	gv, _, _ := strings.Cut(name, " ")
	return slices.Contains(list, name) || slices.Contains(list, gv)
}

// TestKubernetes compares discovery, in both forms, with that of Kubernetes
// 1.37.2 with every version and feature on, of which testdata/kubernetes.txt has
// a hash for each resource. To write that anew:
//
//	go test ./apiserver/discovery -run TestKubernetes -reference KUBERNETES/api
func TestKubernetes(t *testing.T) {
	if *reference != "" {
		var out strings.Builder
		d := digestOf(t, func(path string, aggregated bool, into any) {
			name := strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", "__") + ".json"
			if aggregated {
				name = "aggregated_v2.json"
			}
			raw, err := os.ReadFile(filepath.Join(*reference, "discovery", name))
			if err == nil {
				err = json.Unmarshal(raw, into)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
		for _, name := range slices.Sorted(maps.Keys(d)) {
			fmt.Fprintf(&out, "%s: %s\n", name, d[name])
		}
		if err := os.WriteFile("testdata/kubernetes.txt", []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile("testdata/kubernetes.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		want[name] = value
	}
	gates, err := feature.Parse("AllAlpha=true,AllBeta=true")
	if err != nil {
		t.Fatal(err)
	}
	s := New("127.0.0.1:6443", catalog.Serve(catalog.Choice{"api/all": "true"}, gates), Actions())
	got := digestOf(t, func(path string, aggregated bool, into any) {
		header := map[string]string{}
		if aggregated {
			header["Accept"] = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
		}
		get(t, s, path, header, into)
	})
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if want[name] == "" {
			t.Errorf("Kubernetes has no %s", name)
		} else if want[name] != got[name] {
			t.Errorf("%s is %s, Kubernetes' %s", name, got[name], want[name])
		}
	}
	for name := range want {
		if got[name] == "" {
			t.Errorf("%s is missing", name)
		}
	}
}

// digestOf makes a digest of what read gives: the groups and their versions in
// order, and each resource's hash in both forms. What is known to differ is left
// out.
func digestOf(t *testing.T, read func(path string, aggregated bool, into any)) map[string]string {
	d := map[string]string{}
	add := func(name string, v any) {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(raw)
		d[name] = strings.TrimSpace(d[name] + " " + hex.EncodeToString(sum[:4]))
	}
	list := func(path, gv string) {
		var all metav1.APIResourceList
		read(path, false, &all)
		add(gv, all.TypeMeta)
		for _, r := range all.APIResources {
			name := gv + " " + r.Name
			if known(beyond, name) || known(lacking, strings.TrimSuffix(name, "/status")) || known(lacking, name) {
				continue
			}
			if known(storedElsewhere, name) {
				r.StorageVersionHash = ""
			}
			add(name, r)
		}
	}
	list("/api/v1", "v1")
	var groups metav1.APIGroupList
	read("/apis", false, &groups)
	for _, g := range groups.Groups {
		var versions []string
		for _, v := range g.Versions {
			if known(beyond, v.GroupVersion) || known(lacking, v.GroupVersion) {
				continue
			}
			versions = append(versions, v.Version)
			list("/apis/"+v.GroupVersion, v.GroupVersion)
		}
		if len(versions) == 0 {
			continue
		}
		d["groups"] = strings.TrimSpace(d["groups"] + " " + g.Name)
		d["group "+g.Name] = g.PreferredVersion.Version + " of " + strings.Join(versions, " ")
		var one metav1.APIGroup
		read("/apis/"+g.Name, false, &one)
		if len(one.Versions) != len(g.Versions) || one.PreferredVersion != g.PreferredVersion {
			t.Errorf("/apis/%s and /apis differ", g.Name)
		}
	}
	var all apidiscoveryv2.APIGroupDiscoveryList
	read("/apis", true, &all)
	for _, g := range all.Items {
		for _, v := range g.Versions {
			gv := g.Name + "/" + v.Version
			for _, r := range v.Resources {
				name := gv + " " + r.Resource
				r.Subresources = slices.DeleteFunc(r.Subresources, func(s apidiscoveryv2.APISubresourceDiscovery) bool {
					return known(lacking, name+"/"+s.Subresource)
				})
				if !known(beyond, name) && !known(lacking, name) {
					add(name, r)
				}
			}
		}
	}
	return d
}
