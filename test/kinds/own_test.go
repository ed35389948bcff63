package kinds

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"time"
)

// own are the values of fields that only one resource has, or that only there
// must be so; nil leaves out a field that excludes another one.
var own = map[string]map[string]any{
	"serviceaccounts": {"secrets.0.apiVersion": nil, "secrets.0.fieldPath": nil, "secrets.0.kind": nil, "secrets.0.namespace": nil, "secrets.0.resourceVersion": nil, "secrets.0.uid": nil},
	"nodes":           {"spec.configSource": nil, "status.config": nil, "status.declaredFeatures": []any{"Feature"}},
	"certificatesigningrequests.certificates.k8s.io": {
		"spec.request": base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: request})),
		"spec.usages":  []any{"digital signature", "client auth"}, "spec.expirationSeconds": 600.0, "status.conditions[0].status": "True",
		"status.certificate": base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority})),
	},
	"clustertrustbundles.certificates.k8s.io": {
		"metadata.name": "example.com:signer:a", "spec.trustBundle": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority})),
	},
	"podcertificaterequests.certificates.k8s.io": {
		"spec.stubPKCS10Request":    base64.StdEncoding.EncodeToString(request),
		"spec.maxExpirationSeconds": 3600.0, "status.certificateChain": nil, "status.conditions[0].type": "Failed", "status.conditions[0].status": "True",
		"status.notBefore": nil, "status.notAfter": nil, "status.beginRefreshAt": nil, "spec.unverifiedUserAnnotations": map[string]any{"example.com/a": "b"},
	},
	"ingresses.networking.k8s.io": {
		"spec.defaultBackend.resource": nil, "spec.defaultBackend.service.port.name": nil,
		"spec.rules[0].http.paths[0].backend.resource": nil, "spec.rules[0].http.paths[0].backend.service.port.number": nil,
	},
	"ingressclasses.networking.k8s.io":                             {"spec.parameters.scope": "Namespace", "spec.controller": "example.com/controller"},
	"validatingwebhookconfigurations.admissionregistration.k8s.io": {"webhooks[0].name": "a.example.com", "webhooks[0].admissionReviewVersions": []any{"v1"}, "webhooks[0].sideEffects": "None", "webhooks[0].clientConfig.url": nil, "webhooks[0].matchConditions[0].expression": "true"},
	"mutatingwebhookconfigurations.admissionregistration.k8s.io":   {"webhooks[0].name": "a.example.com", "webhooks[0].admissionReviewVersions": []any{"v1"}, "webhooks[0].sideEffects": "None", "webhooks[0].clientConfig.url": nil, "webhooks[0].matchConditions[0].expression": "true"},
	"validatingadmissionpolicies.admissionregistration.k8s.io": {
		"status.conditions[0].status":        "True",
		"spec.matchConditions[0].expression": "true", "spec.validations[0].expression": "true", "spec.validations[0].messageExpression": "'a'",
		"spec.variables[0].expression": "1", "spec.auditAnnotations[0].valueExpression": "'a'",
	},
	"mutatingadmissionpolicies.admissionregistration.k8s.io": {
		"spec.matchConditions[0].expression": "true", "spec.variables[0].expression": "1", "spec.mutations[0].jsonPatch": nil,
		"spec.mutations[0].patchType": "ApplyConfiguration", "spec.mutations[0].applyConfiguration.expression": "Object{}",
	},
	"validatingadmissionpolicybindings.admissionregistration.k8s.io": {"spec.paramRef.name": nil},
	"mutatingadmissionpolicybindings.admissionregistration.k8s.io":   {"spec.paramRef.name": nil},
	"customresourcedefinitions.apiextensions.k8s.io": {
		"metadata.name": "plurals.example.com", "spec.group": "example.com", "spec.names.plural": "plurals", "spec.scope": "Namespaced",
		"spec.versions[0].name": "v1", "spec.versions[0].schema.openAPIV3Schema": map[string]any{"type": "object", "description": "text",
			"properties": map[string]any{"spec": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}},
		"spec.versions[0].additionalPrinterColumns[0].jsonPath": ".spec", "spec.versions[0].additionalPrinterColumns[0].type": "string", "spec.versions[0].additionalPrinterColumns[0].format": "date",
		"spec.versions[0].subresources.scale": map[string]any{"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector"},
		"spec.versions[0].selectableFields":   nil, "spec.preserveUnknownFields": nil, "spec.conversion.webhook": nil, "spec.conversion.strategy": "None", "status.storedVersions": []any{"v1"},
	},
	"apiservices.apiregistration.k8s.io":               {"metadata.name": "v1.example.com", "spec.version": "v1", "spec.group": "example.com", "status.conditions[0].status": "True"},
	"storageversionmigrations.storagemigration.k8s.io": {"spec.resource.resource": "widgets", "status.resourceVersion": "7", "status.conditions[0].status": "True"},
	"leasecandidates.coordination.k8s.io": {
		"spec.binaryVersion": "1.37.0", "spec.emulationVersion": "1.37.0", "spec.strategy": "OldestEmulationVersion",
	},
	"flowschemas.flowcontrol.apiserver.k8s.io": {
		"spec.matchingPrecedence": 1000.0, "spec.rules[0].nonResourceRules[0].nonResourceURLs": []any{"/path"},
		"spec.rules[0].subjects[0].kind": "ServiceAccount", "spec.rules[0].subjects[0].user": nil, "spec.rules[0].subjects[0].group": nil,
	},
	"prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": {"spec.type": "Limited", "spec.exempt": nil, "spec.limited.limitResponse.type": "Queue"},
	"resourceclaims.resource.k8s.io": {
		"spec.devices.requests[0].firstAvailable": nil, "spec.devices.requests[0].exactly.selectors[0].cel.expression": "true",
		"spec.devices.requests[0].exactly.derivedAttributes": nil, "status.allocation.devices.results[0].skipNodeOperations": []any{"*"},
		"status.devices[0].conditions[0].status": "True", "status.devices[0].networkData.ips": []any{"10.1.2.3/24"}, "status.allocation.devices.config[0].source": "FromClaim",
	},
	"resourceslices.resource.k8s.io": {
		"spec.sharedCounters": nil, "spec.devices[0].nodeName": nil, "spec.devices[0].nodeSelector": nil, "spec.devices[0].allNodes": nil,
		"spec.devices[0].attributes": map[string]any{"entry": map[string]any{"string": "a"}},
		"spec.devices[0].capacity":   map[string]any{"entry": map[string]any{"value": "2", "requestPolicy": map[string]any{"default": "1", "validValues": []any{"1", "2"}}}},
		"spec.driver":                "driver.example.com", "spec.nodeSelector": nil, "spec.allNodes": nil, "spec.perDeviceNodeSelection": nil,
	},
	"deviceclasses.resource.k8s.io": {"spec.config[0].opaque.driver": "driver.example.com", "spec.selectors[0].cel.expression": "true"},
	"pods": {
		"status.qosClass": "Guaranteed", "status.containerStatuses[0].allocatedResourcesStatus": nil, "status.ephemeralContainerStatuses[0].allocatedResourcesStatus": nil,
		"status.initContainerStatuses[0].allocatedResourcesStatus[0].resources[0].health": "Healthy",
	},
	"leases.coordination.k8s.io":      {"spec.strategy": "OldestEmulationVersion"},
	"endpointslices.discovery.k8s.io": {"endpoints[0].deprecatedTopology": nil},
	"namespaces":                      {"status.phase": "Active"},
	"ipaddresses.networking.k8s.io":   {"metadata.name": "10.1.2.3"},
	"storageversions.internal.apiserver.k8s.io": {"status.commonEncodingVersion": "v1", "status.storageVersions[0]": map[string]any{
		"apiServerID": "id", "encodingVersion": "v1", "decodableVersions": []any{"v1"}, "servedVersions": []any{"v1"}}},
	"devicetaintrules.resource.k8s.io": {"status.conditions[0].status": "True", "spec.taint.effect": "NoExecute"},
	"replicationcontrollers":           {"spec.selector": map[string]any{"label": "value"}},
	"persistentvolumeclaims": {
		"status.capacity": map[string]any{"storage": "1Gi"}, "status.allocatedResources": map[string]any{"storage": "1Gi"},
		"status.allocatedResourceStatuses": map[string]any{"storage": "ControllerResizeInProgress"},
		"spec.resources.requests":          map[string]any{"storage": "1Gi"}, "spec.accessModes": []any{"ReadWriteOnce"}},
	"statefulsets.apps": {
		"spec.podManagementPolicy": "Parallel", "spec.updateStrategy.type": "RollingUpdate", "spec.volumeClaimTemplates[0].spec.resources.requests": map[string]any{"storage": "1Gi"},
		"spec.volumeClaimTemplates[0].spec.accessModes": []any{"ReadWriteOnce"},
	},
	"deployments.apps": {"spec.strategy.type": "RollingUpdate"},
	"daemonsets.apps":  {"metadata.annotations": map[string]any{"annotation": "value", "deprecated.daemonset.template.generation": "1"}, "spec.updateStrategy.type": "RollingUpdate", "spec.updateStrategy.rollingUpdate.maxSurge": 0.0},
	"jobs.batch": {
		"spec.completionMode": "Indexed", "spec.completions": 3.0, "spec.successPolicy.rules[0].succeededIndexes": "0-1",
		"spec.podReplacementPolicy": "Failed", "spec.template.spec.restartPolicy": "Never", "spec.managedBy": "example.com/controller",
		"spec.podFailurePolicy.rules[0].onPodConditions": nil,
		"status.completionTime":                          nil, "status.completedIndexes": "0", "status.failedIndexes": "1", "status.uncountedTerminatedPods.failed": nil,
	},
	"cronjobs.batch": {
		"spec.jobTemplate.spec.completionMode": "Indexed", "spec.jobTemplate.spec.completions": 3.0, "spec.jobTemplate.spec.successPolicy.rules[0].succeededIndexes": "0-1",
		"spec.jobTemplate.spec.podReplacementPolicy": "Failed", "spec.jobTemplate.spec.template.spec.restartPolicy": "Never",
		"spec.jobTemplate.spec.managedBy": "example.com/controller", "spec.jobTemplate.spec.selector": nil, "spec.jobTemplate.spec.manualSelector": nil,
		"spec.concurrencyPolicy": "Forbid", "spec.jobTemplate.spec.podFailurePolicy.rules[0].onPodConditions": nil,
	},
	"poddisruptionbudgets.policy":            {"status.conditions[0].status": "True", "spec.minAvailable": nil, "spec.unhealthyPodEvictionPolicy": "AlwaysAllow"},
	"volumeattachments.storage.k8s.io":       {"spec.source.inlineVolumeSpec": nil},
	"resourceclaimtemplates.resource.k8s.io": {"spec.spec.devices.requests[0].firstAvailable": nil, "spec.spec.devices.requests[0].exactly.selectors[0].cel.expression": "true", "spec.spec.devices.requests[0].exactly.derivedAttributes": nil},
	"networkpolicies.networking.k8s.io":      {"spec.ingress[0].from[0].ipBlock": nil, "spec.egress[0].to[0].podSelector": nil, "spec.egress[0].to[0].namespaceSelector": nil},
	"resourcequotas":                         {"spec.hard": map[string]any{"pods": "10"}, "spec.scopeSelector.matchExpressions[0].operator": "In", "spec.scopeSelector.matchExpressions[0].scopeName": "PriorityClass", "spec.scopes": nil},
	"services": {
		"spec.type": "LoadBalancer", "spec.ports[0].nodePort": 30001.0, "spec.externalTrafficPolicy": "Local", "spec.healthCheckNodePort": 30002.0,
		"spec.loadBalancerClass": "example.com/class", "spec.externalName": nil,
	},
	"limitranges": {
		"spec.limits[0].type": "Container", "spec.limits[0].max": map[string]any{"cpu": "2"}, "spec.limits[0].min": map[string]any{"cpu": "1"},
		"spec.limits[0].default": map[string]any{"cpu": "2"}, "spec.limits[0].defaultRequest": map[string]any{"cpu": "1"},
		"spec.limits[0].maxLimitRequestRatio": map[string]any{"cpu": "2"},
	},
	"configmaps":                  {"data": map[string]any{"text": "a"}},
	"persistentvolumes":           {"spec.volumeAttributesClassName": nil, "spec.capacity": map[string]any{"storage": "1Gi"}, "spec.accessModes": []any{"ReadWriteOnce"}},
	"podgroups.scheduling.k8s.io": {"spec.schedulingPolicy.basic": nil, "spec.disruptionMode.all": nil},
	"workloads.scheduling.k8s.io": {
		"spec.podGroupTemplates[0].schedulingPolicy.basic": nil, "spec.podGroupTemplates[0].disruptionMode.all": nil,
	},
}

// request and authority are a certificate request and a certificate of an
// authority, both DER.
var request, authority = certificates()

func certificates() (request, authority []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	name := pkix.Name{CommonName: "name"}
	request, err = x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: name}, key)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: name, IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	authority, err = x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return request, authority
}
