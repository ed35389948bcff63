package catalog

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"minke/api"
)

const (
	pod        = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: default}\nspec: "
	service    = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: "
	deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: "
	okTemplate = "template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}"
)

// TestValidate compares the complaints about an object that is to be created.
func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		manifest string
		// want are the errors, as the API's answer lists them.
		want []string
	}{
		"pod":                    {pod + "{containers: [{name: c, image: i}]}", nil},
		"pod without containers": {pod + "{}", []string{`spec.containers: Required value`}},
		"container without image and name": {pod + "{containers: [{}]}",
			[]string{`spec.containers[0].name: Required value`, `spec.containers[0].image: Required value`}},
		"two containers of one name": {pod + "{containers: [{name: c, image: i}, {name: c, image: i}]}",
			[]string{`spec.containers[1].name: Duplicate value: "c"`}},
		"mount of no volume": {pod + "{containers: [{name: c, image: i, volumeMounts: [{name: v, mountPath: /v}]}]}",
			[]string{`spec.containers[0].volumeMounts[0].name: Not found: "v"`}},
		"sub path that climbs": {pod + "{volumes: [{name: v}], containers: [{name: c, image: i, volumeMounts: [{name: v, mountPath: /v, subPath: ../x}]}]}",
			[]string{`spec.containers[0].volumeMounts.subPath: Invalid value: "../x": must not contain '..'`}},
		"request above limit": {pod + "{containers: [{name: c, image: i, resources: {limits: {cpu: 1}, requests: {cpu: 2}}}]}",
			[]string{`spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`}},
		"unknown restart policy": {pod + "{restartPolicy: Sometimes, containers: [{name: c, image: i}]}",
			[]string{`spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"`}},
		"port out of range": {pod + "{containers: [{name: c, image: i, ports: [{containerPort: 65536}]}]}",
			[]string{`spec.containers[0].ports[0].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive`}},
		"probe without handler": {pod + "{containers: [{name: c, image: i, livenessProbe: {}}]}",
			[]string{`spec.containers[0].livenessProbe: Required value: must specify a handler type`}},
		"two volume sources": {pod + "{volumes: [{name: v, emptyDir: {}, hostPath: {path: /}}], containers: [{name: c, image: i}]}",
			[]string{`spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type`}},
		"sysctl on the host's network": {pod + "{hostNetwork: true, securityContext: {sysctls: [{name: net.core.somaxconn, value: '1'}]}, containers: [{name: c, image: i}]}",
			[]string{`spec.securityContext.sysctls[0].name: Invalid value: "net.core.somaxconn": may not be specified when 'hostNetwork' is true`}},
		"another port on the host's network": {pod + "{hostNetwork: true, containers: [{name: c, image: i, ports: [{containerPort: 80, hostPort: 81}]}]}",
			[]string{"spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true"}},
		"ephemeral on create": {pod + "{containers: [{name: c, image: i}], ephemeralContainers: [{name: e, image: i}]}",
			[]string{`spec.ephemeralContainers: Forbidden: cannot be set on create`}},
		"dns none without servers": {pod + "{dnsPolicy: None, containers: [{name: c, image: i}]}",
			[]string{"spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"}},
		"service":                {service + "{ports: [{port: 80}]}", nil},
		"service without ports":  {service + "{}", []string{`spec.ports: Required value`}},
		"headless without ports": {service + "{clusterIP: None}", nil},
		"two ports unnamed": {service + "{ports: [{port: 80}, {port: 81}]}",
			[]string{`spec.ports[0].name: Required value`, `spec.ports[1].name: Required value`}},
		"external name with upper case": {service + "{type: ExternalName, externalName: A}", []string{`spec.externalName: Invalid value: "A": a lowercase RFC 1123 subdomain`}},
		"external loopback": {service + "{ports: [{port: 80}], externalIPs: [127.0.0.1]}",
			[]string{`spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)`}},
		"deployment": {deployment + "{selector: {matchLabels: {a: b}}, " + okTemplate + "}", nil},
		"deployment that selects others": {deployment + "{selector: {matchLabels: {x: y}}, " + okTemplate + "}",
			[]string{"spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`"}},
		"deployment without selector": {deployment + "{" + okTemplate + "}", []string{`spec.selector: Required value`,
			"spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`"}},
		"job that always restarts": {"apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {template: {spec: {containers: [{name: c, image: i}]}}}",
			[]string{`spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"`}},
		"schedule of four fields": {"apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: j}\nspec: {schedule: '* * * *', jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}",
			[]string{`spec.schedule: Invalid value: "* * * *": expected exactly 5 fields, found 4: [* * * *]`}},
		"config map key": {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a/b: c}",
			[]string{`data[a/b]: Invalid value: "a/b": a valid config key must consist of alphanumeric characters`}},
		"role without verbs": {"apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r}\nrules: [{apiGroups: [''], resources: [pods]}]",
			[]string{`rules[0].verbs: Required value`}},
		"flow schema": {"apiVersion: flowcontrol.apiserver.k8s.io/v1\nkind: FlowSchema\nmetadata: {name: f}\nspec: {matchingPrecedence: 1, priorityLevelConfiguration: {name: p}, distinguisherMethod: {type: X}, rules: [{subjects: [{kind: User}], resourceRules: [{verbs: [fly], apiGroups: ['*', a], resources: [pods]}]}]}",
			[]string{
				"spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
				`spec.distinguisherMethod.type: Unsupported value: "X": supported values: "ByNamespace", "ByUser"`,
				"spec.rules[0].subjects[0].user: Required value: user is required when subject kind is 'User'",
				`spec.rules[0].resourceRules[0].verbs: Unsupported value: ["fly"]`,
				`spec.rules[0].resourceRules[0].apiGroups: Invalid value: ["*","a"]: if '*' is present, must not specify other api groups`,
				`spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace`,
			}},
		"priority level": {"apiVersion: flowcontrol.apiserver.k8s.io/v1\nkind: PriorityLevelConfiguration\nmetadata: {name: p}\nspec: {type: Limited, limited: {lendablePercent: 101, limitResponse: {type: Queue, queuing: {queues: 4096, handSize: 8}}}}",
			[]string{
				`spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive`,
				`spec.limited.limitResponse.queuing.handSize: Invalid value: 8: required entropy bits of deckSize 4096 and handSize 8 should not be greater than 60`,
			}},
		"priority level exempt by name alone": {"apiVersion: flowcontrol.apiserver.k8s.io/v1\nkind: PriorityLevelConfiguration\nmetadata: {name: exempt}\nspec: {type: Limited}",
			[]string{`spec.type: Invalid value: "Limited": type must be 'Exempt' if and only if name is 'exempt'`, `spec.limited: Required value: must not be empty when type is Limited`, `spec: Invalid value: {"type":"Limited"}: spec of 'exempt' except the 'spec.exempt' field must equal the fixed value`}},
		"csi node": {"apiVersion: storage.k8s.io/v1\nkind: CSINode\nmetadata: {name: n}\nspec: {drivers: [{name: a.b, nodeID: i, topologyKeys: [k, k]}, {name: a.b}]}",
			[]string{`spec.drivers[0]: Duplicate value: "k"`, `spec.drivers[1].nodeID: Required value`, `spec.drivers[1].name: Duplicate value: "a.b"`}},
		"volume attributes": {"apiVersion: storage.k8s.io/v1\nkind: VolumeAttributesClass\nmetadata: {name: v}\ndriverName: A b",
			[]string{`driverName: Invalid value: "a b": name part must consist of`, `parameters: Required value: must contain at least one key/value pair`}},
		"storage capacity": {"apiVersion: storage.k8s.io/v1\nkind: CSIStorageCapacity\nmetadata: {name: c, namespace: default}\nstorageClassName: s\ncapacity: -1",
			[]string{`capacity: Invalid value: "-1": must be greater than or equal to 0`}},
		"runtime class": {"apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: r}\nhandler: A",
			[]string{`handler: Invalid value: "A": a lowercase RFC 1123 label`}},
		"resource slice": {"apiVersion: resource.k8s.io/v1\nkind: ResourceSlice\nmetadata: {name: r}\nspec: {driver: d, pool: {name: p}, devices: [{name: a}, {name: a}]}",
			[]string{"spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero", "spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required",
				`spec.devices[1]: Duplicate value: "a"`}},
		"device class": {"apiVersion: resource.k8s.io/v1\nkind: DeviceClass\nmetadata: {name: d}\nspec: {selectors: [{}], config: [{}]}",
			[]string{`spec.selectors[0].cel: Required value`, `spec.config[0].opaque: Required value`}},
		"ingress without backend": {"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\nspec: {}",
			[]string{"spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"}},
	} {
		t.Run(name, func(t *testing.T) {
			compare(t, created(t, c.manifest), c.want)
		})
	}
}

