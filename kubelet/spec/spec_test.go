package spec

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func TestExpand(t *testing.T) {
	lookup := func(name string) (string, bool) { return "<" + name + ">", name == "A" || name == "B" }
	for in, want := range map[string]string{
		"": "", "x": "x", "$(A)": "<A>", "$(A)$(B)": "<A><B>", "$(C)": "$(C)", "$$(A)": "$(A)", "$$$(A)": "$<A>",
		"$(A": "$(A", "$": "$", "$A": "$A", "a$": "a$", "$$$$": "$$", "$(": "$(",
	} {
		if got := Expand(in, lookup); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func builder() *Builder {
	return &Builder{NodeIPs: []string{"192.0.2.1"}, ClusterDNS: []string{"10.96.0.10"}, ClusterDomain: "cluster.local", LogDir: "/logs", RootDir: "/root-dir",
		ResolvConf: os.DevNull, MemoryCapacity: 4 << 30,
		Allocatable: func() corev1.ResourceList { return corev1.ResourceList{"cpu": resource.MustParse("4")} }}
}

func testPod() *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web-0", UID: "u", Labels: map[string]string{"b": "2", "a": "1"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{"cpu": resource.MustParse("250m"), "memory": resource.MustParse("1Gi")}, Limits: corev1.ResourceList{"memory": resource.MustParse("1.5Gi")}}}}}}
}

func TestDownward(t *testing.T) {
	b, pod := builder(), testPod()
	for path, want := range map[string]string{
		"metadata.name": "web-0", "metadata.labels": "a=\"1\"\nb=\"2\"", "metadata.labels['b']": "2", "metadata.annotations['x']": "",
		"status.hostIP": "192.0.2.1", "status.podIPs": "10.0.0.1,fd00::1",
	} {
		if got, err := b.Field(pod, path, []string{"10.0.0.1", "fd00::1"}); err != nil || got != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	if _, err := b.Field(pod, "spec.nope", nil); err == nil {
		t.Error("spec.nope is offered")
	}
	for _, c := range []struct{ resource, divisor, want string }{
		{"requests.cpu", "1m", "250"}, {"requests.cpu", "1", "1"}, {"limits.cpu", "1", "4"},
		{"limits.memory", "1Mi", "1536"}, {"limits.memory", "1Gi", "2"}, {"requests.memory", "0", "1073741824"},
	} {
		got, err := b.Resource(pod, &pod.Spec.Containers[0], &corev1.ResourceFieldSelector{Resource: c.resource, Divisor: resource.MustParse(c.divisor)})
		if err != nil || got != c.want {
			t.Errorf("%s / %s: %q, %v", c.resource, c.divisor, got, err)
		}
	}
}

func TestServiceEnvironment(t *testing.T) {
	b, pod := builder(), testPod()
	service := func(ns, name, ip string) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}, Spec: corev1.ServiceSpec{ClusterIP: ip, Ports: []corev1.ServicePort{{Name: "http-x", Port: 80}}}}
	}
	b.Services = func(ns string) []*corev1.Service {
		if ns == "default" {
			return []*corev1.Service{service(ns, "kubernetes", "10.96.0.1"), service(ns, "other", "10.96.0.2")}
		}
		return []*corev1.Service{service(ns, "my-db", "10.96.0.3"), service(ns, "headless", "None")}
	}
	pod.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "URL", Value: "$(MY_DB_SERVICE_HOST):$(MY_DB_SERVICE_PORT_HTTP_X)"}, {Name: "KUBERNETES_PORT", Value: "mine"}}
	names := func() string {
		env, err := b.environment(context.Background(), pod, &pod.Spec.Containers[0], nil)
		if err != nil {
			t.Fatal(err)
		}
		if env.values["KUBERNETES_PORT"] != "mine" || env.values["KUBERNETES_SERVICE_HOST"] != "10.96.0.1" || env.values["OTHER_PORT"] != "" || env.values["HEADLESS_PORT"] != "" {
			t.Errorf("%v", env.values)
		}
		return env.values["URL"] + " " + env.values["MY_DB_PORT_80_TCP"]
	}
	if got := names(); got != "10.96.0.3:80 tcp://10.96.0.3:80" {
		t.Error(got)
	}
	off := false
	pod.Spec.EnableServiceLinks = &off
	if got := names(); got != "$(MY_DB_SERVICE_HOST):$(MY_DB_SERVICE_PORT_HTTP_X) " {
		t.Error(got)
	}
}

func TestResourcesAndOOM(t *testing.T) {
	b, pod := builder(), testPod()
	r := b.Resources(pod, &pod.Spec.Containers[0])
	if r.CpuShares != 256 || r.CpuQuota != 0 || r.MemoryLimitInBytes != 3<<29 || r.OomScoreAdj != 750 {
		t.Errorf("%+v", r)
	}
	best := testPod()
	best.Spec.Containers[0].Resources = corev1.ResourceRequirements{}
	if r := b.Resources(best, &best.Spec.Containers[0]); r.CpuShares != 2 || r.OomScoreAdj != 1000 || QOS(best) != corev1.PodQOSBestEffort {
		t.Errorf("%+v", r)
	}
	list := corev1.ResourceList{"cpu": resource.MustParse("5m"), "memory": resource.MustParse("1Gi")}
	best.Spec.Containers[0].Resources = corev1.ResourceRequirements{Requests: list, Limits: list}
	if r := b.Resources(best, &best.Spec.Containers[0]); r.CpuShares != 5 || r.CpuQuota != 1000 || r.OomScoreAdj != -997 || QOS(best) != corev1.PodQOSGuaranteed {
		t.Errorf("%+v", r)
	}
}

