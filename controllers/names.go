package controllers

import (
	"fmt"
	"slices"
	"strings"
)

// names are the controllers of Kubernetes' controller manager as
// --controllers calls them, by what each is called here: its name, and after it
// the one that older releases had. Several of theirs may be one here.
var names = map[string][][]string{
	"attributesclass-protection": {{"volumeattributesclass-protection-controller"}},
	"certificates": {
		{"certificatesigningrequest-signing-controller", "csrsigning"},
		{"certificatesigningrequest-approving-controller", "csrapproving"},
		{"certificatesigningrequest-cleaner-controller", "csrcleaner"},
	},
	"clusterrole-aggregation":       {{"clusterrole-aggregation-controller", "clusterrole-aggregation"}},
	"clustertrustbundle-publisher":  {{"kube-apiserver-serving-clustertrustbundle-publisher-controller"}},
	"cronjob":                       {{"cronjob-controller", "cronjob"}},
	"daemonset":                     {{"daemonset-controller", "daemonset"}},
	"deployment":                    {{"deployment-controller", "deployment"}},
	"device-taint-eviction":         {{"device-taint-eviction-controller"}},
	"disruption":                    {{"disruption-controller", "disruption"}},
	"endpoints":                     {{"endpoints-controller", "endpoint"}},
	"endpointslice":                 {{"endpointslice-controller", "endpointslice"}},
	"endpointslice-mirroring":       {{"endpointslice-mirroring-controller", "endpointslicemirroring"}},
	"garbage-collector":             {{"garbage-collector-controller", "garbagecollector"}},
	"job":                           {{"job-controller", "job"}},
	"namespace":                     {{"namespace-controller", "namespace"}},
	"node-ipam":                     {{"node-ipam-controller", "nodeipam"}},
	"node-lifecycle":                {{"node-lifecycle-controller", "nodelifecycle"}},
	"persistentvolume":              {{"persistentvolume-binder-controller", "persistentvolume-binder"}},
	"pod-garbage-collector":         {{"pod-garbage-collector-controller", "podgc"}},
	"podcertificaterequest-cleaner": {{"podcertificaterequest-cleaner-controller"}},
	"replicaset":                    {{"replicaset-controller", "replicaset"}},
	"replicationcontroller":         {{"replicationcontroller-controller", "replicationcontroller"}},
	"resourcequota":                 {{"resourcequota-controller", "resourcequota"}},
	"root-ca":                       {{"root-ca-certificate-publisher-controller", "root-ca-cert-publisher"}},
	"serviceaccount":                {{"serviceaccount-controller", "serviceaccount"}},
	"serviceaccount-token":          {{"serviceaccount-token-controller", "serviceaccount-token"}},
	"servicecidr":                   {{"service-cidr-controller"}},
	"statefulset":                   {{"statefulset-controller", "statefulset"}},
	"storage-version-migrator":      {{"storage-version-migrator-controller"}},
	"taint-eviction":                {{"taint-eviction-controller"}},
	"ttl-after-finished":            {{"ttl-after-finished-controller", "ttl-after-finished"}},
	"volume-protection": {
		{"persistentvolumeclaim-protection-controller", "pvc-protection"},
		{"persistentvolume-protection-controller", "pv-protection"},
	},
}

// absent are those that Kubernetes has and Minke has not, or has in another part:
// to name them changes nothing.
var absent = []string{
	"bootstrap-signer-controller", "bootstrapsigner", "cloud-node-lifecycle-controller", "cloud-node-lifecycle",
	"ephemeral-volume-controller", "ephemeral-volume", "horizontal-pod-autoscaler-controller", "horizontalpodautoscaling",
	"legacy-serviceaccount-token-cleaner-controller", "legacy-service-account-token-cleaner", "node-route-controller", "route",
	"persistentvolume-attach-detach-controller", "attachdetach", "persistentvolume-expander-controller", "persistentvolume-expander",
	"podgroup-protection-controller", "resourceclaim-controller", "resource-claim-controller", "resourcepoolstatusrequest-controller",
	"selinux-warning-controller", "service-lb-controller", "service", "storageversion-garbage-collector-controller", "storage-version-gc",
	"token-cleaner-controller", "tokencleaner", "ttl-controller", "ttl", "validatingadmissionpolicy-status-controller",
}

// Choice says which controllers run, as --controllers of kube-controller-manager
// does: "*" for all, NAME for one, -NAME for all but one. Of none, all run.
type Choice []string

// Check refuses names that are not known, and choices that cannot be made.
func (c Choice) Check() error {
	for _, name := range c {
		name = strings.TrimPrefix(name, "-")
		if name != "*" && !known(name) {
			return fmt.Errorf("%q is not in the list of known controllers", name)
		}
	}
	for here, theirs := range names {
		on := c.names(theirs[0])
		for _, other := range theirs[1:] {
			if c.names(other) != on {
				return fmt.Errorf("%s and %s are one controller (%s), which runs or does not", theirs[0][0], other[0], here)
			}
		}
	}
	return nil
}

func known(name string) bool {
	if slices.Contains(absent, name) {
		return true
	}
	for _, theirs := range names {
		if slices.ContainsFunc(theirs, func(all []string) bool { return slices.Contains(all, name) }) {
			return true
		}
	}
	return false
}

// runs tells whether the controller of that name here runs. Those that Kubernetes
// has not in its controller manager always do.
func (c Choice) runs(name string) bool {
	theirs, ok := names[name]
	return !ok || c.names(theirs[0])
}

// names tells whether the controller with these names is chosen: the first word
// about it counts, and "*" for those that nothing names.
func (c Choice) names(all []string) bool {
	for _, word := range c {
		if slices.Contains(all, word) {
			return true
		}
		if name, ok := strings.CutPrefix(word, "-"); ok && slices.Contains(all, name) {
			return false
		}
	}
	return len(c) == 0 || slices.Contains(c, "*")
}