// created returns what is wrong with an object that is to be created.
func created(t *testing.T, manifest string) []string {
	t.Helper()
	o, r := decode(t, []byte(manifest))
	r.PrepareForCreate(o)
	return texts(r.Validate(o))
}

// updated returns what is wrong with a change, made by way of a subresource if
// it is named.
func updated(t *testing.T, subresource, before, after string) []string {
	t.Helper()
	old, r := decode(t, []byte(before))
	o, _ := decode(t, []byte(after))
	if subresource != "" {
		sub := r.Subresources[subresource]
		sub.Prepare(o, old)
		if sub.ValidateUpdate == nil {
			return nil
		}
		return texts(sub.ValidateUpdate(o, old))
	}
	r.PrepareForCreate(old)
	r.PrepareForUpdate(o, old)
	return texts(r.ValidateUpdate(o, old))
}

func texts(errs field.ErrorList) []string {
	var all []string
	for _, err := range errs {
		all = append(all, err.Error())
	}
	return all
}

// rule is an object that is to be created, or a change of one, and the errors.
type rule struct {
	before, after string
	want          []string
}

func rules(t *testing.T, subresource string, all map[string]rule) {
	t.Helper()
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			if c.before == "" {
				compare(t, created(t, c.after), c.want)
				return
			}
			compare(t, updated(t, subresource, c.before, c.after), c.want)
		})
	}
}

