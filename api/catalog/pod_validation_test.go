package catalog

import "testing"

// one is a pod of one container with these fields, and more of the pod's own.
func one(container, more string) string {
	return pod + "{containers: [{name: c, image: i" + comma(container) + container + "}]" + comma(more) + more + "}"
}

func comma(s string) string {
	if s == "" {
		return ""
	}
	return ", "
}

func TestContainerRules(t *testing.T) {
	rules(t, "", map[string]rule{
		"image with a space": {"", pod + "{containers: [{name: c, image: ' i'}]}",
			[]string{`spec.containers[0].image: Invalid value: " i": must not have leading or trailing whitespace`}},
		"pull policy": {"", one("imagePullPolicy: Sometimes", ""),
			[]string{`spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"`}},
		"restart policy of a main container without rules": {"", one("restartPolicy: OnFailure", ""), nil},
		"rules without a policy": {"", one("restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [1]}}]", ""),
			[]string{`spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used`}},
		"rule of no action": {"", one("restartPolicy: Never, restartPolicyRules: [{exitCodes: {operator: In, values: [1]}}]", ""),
			[]string{`spec.containers[0].restartPolicyRules[0].action: Unsupported value: "": supported values: "Restart", "RestartAllContainers"`}},
		"hook with two handlers": {"", one("lifecycle: {preStop: {sleep: {seconds: 1}, exec: {command: [a]}}}", ""),
			[]string{`spec.containers[0].lifecycle.preStop.sleep: Forbidden: may not specify more than 1 handler type`}},
		"sleep longer than the grace": {"", one("lifecycle: {preStop: {sleep: {seconds: 31}}}", ""),
			[]string{`spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)`}},
		"stop signal needs an os": {"", one("lifecycle: {stopSignal: SIGTERM}", ""),
			[]string{`spec.containers[0].lifecycle.stopSignal: Forbidden: may not be set for containers with empty ` + "`spec.os.name`"}},
		"probe of a main container succeeds twice": {"", one("livenessProbe: {successThreshold: 2, exec: {command: [a]}}", ""),
			[]string{`spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1`}},
		"readiness has no grace": {"", one("readinessProbe: {terminationGracePeriodSeconds: 5, exec: {command: [a]}}", ""),
			[]string{`spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must not be set for readinessProbes`}},
		"request above limit": {"", one("resources: {requests: {memory: 2Gi}, limits: {memory: 1Gi}}", ""),
			[]string{`spec.containers[0].resources.requests: Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi`}},
		"huge pages alone": {"", one("resources: {limits: {hugepages-2Mi: 2Mi}}", ""),
			[]string{`spec.containers[0].resources: Forbidden: HugePages require cpu or memory`}},
		"resize policy of storage": {"", one("resizePolicy: [{resourceName: storage, restartPolicy: NotRequired}]", ""),
			[]string{`spec.containers[0].resizePolicy: Unsupported value: "storage": supported values: "cpu", "memory"`}},
		"claim that the pod lacks": {"", one("resources: {claims: [{name: x}]}", ""),
			[]string{`spec.containers[0].resources.claims[0]: Not found: "x"`}},
		"privileged without escalation": {"", one("securityContext: {privileged: true, allowPrivilegeEscalation: false}", ""),
			[]string{`spec.containers[0].securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set ` + "`allowPrivilegeEscalation` to false and `privileged` to true"}},
		"two ports of one name": {"", one("ports: [{name: a, containerPort: 1}, {name: a, containerPort: 2}]", ""),
			[]string{`spec.containers[0].ports[1].name: Duplicate value: "a"`}},
		"host port twice": {"", one("ports: [{containerPort: 1, hostPort: 1}, {containerPort: 2, hostPort: 1}]", ""),
			[]string{`spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//1"`}},
		"mount propagation without privilege": {"", one("volumeMounts: [{name: v, mountPath: /v, mountPropagation: Bidirectional}]", "volumes: [{name: v}]"),
			[]string{`spec.containers[0].volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers`}},
		"recursive read-only of a writable mount": {"", one("volumeMounts: [{name: v, mountPath: /v, recursiveReadOnly: Enabled}]", "volumes: [{name: v}]"),
			[]string{`spec.containers[0].volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true`}},
		"two mounts at one path": {"", one("volumeMounts: [{name: v, mountPath: /v}, {name: v, mountPath: /v}]", "volumes: [{name: v}]"),
			[]string{`spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/v": must be unique`}},
		"both sub paths": {"", one("volumeMounts: [{name: v, mountPath: /v, subPath: a, subPathExpr: b}]", "volumes: [{name: v}]"),
			[]string{`spec.containers[0].volumeMounts[0].subPathExpr: Invalid value: "b": subPathExpr and subPath are mutually exclusive`}},
		"variable with value and source": {"", one("env: [{name: A, value: b, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]", ""),
			[]string{`spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when ` + "`value` is not empty"}},
		"variable of an unknown field": {"", one("env: [{name: A, valueFrom: {fieldRef: {fieldPath: spec.hostname}}}]", ""),
			[]string{`spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.hostname": error converting fieldPath: field label not supported: spec.hostname`}},
		"variable of a file outside": {"", one("env: [{name: A, valueFrom: {fileKeyRef: {volumeName: v, path: ../e, key: A}}}]", "volumes: [{name: v}]"),
			[]string{`spec.containers[0].env[0].valueFrom.fileKeyRef.path: Invalid value: "../e": must not contain '..'`}},
		"ephemeral containers of a new pod": {"", one("", "ephemeralContainers: [{name: e, image: i}]"),
			[]string{`spec.ephemeralContainers: Forbidden: cannot be set on create`}},
		"init container with a probe": {"", one("", "initContainers: [{name: d, image: i, livenessProbe: {exec: {command: [a]}}}]"),
			[]string{`spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always`}},
	})
}

