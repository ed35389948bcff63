package untagged

import (
	"encoding/json"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestOf(t *testing.T) {
	three, indexes := int32(3), "0-1"
	port := intstr.FromString("http")
	term := corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "key", Operator: "In", Values: []string{"<a>"}}}}
	termText := `{"MatchExpressions":[{"Key":"key","Operator":"In","Values":["\u003ca\u003e"]}],"MatchFields":null}`
	meta := metav1.ObjectMeta{Name: "n", Labels: map[string]string{"b": "c", "a": "d"}}
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"nothing":             {nil, `null`},
		"nil pointer":         {(*batchv1.SuccessPolicy)(nil), `null`},
		"text":                {"a", `"a"`},
		"list of text":        {[]string{"a"}, `["a"]`},
		"struct":              {term, termText},
		"pointer":             {&term, termText},
		"list":                {[]corev1.NodeSelectorTerm{term}, `[` + termText + `]`},
		"map":                 {map[string]corev1.NodeSelectorTerm{"b": term, "a": {}}, `{"a":{"MatchExpressions":null,"MatchFields":null},"b":` + termText + `}`},
		"pointers within":     {batchv1.SuccessPolicyRule{SucceededIndexes: &indexes, SucceededCount: &three}, `{"SucceededIndexes":"0-1","SucceededCount":3}`},
		"own form":            {corev1.TCPSocketAction{Port: port}, `{"Port":"http","Host":""}`},
		"quantities":          {corev1.ResourceList{"cpu": resource.MustParse("1000m")}, `{"cpu":"1"}`},
		"bytes":               {appsv1.ControllerRevision{}.Data.Raw, `null`},
		"a selector has tags": {metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}, `{"matchLabels":{"a":"b"}}`},
		"tags within":         {corev1.PodAffinityTerm{LabelSelector: &metav1.LabelSelector{}}.LabelSelector, `{}`},
		"metadata embedded": {
			corev1.PersistentVolumeClaimTemplate{ObjectMeta: meta, Spec: corev1.PersistentVolumeClaimSpec{VolumeName: "v"}},
			`{"name":"n","labels":{"a":"d","b":"c"},"Spec":{"AccessModes":null,"Selector":null,"Resources":{"Limits":null,"Requests":null},"VolumeName":"v","StorageClassName":null,"VolumeMode":null,"DataSource":null,"DataSourceRef":null,"VolumeAttributesClassName":null}}`,
		},
		"nothing embedded": {
			corev1.PersistentVolumeClaimTemplate{},
			`{"Spec":{"AccessModes":null,"Selector":null,"Resources":{"Limits":null,"Requests":null},"VolumeName":"","StorageClassName":null,"VolumeMode":null,"DataSource":null,"DataSourceRef":null,"VolumeAttributesClassName":null}}`,
		},
		"no kind, fields embedded": {
			corev1.PersistentVolumeClaim{TypeMeta: metav1.TypeMeta{Kind: "K"}}.Status.ModifyVolumeStatus, `null`,
		},
		"embedded twice": {
			corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "n"}}, `{"Name":"n","Optional":null}`,
		},
		"container before target": {
			autoscalingv2.ContainerResourceMetricStatus{Name: "cpu", Container: "c"},
			`{"Name":"cpu","Container":"c","Current":{"Value":null,"AverageValue":null,"AverageUtilization":null}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			value := c.value
			if v, ok := Of(value); ok {
				value = v
			}
			got, err := json.Marshal(value)
			if err != nil || string(got) != c.want {
				t.Errorf("got %s, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

// TestPodSpec: the fields that were once part of the security context of
// Kubernetes' internal type are in place.
func TestPodSpec(t *testing.T) {
	text, err := Indented(&corev1.PodSpec{SecurityContext: &corev1.PodSecurityContext{}, HostNetwork: true, DeprecatedServiceAccount: "a"})
	if err != nil {
		t.Fatal(err)
	}
	want := ` "ServiceAccountName": "",
 "DeprecatedServiceAccount": "a",
 "AutomountServiceAccountToken": null,
 "NodeName": "",
 "HostNetwork": true,
 "HostPID": false,
 "HostIPC": false,
 "ShareProcessNamespace": null,
 "SecurityContext": {
  "SELinuxOptions": null,
`
	if !strings.Contains(text, want) {
		t.Errorf("got %s", text)
	}
}

// TestContainerFirst: the types that are put in another order are as their order
// takes them to be.
func TestContainerFirst(t *testing.T) {
	for kind := range containerFirst {
		if kind.NumField() != 3 || kind.Field(0).Name != "Name" || kind.Field(2).Name != "Container" {
			t.Errorf("%s has other fields", kind)
		}
	}
}