// TestValidateUpdate compares the complaints about a change.
func TestValidateUpdate(t *testing.T) {
	for name, c := range map[string]struct {
		before, after string
		want          []string
	}{
		"pod image": {pod + "{containers: [{name: c, image: i}]}", pod + "{containers: [{name: c, image: j}]}", nil},
		"pod command": {pod + "{containers: [{name: c, image: i}]}", pod + "{containers: [{name: c, image: i, command: [x]}]}",
			[]string{"spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n" +
				"@@ -5,7 +5,9 @@\n   {\n    \"Name\": \"c\",\n    \"Image\": \"i\",\n-   \"Command\": null,\n+   \"Command\": [\n+    \"x\"\n+   ],\n    \"Args\": null,\n    \"WorkingDir\": \"\",\n    \"Ports\": null,\n"}},
		"pod with one more container": {pod + "{containers: [{name: c, image: i}]}", pod + "{containers: [{name: c, image: i}, {name: d, image: i}]}",
			[]string{"spec.containers: Forbidden: pod updates may not add or remove containers"}},
		"pod toleration added": {pod + "{containers: [{name: c, image: i}]}", pod + "{tolerations: [{key: k, operator: Exists}], containers: [{name: c, image: i}]}", nil},
		"pod gate removed":     {pod + "{schedulingGates: [{name: a}], containers: [{name: c, image: i}]}", pod + "{nodeSelector: {a: b}, containers: [{name: c, image: i}]}", nil},
		"pod gate added": {pod + "{containers: [{name: c, image: i}]}", pod + "{schedulingGates: [{name: a}], containers: [{name: c, image: i}]}",
			[]string{"spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'a'"}},
		"deployment selector": {deployment + "{selector: {matchLabels: {a: b}}, " + okTemplate + "}",
			deployment + "{selector: {matchLabels: {a: b}, matchExpressions: [{key: a, operator: Exists}]}, " + okTemplate + "}",
			[]string{`spec.selector: Invalid value: {"matchLabels":{"a":"b"},"matchExpressions":[{"key":"a","operator":"Exists"}]}: field is immutable`}},
		"service keeps its address": {service + "{clusterIP: 10.0.0.1, ports: [{port: 80}]}", service + "{ports: [{port: 81}]}", nil},
		"service address": {service + "{clusterIP: 10.0.0.1, ports: [{port: 80}]}", service + "{clusterIP: 10.0.0.2, ports: [{port: 80}]}",
			[]string{`spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set`}},
		"runtime class handler": {"apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: r}\nhandler: a", "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: r}\nhandler: b",
			[]string{`handler: Invalid value: "b": field is immutable`}},
		"csi node's driver": {"apiVersion: storage.k8s.io/v1\nkind: CSINode\nmetadata: {name: n}\nspec: {drivers: [{name: a.b, nodeID: i}]}", "apiVersion: storage.k8s.io/v1\nkind: CSINode\nmetadata: {name: n}\nspec: {drivers: [{name: a.b, nodeID: j}]}",
			[]string{`spec.drivers: Invalid value`}},
		"immutable config map": {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nimmutable: true\ndata: {a: b}", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nimmutable: true\ndata: {a: c}",
			[]string{"data: Forbidden: field is immutable when `immutable` is set"}},
	} {
		t.Run(name, func(t *testing.T) {
			compare(t, updated(t, "", c.before, c.after), c.want)
		})
	}
}

