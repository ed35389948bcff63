package cluster

import (
	"slices"
	"strings"
	"testing"

	"minke/cluster/options"
)

// TestPlugIns holds the defaults of the table to those of Kubernetes v1.37.
func TestPlugIns(t *testing.T) {
	var byDefault, all []string
	for _, p := range plugIns {
		if p.name == "" {
			continue
		}
		all = append(all, p.name)
		if p.byDefault {
			byDefault = append(byDefault, p.name)
		}
	}
	want := strings.Fields(`NamespaceLifecycle LimitRanger ServiceAccount NodeRestriction TaintNodesByCondition PodSecurity Priority
		DefaultTolerationSeconds DefaultStorageClass StorageObjectInUseProtection PodGroupProtection PersistentVolumeClaimResize
		RuntimeClass CertificateApproval CertificateSigning ClusterTrustBundleAttest CertificateSubjectRestriction
		DefaultIngressClass DenyServiceExternalIPs PodTopologyLabels PodGroupWorkloadExists NodeDeclaredFeatureValidator
		JobValidation PodResizeValidator MutatingAdmissionPolicy MutatingAdmissionWebhook ValidatingAdmissionPolicy
		ValidatingAdmissionWebhook ResourceQuota`)
	if !slices.Equal(byDefault, want) {
		t.Errorf("on by default are\n%v\nwant\n%v", byDefault, want)
	}
	if slices.Sort(all); len(slices.Compact(all)) != len(byDefault)+12 {
		t.Errorf("%d plug-ins are known: %v", len(all), all)
	}
}

func TestAdmissionOptions(t *testing.T) {
	table := []plugIn{
		{"A", on, simple("a")}, {"B", off, simple("b")}, {"", on, simple("always")}, {"Later", off, nil}, {"Soon", on, nil},
	}
	for _, c := range []struct {
		name    string
		o       options.Admission
		config  string
		want    string
		refused string
	}{
		{name: "defaults", want: "a always"},
		{name: "all", o: options.Admission{Enable: []string{"B", "A"}}, want: "a b always"},
		{name: "none", o: options.Admission{Disable: []string{"A"}}, want: "always"},
		{name: "unknown", o: options.Admission{Enable: []string{"X"}}, refused: `--enable-admission-plugins: plugin "X" is unknown`},
		{name: "unknown to disable", o: options.Admission{Disable: []string{"X"}}, refused: `--disable-admission-plugins: plugin "X" is unknown`},
		{name: "unknown in the file", config: "X", refused: `--admission-control-config-file: plugin "X" is unknown`},
		{name: "both", o: options.Admission{Enable: []string{"A"}, Disable: []string{"A"}}, refused: "overlapped"},
		{name: "nothing behind it", o: options.Admission{Enable: []string{"Later"}}, refused: "not available"},
	} {
		parts := &plugInParts{options: &options.Admission{}}
		if c.config != "" {
			parts.config = map[string][]byte{c.config: nil}
		}
		chain, err := chain(&c.o, table, parts)
		var got []string
		for _, p := range chain {
			got = append(got, p.(string))
		}
		if strings.Join(got, " ") != c.want || (err == nil) != (c.refused == "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%s: %v (%v), want %q, refused %q", c.name, got, err, c.want, c.refused)
		}
	}
}
