package catalog

import (
	"slices"
	"strings"
	"testing"

	"minke/api/feature"
)

func TestParseChoice(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "",
		"api/all=true":                  "",
		"api/beta=true,api/alpha=false": "",
		"v1=true,api/v1=true":           "",
		"resource.k8s.io/v1beta1":       "",
		"resource.k8s.io/v1beta1/deviceclasses=true": "",
		"api/all=false":                    "invalid runtime-config with only api/all=false",
		"api/all=yes":                      "invalid value api/all=yes",
		"a.b/v1=true":                      "unknown api groups a.b/v1",
		"resource.k8s.io/v7=true":          "group version resource.k8s.io/v7 that has not been registered",
		"resource.k8s.io/v1beta1=1x":       "invalid value of resource.k8s.io/v1beta1: 1x",
		"resource.k8s.io=true":             "runtime-config invalid key resource.k8s.io",
		"resource.k8s.io/v1/DeviceClasses": "resource is always lowercase plural",
	} {
		_, err := ParseChoice(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestServe(t *testing.T) {
	for _, c := range []struct {
		choice, gates string
		// with and without are versions of resources that are and are not served.
		with, without string
	}{
		{"", "", "resource.k8s.io/v1/deviceclasses apps/v1/deployments apps/v1beta1/deployments certificates.k8s.io/v1/clustertrustbundles certificates.k8s.io/v1/podcertificaterequests resource.k8s.io/v1/devicetaintrules storagemigration.k8s.io/v1/storageversionmigrations",
			"certificates.k8s.io/v1beta1/clustertrustbundles storagemigration.k8s.io/v1beta1/storageversionmigrations scheduling.k8s.io/v1beta1/workloads resource.k8s.io/v1beta1/deviceclasses coordination.k8s.io/v1beta1/leasecandidates"},
		{"api/beta=true", "", "certificates.k8s.io/v1beta1/clustertrustbundles resource.k8s.io/v1beta1/deviceclasses resource.k8s.io/v1beta2/resourceslices admissionregistration.k8s.io/v1beta1/mutatingadmissionpolicies",
			"coordination.k8s.io/v1beta1/leasecandidates admissionregistration.k8s.io/v1alpha1/mutatingadmissionpolicies"},
		{"api/beta=true", "AllBeta=true", "certificates.k8s.io/v1beta1/clustertrustbundles coordination.k8s.io/v1beta1/leasecandidates", "scheduling.k8s.io/v1alpha3/workloads"},
		{"certificates.k8s.io/v1=false", "", "resource.k8s.io/v1/devicetaintrules", "certificates.k8s.io/v1/clustertrustbundles"},
		{"scheduling.k8s.io/v1beta1=true", "GenericWorkload=true", "scheduling.k8s.io/v1beta1/workloads scheduling.k8s.io/v1beta1/podgroups", "scheduling.k8s.io/v1alpha3/workloads"},
		{"api/all=true,resource.k8s.io/v1beta1=false,resource.k8s.io/v1beta1/deviceclasses=true", "AllAlpha=true,AllBeta=true",
			"scheduling.k8s.io/v1alpha3/workloads resource.k8s.io/v1beta1/deviceclasses internal.apiserver.k8s.io/v1alpha1/storageversions",
			"resource.k8s.io/v1beta1/resourceslices"},
		{"resource.k8s.io/v1alpha3=true", "AllBeta=true", "resource.k8s.io/v1alpha3/devicetaintrules", "resource.k8s.io/v1beta2/devicetaintrules resource.k8s.io/v1alpha3/resourcepoolstatusrequests"},
		{"batch/v1/cronjobs=false", "", "batch/v1/jobs", "batch/v1/cronjobs"},
	} {
		choice, err := ParseChoice(c.choice)
		if err != nil {
			t.Fatal(err)
		}
		gates, err := feature.Parse(c.gates)
		if err != nil {
			t.Fatal(err)
		}
		var served []string
		for _, r := range Serve(choice, gates) {
			if !r.Unserved {
				served = append(served, r.Kind.GroupVersion().String()+"/"+r.Plural)
			}
			for _, v := range r.Also {
				served = append(served, v.Kind.GroupVersion().String()+"/"+r.Plural)
			}
		}
		for name := range strings.FieldsSeq(c.with) {
			if !slices.Contains(served, name) {
				t.Errorf("%q %q: %s is not served", c.choice, c.gates, name)
			}
		}
		for name := range strings.FieldsSeq(c.without) {
			if slices.Contains(served, name) {
				t.Errorf("%q %q: %s is served", c.choice, c.gates, name)
			}
		}
	}
}

// everything is all that can be served.
func everything(t testing.TB) (Choice, feature.Gates) {
	t.Helper()
	choice, err := ParseChoice("api/all=true")
	if err != nil {
		t.Fatal(err)
	}
	gates, err := feature.Parse("AllAlpha=true,AllBeta=true")
	if err != nil {
		t.Fatal(err)
	}
	return choice, gates
}