// compare wants each error to begin as told.
func compare(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}
}

// TestColumns compares rows with what kubectl shows.
func TestColumns(t *testing.T) {
	for name, c := range map[string]struct{ manifest, want string }{
		"pending": {pod + "{containers: [{name: c, image: i}]}\nstatus: {phase: Pending}", "0/1 Pending 0"},
		"init": {pod + "{initContainers: [{name: i, image: i}], containers: [{name: c, image: i}]}\nstatus: {phase: Pending, initContainerStatuses: [{name: i, state: {running: {}}}]}",
			"0/1 Init:0/1 0"},
		"crash": {pod + "{containers: [{name: c, image: i}]}\nstatus: {phase: Running, containerStatuses: [{name: c, restartCount: 3, state: {waiting: {reason: CrashLoopBackOff}}}]}",
			"0/1 CrashLoopBackOff 3"},
		"running": {pod + "{containers: [{name: c, image: i}]}\nstatus: {phase: Running, containerStatuses: [{name: c, ready: true, state: {running: {}}}]}",
			"1/1 Running 0"},
		"completed": {pod + "{containers: [{name: c, image: i}]}\nstatus: {phase: Succeeded, containerStatuses: [{name: c, state: {terminated: {reason: Completed}}}]}",
			"0/1 Completed 0"},
		"sidecar": {pod + "{initContainers: [{name: i, image: i, restartPolicy: Always}], containers: [{name: c, image: i}]}\nstatus: {phase: Running, initContainerStatuses: [{name: i, started: true, ready: true, state: {running: {}}}], containerStatuses: [{name: c, ready: true, state: {running: {}}}]}",
			"2/2 Running 0"},
	} {
		t.Run(name, func(t *testing.T) {
			o, r := decode(t, []byte(c.manifest))
			if got := row(r, o, 3); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func row(r *api.Resource, o api.Object, columns int) string {
	var cells []string
	for _, c := range r.Columns[:columns] {
		text, err := yaml.Marshal(c.Cell(o))
		if err != nil {
			return err.Error()
		}
		cells = append(cells, strings.Trim(strings.TrimSpace(string(text)), `"`))
	}
	return strings.Join(cells, " ")
}

func TestWarnings(t *testing.T) {
	for name, c := range map[string]struct {
		manifest string
		want     []string
	}{
		"twice the same variable": {pod + "{containers: [{name: c, image: i, env: [{name: A}, {name: A}]}]}",
			[]string{`spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply`}},
		"a label that was renamed": {pod + "{nodeSelector: {beta.kubernetes.io/os: linux}, containers: [{name: c, image: i}]}",
			[]string{`spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead`}},
		"a part of a byte": {pod + "{containers: [{name: c, image: i, resources: {requests: {memory: 100m}}}]}",
			[]string{`spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer`}},
		"nothing":                       {pod + "{containers: [{name: c, image: i}]}", nil},
		"a variable made of the former": {pod + "{containers: [{name: c, image: i, env: [{name: A, value: a}, {name: A, value: $(A)b}]}]}", nil},
		"one port in two containers": {pod + "{containers: [{name: c, image: i, ports: [{containerPort: 80}]}, {name: d, image: i, ports: [{containerPort: 80, hostPort: 80}]}]}",
			[]string{`spec.containers[1].ports[0]: overlapping port definition with spec.containers[0].ports[0]`}},
		"files that hide each other": {pod + "{volumes: [{name: v, configMap: {name: m, items: [{key: a, path: x}, {key: b, path: x/y}]}}], containers: [{name: c, image: i}]}",
			[]string{`volume "v" (ConfigMap "m"): overlapping paths: "x/y" with "x"`}},
		"files of sources that hide each other": {pod + "{volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: t/}}, {configMap: {name: m, items: [{key: a, path: t}]}}, {podCertificate: {keyType: ED25519, signerName: e.x/s, keyPath: t/k}}]}}], containers: [{name: c, image: i}]}",
			[]string{`volume "v" (Projected): overlapping paths: "t" (ConfigMap "m") with "t" (ServiceAccountToken)`,
				`volume "v" (Projected): overlapping paths: "t/k" (PodCertificate key) with "t" (ServiceAccountToken)`,
				`volume "v" (Projected): overlapping paths: "t/k" (PodCertificate key) with "t" (ConfigMap "m")`}},
		"files with a beginning in common": {pod + "{volumes: [{name: v, configMap: {name: m, items: [{key: a, path: x}, {key: b, path: xy}]}}], containers: [{name: c, image: i}]}", nil},
		"a plugin that is off":             {pod + "{volumes: [{name: v, gitRepo: {repository: r}}], containers: [{name: c, image: i}]}", []string{"spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+"}},
		"one name of two ports": {pod + "{containers: [{name: c, image: i, ports: [{name: p, containerPort: 80}]}, {name: d, image: i, ports: [{name: p, containerPort: 81}]}]}",
			[]string{`spec.containers[1].ports[0]: duplicate port name "p" with spec.containers[0].ports[0], services and probes that select ports by name will use spec.containers[0].ports[0]`}},
		"an affinity to none": {pod + "{affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: z}]}}, containers: [{name: c, image: i}]}",
			[]string{`spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: a null labelSelector results in matching no pod`}},
		"a profile in an annotation": {deployment + "{selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}, annotations: {container.apparmor.security.beta.kubernetes.io/c: runtime/default}}, spec: {containers: [{name: c, image: i}]}}}",
			[]string{`spec.template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; use the "appArmorProfile" field instead`}},
		"an annotation of old": {"apiVersion: v1\nkind: Pod\nmetadata: {name: p, annotations: {scheduler.alpha.kubernetes.io/critical-pod: ''}}\nspec: {containers: [{name: c, image: i}]}",
			[]string{`metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead`}},
		"a name that is no label": {"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a.b}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}",
			[]string{`metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]`}},
		"recycling": {"apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: v}\nspec: {persistentVolumeReclaimPolicy: Recycle}",
			[]string{`spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.`}},
	} {
		t.Run(name, func(t *testing.T) {
			o, r := decode(t, []byte(c.manifest))
			compare(t, r.Warnings(o, nil), c.want)
		})
	}
}

// TestControllerWarnings: a change of a replication controller's template warns
// of the one before.
func TestControllerWarnings(t *testing.T) {
	controller := func(generation, env string) string {
		return "apiVersion: v1\nkind: ReplicationController\nmetadata: {name: c, generation: " + generation + "}\nspec: {template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i, env: " + env + "}]}}}"
	}
	const twice, once = "[{name: A}, {name: A}]", "[{name: A}]"
	warning := []string{`spec.template.spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply`}
	for name, c := range map[string]struct {
		before, after string
		want          []string
	}{
		"made wrong":    {controller("1", once), controller("2", twice), nil},
		"made right":    {controller("1", twice), controller("2", once), warning},
		"left wrong":    {controller("1", twice), controller("2", twice), warning},
		"not changed":   {controller("1", twice), controller("1", twice), nil},
		"right as ever": {controller("1", once), controller("2", once), nil},
	} {
		t.Run(name, func(t *testing.T) {
			old, r := decode(t, []byte(c.before))
			o, _ := decode(t, []byte(c.after))
			compare(t, r.Warnings(o, old), c.want)
		})
	}
}
