package catalog

import (
	"strings"
	"testing"
)

const (
	claim  = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: c}\nspec: "
	volume = "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: v}\nspec: "
)

func TestVolumeRules(t *testing.T) {
	rules(t, "", map[string]rule{
		"claim":                     {"", claim + "{accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}", nil},
		"claim without access mode": {"", claim + "{resources: {requests: {storage: 1Gi}}}", []string{`spec.accessModes: Required value: at least 1 access mode is required`}},
		"claim of a pod alone and of others": {"", claim + "{accessModes: [ReadWriteOnce, ReadWriteOncePod], resources: {requests: {storage: 1Gi}}}",
			[]string{`spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes`}},
		"claim of nothing":      {"", claim + "{accessModes: [ReadWriteOnce]}", []string{`spec.resources[storage]: Required value`}},
		"claim of zero":         {"", claim + "{accessModes: [ReadWriteOnce], resources: {requests: {storage: 0}}}", []string{`spec.resources[storage]: Invalid value: "0": must be greater than zero`}},
		"claim from two places": {"", claim + "{accessModes: [ReadWriteOnce], resources: {requests: {storage: 1}}, dataSource: {kind: PersistentVolumeClaim, name: a}, dataSourceRef: {kind: PersistentVolumeClaim, name: b}}", []string{`spec: Invalid value: {}: must match dataSourceRef`}},
		"claim from a config map": {"", claim + "{accessModes: [ReadWriteOnce], resources: {requests: {storage: 1}}, dataSourceRef: {kind: ConfigMap, name: a}}",
			[]string{`spec.dataSource: Invalid value: "ConfigMap": must be 'PersistentVolumeClaim' when referencing the default apiGroup`,
				`spec.dataSourceRef: Invalid value: "ConfigMap": must be 'PersistentVolumeClaim' when referencing the default apiGroup`}},
		"claim changed": {claim + "{accessModes: [ReadWriteOnce], resources: {requests: {storage: 1}}}", claim + "{accessModes: [ReadWriteMany], resources: {requests: {storage: 1}}}",
			[]string{"spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n" +
				"@@ -1,6 +1,6 @@\n {\n  \"AccessModes\": [\n-  \"ReadWriteOnce\"\n+  \"ReadWriteMany\"\n  ],\n  \"Selector\": null,\n  \"Resources\": {\n"}},
		"volume":                  {"", volume + "{capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /a}}", nil},
		"volume of nothing":       {"", volume + "{capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce]}", []string{`spec: Required value: must specify a volume type`}},
		"volume of no size":       {"", volume + "{accessModes: [ReadWriteOnce], hostPath: {path: /a}}", []string{`spec.capacity: Required value`, `spec.capacity: Unsupported value: null: supported values: "storage"`}},
		"the host's own root":     {"", volume + "{capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], persistentVolumeReclaimPolicy: Recycle, hostPath: {path: /}}", []string{"spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"}},
		"local volume of no node": {"", volume + "{capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], local: {path: /a}}", []string{`spec.nodeAffinity: Required value: Local volume requires node affinity`}},
		"volume's source changed": {volume + "{capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /a}}", volume + "{capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /b}}",
			[]string{"spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n@@ "}},
		"volume grown": {volume + "{capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /a}}", volume + "{capacity: {storage: 2Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /a}}", nil},
	})
	bound := "\nstatus: {phase: Bound, capacity: {storage: 2}}"
	// A status is kept, so that these claims are compared as they are.
	for name, c := range map[string]rule{
		"bound claim grows":   {claim + "{accessModes: [ReadWriteOnce], storageClassName: s, volumeName: v, resources: {requests: {storage: 1}}}" + bound, claim + "{accessModes: [ReadWriteOnce], storageClassName: s, volumeName: v, resources: {requests: {storage: 2}}}" + bound, nil},
		"bound claim shrinks": {claim + "{accessModes: [ReadWriteOnce], storageClassName: s, volumeName: v, resources: {requests: {storage: 2}}}" + bound, claim + "{accessModes: [ReadWriteOnce], storageClassName: s, volumeName: v, resources: {requests: {storage: 1}}}" + bound, []string{"spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"}},
	} {
		t.Run(name, func(t *testing.T) {
			old, r := decode(t, []byte(c.before))
			o, _ := decode(t, []byte(c.after))
			compare(t, texts(r.ValidateUpdate(o, old)), c.want)
		})
	}
}

const (
	storageClass = "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: s}\n"
	csiDriver    = "apiVersion: storage.k8s.io/v1\nkind: CSIDriver\nmetadata: {name: d}\nspec: "
	attachment   = "apiVersion: storage.k8s.io/v1\nkind: VolumeAttachment\nmetadata: {name: a}\nspec: "
)