func TestPodRules(t *testing.T) {
	rules(t, "", map[string]rule{
		"node name": {"", one("", "nodeName: A"), []string{`spec.nodeName: Invalid value: "A": a lowercase RFC 1123 subdomain`}},
		"hostname":  {"", one("", "hostname: a.b"), []string{`spec.hostname: Invalid value: "a.b": must not contain dots`}},
		"overridden name on the host's network": {"", one("", "hostNetwork: true, hostnameOverride: a"),
			[]string{"spec.hostnameOverride: Forbidden: may not be specified when hostNetwork is true"}},
		"deadline": {"", one("", "activeDeadlineSeconds: 0"), []string{`spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive`}},
		"gate on a node": {"", one("", "nodeName: n, schedulingGates: [{name: a}]"),
			[]string{`spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared`}},
		"gate twice": {"", one("", "schedulingGates: [{name: a}, {name: a}]"), []string{`spec.schedulingGates[1]: Duplicate value: "a"`}},
		"users of the host with its network": {"", one("", "hostUsers: false, hostNetwork: true"),
			[]string{"spec.hostNetwork: Forbidden: when `hostUsers` is false"}},
		"token without an account": {"", one("", "volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: t}}]}}]"),
			[]string{`spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set`}},
		"toleration seconds of another effect": {"", one("", "tolerations: [{key: a, operator: Exists, effect: NoSchedule, tolerationSeconds: 1}]"),
			[]string{"spec.tolerations[0].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when `tolerationSeconds` is set"}},
		"spread twice": {"", one("", "topologySpreadConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule}, {maxSkew: 2, topologyKey: z, whenUnsatisfiable: DoNotSchedule}]"),
			[]string{`spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: "{z, DoNotSchedule}"`}},
		"domains while it schedules anyway": {"", one("", "topologySpreadConstraints: [{maxSkew: 1, minDomains: 2, topologyKey: z, whenUnsatisfiable: ScheduleAnyway}]"),
			[]string{`spec.topologySpreadConstraints[0].minDomains: Invalid value: 2: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway`}},
		"node policies": {"", one("", "topologySpreadConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule, nodeAffinityPolicy: Maybe}]"),
			[]string{`spec.topologySpreadConstraints[0].nodeAffinityPolicy: Unsupported value: "Maybe": supported values: "Honor", "Ignore"`}},
		"label keys without a selector": {"", one("", "topologySpreadConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule, matchLabelKeys: [a]}]"),
			[]string{`spec.topologySpreadConstraints[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set`}},
		"weight": {"", one("", "affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 101, preference: {matchExpressions: [{key: a, operator: Exists}]}}]}}"),
			[]string{`spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 101: must be in the range 1-100`}},
		"no terms": {"", one("", "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: []}}}"),
			[]string{`spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term`}},
		"supplemental groups": {"", one("", "securityContext: {supplementalGroupsPolicy: None}"),
			[]string{`spec.securityContext.supplementalGroupsPolicy: Unsupported value: "None": supported values: "Merge", "Strict"`}},
		"local seccomp profile without a name": {"", one("", "securityContext: {seccompProfile: {type: Localhost}}"),
			[]string{`spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost`}},
		"sysctl twice": {"", one("", "securityContext: {sysctls: [{name: kernel.shm_rmid_forced, value: '1'}, {name: kernel.shm_rmid_forced, value: '1'}]}"),
			[]string{`spec.securityContext.sysctls[1].name: Duplicate value: "kernel.shm_rmid_forced"`}},
		"windows with linux options": {"", one("securityContext: {runAsUser: 1}", "os: {name: windows}"),
			[]string{`spec.containers[0].securityContext.runAsUser: Forbidden: cannot be set for a windows pod`}},
		"linux with windows options": {"", one("", "os: {name: linux}, securityContext: {windowsOptions: {runAsUserName: a}}"),
			[]string{`spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod`}},
		"host process off the host's network": {"", one("", "securityContext: {windowsOptions: {hostProcess: true}}"),
			[]string{`spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers`}},
		"no image in an image volume": {"", one("", "volumes: [{name: v, image: {}}]"),
			[]string{`spec.volumes[0].image.reference: Required value`}},
		"trust bundle of two kinds": {"", one("", "volumes: [{name: v, projected: {sources: [{clusterTrustBundle: {name: a, signerName: b/c, path: p}}]}}]"),
			[]string{`spec.volumes[0].projected.sources[0].clusterTrustBundle: Invalid value: {"name":"a","signerName":"b/c","path":"p"}: only one of name and signerName may be used`}},
		"certificate without files": {"", one("", "volumes: [{name: v, projected: {sources: [{podCertificate: {signerName: a.b/c, keyType: RSA3072}}]}}]"),
			[]string{`spec.volumes[0].projected.sources[0].podCertificate: Required value: specify at least one of credentialBundlePath, keyPath, and certificateChainPath`}},
		"claim from nowhere": {"", one("", "resourceClaims: [{name: r}]"),
			[]string{"spec.resourceClaims[0]: Invalid value: {\"name\":\"r\"}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"}},
		"limit of a pod below those of its containers": {"", one("resources: {limits: {cpu: 2}}", "resources: {limits: {cpu: 1}}"),
			[]string{`spec.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`,
				`spec.resources.containers[0][cpu].limits: Invalid value: "2": must be less than or equal to pod limits of 1`}},
		"storage for a pod": {"", one("", "resources: {limits: {ephemeral-storage: 1Gi}}"),
			[]string{`spec.resources.limits[ephemeral-storage]: Unsupported value: "ephemeral-storage": supported values: "cpu", "hugepages-", "memory"`}},
		"claim template without access mode": {"", one("", "volumes: [{name: v, ephemeral: {volumeClaimTemplate: {spec: {resources: {requests: {storage: 1Gi}}}}}}]"),
			[]string{`spec.volumes[0].ephemeral.volumeClaimTemplate.spec.accessModes: Required value: at least 1 access mode is required`}},
	})
}

