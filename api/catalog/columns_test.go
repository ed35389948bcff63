package catalog

import "testing"

// TestColumnsAreDescribed: what tables say of their columns, as Kubernetes does.
func TestColumnsAreDescribed(t *testing.T) {
	want := map[string]string{
		"pods Ready":                           "The aggregate readiness state of this pod for accepting traffic.",
		"pods Age":                             "CreationTimestamp is a timestamp representing the server time when this object was created.",
		"deployments.apps Ready":               "Number of the pod with ready state",
		"nodes Roles":                          "The roles of the node",
		"configmaps Data":                      "Data contains the configuration data.",
		"cronjobs.batch Schedule":              "The schedule in Cron format",
		"servicecidrs.networking.k8s.io CIDRs": "cidrs defines the IP blocks in CIDR notation",
	}
	for _, r := range Resources() {
		for _, c := range r.Columns {
			if c.Description == "" {
				t.Errorf("column %s of %s is not described: %q", c.Name, r.GroupResource(), c.Description)
			}
			key := r.GroupResource().String() + " " + c.Name
			if text, ok := want[key]; ok && (len(c.Description) < len(text) || c.Description[:len(text)] != text) {
				t.Errorf("%s: %q, want %q…", key, c.Description, text)
			}
			delete(want, key)
		}
	}
	for key := range want {
		t.Errorf("there is no column %s", key)
	}
}