func TestDNSPolicies(t *testing.T) {
	b := builder()
	b.ResolvConf = filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(b.ResolvConf, []byte("nameserver 192.0.2.53\nsearch example.org\noptions rotate\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	five := "7"
	for _, c := range []struct {
		policy corev1.DNSPolicy
		host   bool
		want   string
	}{
		{corev1.DNSClusterFirst, false, "10.96.0.10|ns.svc.cluster.local svc.cluster.local cluster.local example.org x|ndots:7"},
		{corev1.DNSClusterFirst, true, "192.0.2.53|example.org x|rotate ndots:7"},
		{corev1.DNSClusterFirstWithHostNet, true, "10.96.0.10|ns.svc.cluster.local svc.cluster.local cluster.local example.org x|ndots:7"},
		{corev1.DNSDefault, false, "192.0.2.53|example.org x|rotate ndots:7"},
		{corev1.DNSNone, false, "|x|ndots:7"},
	} {
		pod := testPod()
		pod.Spec.DNSPolicy, pod.Spec.HostNetwork = c.policy, c.host
		pod.Spec.DNSConfig = &corev1.PodDNSConfig{Searches: []string{"x"}, Options: []corev1.PodDNSConfigOption{{Name: "ndots", Value: &five}}}
		d, err := b.DNS(pod)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(d.Servers, " ") + "|" + strings.Join(d.Searches, " ") + "|" + strings.Join(d.Options, " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.policy, got, c.want)
		}
	}
}

func TestHostsAndHostname(t *testing.T) {
	b, pod := builder(), testPod()
	pod.Spec.Subdomain = "web"
	pod.Spec.HostAliases = []corev1.HostAlias{{IP: "192.0.2.9", Hostnames: []string{"a", "b"}}}
	text, err := b.Hosts(pod, []string{"10.0.0.1"})
	if err != nil || !strings.Contains(string(text), "\n10.0.0.1\tweb-0.web.ns.svc.cluster.local\tweb-0\n") || !strings.Contains(string(text), "\n192.0.2.9\ta\tb\n") || !strings.HasPrefix(string(text), "# Kubernetes-managed hosts file.\n") {
		t.Errorf("%s, %v", text, err)
	}
	yes := true
	pod.Spec.SetHostnameAsFQDN = &yes
	if name, _, _ := b.Hostname(pod); name != "web-0.web.ns.svc.cluster.local" {
		t.Error(name)
	}
	pod.Name = strings.Repeat("x", 60)
	if _, _, err := b.Hostname(pod); err == nil {
		t.Error("a name of more than 64 bytes is taken")
	}
}

func TestNonRoot(t *testing.T) {
	b, pod := builder(), testPod()
	yes, zero := true, int64(0)
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: &yes}
	c := &pod.Spec.Containers[0]
	for want, image := range map[string]*runtimeapi.Image{
		"image will run as root":            {Uid: &runtimeapi.Int64Value{}},
		"image has non-numeric user (web),": {Username: "web"},
		"":                                  {Uid: &runtimeapi.Int64Value{Value: 5}},
	} {
		s, err := b.security(pod, c, image)
		if want == "" {
			if err != nil || s.RunAsUser.Value != 5 {
				t.Errorf("%+v, %v", s, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) || !IsConfigError(err) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	c.SecurityContext = &corev1.SecurityContext{RunAsUser: &zero}
	if _, err := b.security(pod, c, &runtimeapi.Image{}); err == nil || !strings.Contains(err.Error(), "runAsUser breaks non-root policy") {
		t.Error(err)
	}
}

func TestSecurity(t *testing.T) {
	b, pod := builder(), testPod()
	no, outside := false, "../../etc/x"
	gid := int64(7)
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{FSGroup: &gid, SupplementalGroups: []int64{8}, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}}
	c := &pod.Spec.Containers[0]
	c.SecurityContext = &corev1.SecurityContext{AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: []corev1.Capability{"NET_ADMIN"}}}
	s, err := b.security(pod, c, &runtimeapi.Image{})
	if err != nil || !s.NoNewPrivs || s.Seccomp.ProfileType != runtimeapi.SecurityProfile_RuntimeDefault || len(s.MaskedPaths) == 0 ||
		s.SupplementalGroups[0] != 7 || s.SupplementalGroups[1] != 8 || s.Capabilities.DropCapabilities[0] != "ALL" {
		t.Errorf("%+v, %v", s, err)
	}
	// A profile outside the directory of profiles is not read.
	c.SecurityContext.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeLocalhost, LocalhostProfile: &outside}
	if s, _ := b.security(pod, c, &runtimeapi.Image{}); s.Seccomp.ProfileType != runtimeapi.SecurityProfile_RuntimeDefault {
		t.Errorf("%+v", s.Seccomp)
	}
}