func TestPodUpdateRules(t *testing.T) {
	plain := one("", "")
	rules(t, "", map[string]rule{
		"grace made 1":        {one("", "terminationGracePeriodSeconds: -1"), one("", "terminationGracePeriodSeconds: 1"), nil},
		"deadline set":        {plain, one("", "activeDeadlineSeconds: 5"), nil},
		"deadline made later": {one("", "activeDeadlineSeconds: 5"), one("", "activeDeadlineSeconds: 6"), []string{`spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous value`}},
		"deadline taken away": {one("", "activeDeadlineSeconds: 5"), plain,
			[]string{`spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value`}},
		"toleration taken away": {one("", "tolerations: [{key: k, operator: Exists}]"), plain,
			[]string{`spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds`}},
		"image emptied": {plain, pod + "{containers: [{name: c, image: ' '}]}",
			[]string{`spec.containers[0].image: Invalid value: " ": must not have leading or trailing whitespace`}},
		"node selector of a gated pod": {one("", "schedulingGates: [{name: a}], nodeSelector: {a: b}"), one("", "schedulingGates: [{name: a}], nodeSelector: {a: b, c: d}"), nil},
		"node selector changed while gated": {one("", "schedulingGates: [{name: a}], nodeSelector: {a: b}"), one("", "schedulingGates: [{name: a}], nodeSelector: {a: c}"),
			[]string{`spec.nodeSelector: Invalid value: {"a":"c"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)`}},
	})
	rules(t, "resize", map[string]rule{
		"more cpu": {one("resources: {requests: {cpu: 1}}", ""), one("resources: {requests: {cpu: 2}}", ""), nil},
		"another class of service": {one("resources: {requests: {cpu: 1}}", ""), one("resources: {requests: {cpu: 1}, limits: {cpu: 1, memory: 1Gi}}", ""),
			[]string{`spec: Invalid value: "": Pod QOS Class may not change as a result of resizing`}},
	})
}