func TestStorageRules(t *testing.T) {
	rules(t, "", map[string]rule{
		"class of nothing": {"", storageClass, []string{`provisioner: Required value`}},
		"topologies": {"", storageClass + "provisioner: p\nallowedTopologies: [{matchLabelExpressions: [{key: a, values: []}]}, {matchLabelExpressions: [{key: z, values: [b, b]}]}, {matchLabelExpressions: [{key: z, values: [b]}]}]",
			[]string{`allowedTopologies[0].matchLabelExpressions[0].values: Required value`, `allowedTopologies[1].matchLabelExpressions[0].values[1]: Duplicate value: "b"`, `allowedTopologies[2].matchLabelExpressions: Duplicate value: ""`}},
		"attachment changed": {attachment + "{attacher: a, nodeName: n, source: {persistentVolumeName: v}}", attachment + "{attacher: a, nodeName: m, source: {persistentVolumeName: v}}", []string{`spec: Invalid value: null: field is immutable`}},
		"class changed": {storageClass + "provisioner: p\nparameters: {a: b}", storageClass + "provisioner: q\nparameters: {a: c}",
			[]string{`parameters: Invalid value: null: field is immutable`, `provisioner: Invalid value: null: field is immutable`}},
		"driver's tokens": {"", csiDriver + "{nodeAllocatableUpdatePeriodSeconds: 9, fsGroupPolicy: X, tokenRequests: [{audience: a, expirationSeconds: 1}, {audience: a}]}",
			[]string{`spec.fsGroupPolicy: Unsupported value: "X": supported values: "File", "None", "ReadWriteOnceWithFSType"`,
				`spec.tokenRequests[0].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes`, `spec.tokenRequests[1].audience: Duplicate value: "a"`,
				`spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: must be greater than or equal to 10 seconds`}},
		"attachment of nothing": {"", attachment + "{attacher: a.b, nodeName: n}", []string{`spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName`}},
		"attacher that is long": {"", attachment + "{attacher: " + strings.Repeat("A", 64) + ", nodeName: n, source: {persistentVolumeName: v}}", []string{`spec.attacher: Too long: may not be more than 63 characters`}},
		"topologies of nothing": {"", storageClass + "provisioner: p\nallowedTopologies: [{matchLabelExpressions: [{key: a, values: [b]}]}, {}]", []string{`allowedTopologies[1].matchLabelExpressions: Duplicate value: ""`}},
		"driver's secrets":      {"", csiDriver + "{serviceAccountTokenInSecrets: true}", []string{`spec.serviceAccountTokenInSecrets: Invalid value: true: serviceAccountTokenInSecrets is set but no tokenRequests are specified`}},
		"attacher":              {"", attachment + "{attacher: a b, nodeName: n, source: {persistentVolumeName: V}}", []string{`spec.attacher: Invalid value: "a b": an RFC 1123 subdomain`, `spec.source.persistentVolumeName: Invalid value: "V": a lowercase`}},
		"attributes changed":    {"apiVersion: storage.k8s.io/v1\nkind: VolumeAttributesClass\nmetadata: {name: v}\ndriverName: a\nparameters: {a: b}", "apiVersion: storage.k8s.io/v1\nkind: VolumeAttributesClass\nmetadata: {name: v}\ndriverName: a\nparameters: {a: c}", []string{`parameters: Forbidden: updates to parameters are forbidden.`}},
	})
}

// What drivers tell of the health of storage (KEP-1432).
func TestStorageHealthRules(t *testing.T) {
	const node = "apiVersion: storage.k8s.io/v1\nkind: CSINode\nmetadata: {name: n}\nspec: {drivers: []}\n"
	told := func(health string) string { return node + "status: {storageHealth: " + health + "}" }
	rules(t, "status", map[string]rule{
		"healthy":   {node, told("[{name: d.example.com}]"), nil},
		"condition": {node, told("[{name: d, healthConditions: [{status: StorageDegraded, reason: Slow, accessMode: ReadWriteOnce, volumeMode: Block}]}]"), nil},
		"told twice": {node, told("[{name: d}, {name: d}]"),
			[]string{`status.storageHealth[1]: Duplicate value: "d"`}},
		"nameless": {node, told("[{name: ''}]"), []string{`status.storageHealth[0].name: Required value`}},
		"unknown": {node, told("[{name: d, healthConditions: [{status: Bad, reason: a b, accessMode: X, volumeMode: Disk}, {status: StorageUnreachable}]}]"), []string{
			`status.storageHealth[0].healthConditions[0].status: Unsupported value: "Bad": supported values: "StorageDegraded", "StorageUnreachable"`,
			`status.storageHealth[0].healthConditions[0].reason: Invalid value: "a b"`,
			`status.storageHealth[0].healthConditions[0].accessMode: Unsupported value: "X": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"`,
			`status.storageHealth[0].healthConditions[0].volumeMode: Unsupported value: "Disk": supported values: "Filesystem", "Block"`,
			`status.storageHealth[0].healthConditions[1].reason: Required value`,
		}},
	})
}