func TestExtendedClaimStatus(t *testing.T) {
	asking := one("resources: {requests: {e.x/gpu: 1}, limits: {e.x/gpu: 1}}", "") + "\nstatus: "
	rules(t, "status", map[string]rule{
		"mapped": {asking + "{}", asking + "{extendedResourceClaimStatus: {resourceClaimName: a, requestMappings: [{containerName: c, resourceName: e.x/gpu, requestName: r}]}}", nil},
		"of nobody": {asking + "{}", asking + "{extendedResourceClaimStatus: {requestMappings: []}}",
			[]string{"status.extendedResourceClaimStatus.requestMappings: Required value: at least one request mapping is required",
				"status.extendedResourceClaimStatus.resourceClaimName: Required value"}},
		"of others": {asking + "{}", asking + "{extendedResourceClaimStatus: {resourceClaimName: a, requestMappings: [{containerName: d, resourceName: e.x/gpu, requestName: r}, {containerName: c, resourceName: e.x/b, requestName: R}]}}",
			[]string{`status.extendedResourceClaimStatus.requestMappings[0].containerName: Invalid value: "d": must match the name`,
				`status.extendedResourceClaimStatus.requestMappings[1].resourceName: Invalid value: "e.x/b": must match the extended resource name`,
				`status.extendedResourceClaimStatus.requestName: Invalid value: "R"`}},
		"twice": {asking + "{}", asking + "{extendedResourceClaimStatus: {resourceClaimName: a, requestMappings: [{containerName: c, resourceName: e.x/gpu, requestName: r}, {containerName: c, resourceName: e.x/gpu, requestName: r}]}}",
			[]string{`status.extendedResourceClaimStatus.requestMappings[1].containerName: Duplicate value: "c"`,
				`status.extendedResourceClaimStatus.requestMappings[1].resourceName: Duplicate value: "e.x/gpu"`,
				`status.extendedResourceClaimStatus.requestMappings[1].requestName: Duplicate value: "r"`}},
	})
}
