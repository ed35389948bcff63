package catalog

import (
	"strings"
	"testing"
)

const (
	deviceClaim   = "apiVersion: resource.k8s.io/v1\nkind: ResourceClaim\nmetadata: {name: r}\nspec: "
	resourceSlice = "apiVersion: resource.k8s.io/v1\nkind: ResourceSlice\nmetadata: {name: r}\nspec: "
	deviceClass   = "apiVersion: resource.k8s.io/v1\nkind: DeviceClass\nmetadata: {name: c}\nspec: "
	ofPool        = "driver: d, nodeName: n, pool: {name: p, resourceSliceCount: 1}"
)

func TestResourceRules(t *testing.T) {
	rules(t, "", map[string]rule{
		"claim": {"", deviceClaim + "{devices: {requests: [{name: a, exactly: {deviceClassName: c}}]}}", nil},
		"claim's requests": {"", deviceClaim + "{devices: {requests: [{name: A}, {name: b, exactly: {deviceClassName: c, allocationMode: All, count: 1}}, {name: b, exactly: {deviceClassName: c, allocationMode: Some, tolerations: [{operator: Exists, value: x, effect: X}]}}]}}",
			[]string{`spec.devices.requests[0].name: Invalid value: "A": a lowercase RFC 1123 label`, "spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required",
				`spec.devices.requests[1].exactly.count: Invalid value: 1: must not be specified when allocationMode is 'All'`,
				`spec.devices.requests[2].exactly.allocationMode: Unsupported value: "Some": supported values: "All", "ExactCount"`,
				"spec.devices.requests[2].exactly.tolerations[0].value: Invalid value: \"x\": must be empty for operator `Exists`",
				`spec.devices.requests[2].exactly.tolerations[0].effect: Unsupported value: "X"`, `spec.devices.requests[2]: Duplicate value: "b"`}},
		"claim's constraints": {"", deviceClaim + "{devices: {requests: [{name: a, firstAvailable: [{name: s, deviceClassName: c}]}], constraints: [{requests: [a/s, a/t], matchAttribute: m}, {}]}}",
			[]string{`spec.devices.constraints[0].requests[1]: Invalid value: "a/t": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'`,
				`spec.devices.constraints[0].matchAttribute: Invalid value: "m": a fully qualified name must be a domain and a name separated by a slash`,
				`spec.devices.constraints[1]: Required value: exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set`}},
		"claim's configuration": {"", deviceClaim + "{devices: {config: [{opaque: {driver: d, parameters: [a]}}]}}",
			[]string{`spec.devices.config[0].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object`}},
		"claim's selectors": {"", deviceClaim + `{devices: {requests: [{name: a, exactly: {deviceClassName: c, selectors: [
			{cel: {expression: 'device.driver == "d" && device.attributes["d"].kind == "gpu" && device.allowMultipleAllocations'}},
			{cel: {expression: 'device.nothing'}}, {cel: {expression: '"x"'}}, {}, {cel: {expression: ''}},
			{cel: {expression: 'device.attributes["d"].map(s, s.lowerAscii().map(t, t)).size() == 0'}}]}}]}}`,
			[]string{"spec.devices.requests[0].exactly.selectors[1].cel.expression: Invalid value: \"device.nothing\": compilation failed: ERROR: <input>:1:7: undefined field 'nothing'",
				`spec.devices.requests[0].exactly.selectors[2].cel.expression: Invalid value: "\"x\"": must evaluate to bool or the unknown type, not string`,
				`spec.devices.requests[0].exactly.selectors[3].cel: Required value`,
				`spec.devices.requests[0].exactly.selectors[4].cel.expression: Invalid value: "": compilation failed: ERROR: <input>:1:0: Syntax error`,
				`spec.devices.requests[0].exactly.selectors[5].cel.expression: Invalid value: "device.attributes`}},
		"claim's costly selector": {"", deviceClaim + `{devices: {requests: [{name: a, firstAvailable: [{name: s, deviceClassName: c, selectors: [
			{cel: {expression: 'device.attributes["d"].all(a, device.attributes["d"].all(b, device.attributes["d"].all(c, device.attributes["d"].all(d, a != b && c != d))))'}}]}]}]}}`,
			[]string{`spec.devices.requests[0].firstAvailable[0].selectors[0].cel.expression: Forbidden: too complex, exceeds cost limit`}},
		"claim's macro bomb": {"", deviceClaim + `{devices: {requests: [{name: a, exactly: {deviceClassName: c, selectors: [{cel: {expression: 'optional.of(true)` + strings.Repeat(".optMap(x, x)", 20) + `.value()'}}]}}]}}`,
			[]string{`spec.devices.requests[0].exactly.selectors[0].cel.expression: Invalid value: "optional`}},
		"claim's long selector": {"", deviceClaim + `{devices: {requests: [{name: a, exactly: {deviceClassName: c, selectors: [{cel: {expression: '` + strings.Repeat("x", 10241) + `'}}]}}]}}`,
			[]string{`spec.devices.requests[0].exactly.selectors[0].cel.expression: Too long: may not be more than 10240 bytes`}},
		"template's metadata": {"", "apiVersion: resource.k8s.io/v1\nkind: ResourceClaimTemplate\nmetadata: {name: r}\nspec: {metadata: {name: a, namespace: b, labels: {a: b}, finalizers: [a/b]}}",
			[]string{`spec.metadata.name: Forbidden: cannot be set`, `spec.metadata.namespace: Forbidden: cannot be set`, `spec.metadata.finalizers: Forbidden: cannot be set`}},
		"claim's driver": {"", deviceClaim + "{devices: {config: [{opaque: {driver: A_b, parameters: {}}}]}}", []string{`spec.devices.config[0].opaque.driver: Invalid value: "A_b": an RFC 1123 subdomain`}},
		"template's selector": {"", "apiVersion: resource.k8s.io/v1\nkind: ResourceClaimTemplate\nmetadata: {name: r}\nspec: {spec: {devices: {requests: [{name: a, exactly: {deviceClassName: c, selectors: [{cel: {expression: 'nothing'}}]}}]}}}",
			[]string{`spec.spec.devices.requests[0].exactly.selectors[0].cel.expression: Invalid value: "nothing": compilation failed`}},
		"class's selector": {"", deviceClass + "{selectors: [{cel: {expression: 'nothing'}}]}", []string{`spec.selectors[0].cel.expression: Invalid value: "nothing": compilation failed`}},
		"class's selector kept": {deviceClass + "{selectors: [{cel: {expression: 'nothing'}}, {}]}", deviceClass + "{extendedResourceName: a.b/c, selectors: [{cel: {expression: 'nothing'}}, {}]}",
			[]string{`spec.selectors[1].cel: Required value`}},
		"class's selectors in another order": {deviceClass + "{selectors: [{cel: {expression: 'nothing'}}, {cel: {expression: 'true'}}]}", deviceClass + "{selectors: [{cel: {expression: 'true'}}, {cel: {expression: 'nothing'}}]}",
			[]string{`spec.selectors[1].cel.expression: Invalid value: "nothing": compilation failed`}},
		"claim changed":  {deviceClaim + "{devices: {requests: [{name: a, exactly: {deviceClassName: c}}]}}", deviceClaim + "{devices: {requests: [{name: b, exactly: {deviceClassName: c}}]}}", []string{`spec: Invalid value: null: field is immutable`}},
		"slice of both":  {"", resourceSlice + "{" + ofPool + ", allNodes: true}", []string{"spec: Invalid value: \"{`nodeName`, `allNodes`}\": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set"}},
		"slice's pool":   {"", resourceSlice + "{driver: d, nodeName: n, pool: {name: a//b, resourceSliceCount: 1}}", []string{`spec.pool.name: Invalid value: "": a lowercase`}},
		"device's place": {"", resourceSlice + "{" + ofPool + ", devices: [{name: a, allNodes: true}]}", []string{"spec.devices[0]: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set"}},
		"device's attributes": {"", resourceSlice + "{" + ofPool + ", devices: [{name: a, attributes: {a-b: {}, c: {version: '1'}}}]}",
			[]string{`spec.devices[0].attributes[a-b]: Invalid value: "a-b": a valid C identifier`, `spec.devices[0].attributes[a-b]: Invalid value: "": exactly one value must be specified`, `spec.devices[0].attributes[c].version: Invalid value: "1": must be a string compatible with semver.org spec 2.0.0`}},
		"device's capacity": {"", resourceSlice + "{" + ofPool + ", devices: [{name: a, capacity: {m: {value: 1, requestPolicy: {default: 1}}}}, {name: b, allowMultipleAllocations: true, capacity: {m: {value: 4, requestPolicy: {default: 3, validRange: {min: 1, max: 5, step: 3}}}}}]}",
			[]string{`spec.devices[0].capacity[m].requestPolicy: Forbidden: allowMultipleAllocations must be true`,
				`spec.devices[1].capacity[m].requestPolicy.validRange.max: Invalid value: "5": max is larger than capacity value: 4`,
				`spec.devices[1].capacity[m].requestPolicy.validRange.step: Invalid value: "3": value is not a multiple of a given step (3) from (1)`,
				`spec.devices[1].capacity[m].requestPolicy.validRange.step: Invalid value: "5": value is not a multiple of a given step (3) from (1)`}},
		"device's binding": {"", resourceSlice + "{" + ofPool + ", devices: [{name: a, bindingConditions: [x]}]}", []string{`spec.devices[0].bindingFailureConditions: Invalid value: null: bindingFailureConditions are required to use bindingConditions`}},
	})
	claim := deviceClaim + "{devices: {requests: [{name: a, exactly: {deviceClassName: c}}]}}\nstatus: "
	rules(t, "status", map[string]rule{
		"reserved before allocated": {claim + "{}", claim + "{reservedFor: [{resource: pods, name: p, uid: u}]}", []string{"status.reservedFor: Forbidden: may not be specified when `allocated` is not set"}},
		"allocated": {claim + "{}", claim + "{allocation: {devices: {results: [{request: b, driver: d, pool: p, device: x}]}}}",
			[]string{`status.allocation.devices.results[0].request: Invalid value: "b": must be the name of a request in the claim`}},
		"allocated again": {claim + "{allocation: {devices: {results: [{request: a, driver: d, pool: p, device: x}]}}}", claim + "{allocation: {devices: {results: [{request: a, driver: d, pool: p, device: y}]}}}",
			[]string{`status.allocation: Invalid value`}},
		"device of another": {claim + "{}", claim + "{devices: [{driver: d, pool: p, device: x}]}", []string{`status.devices[0]: Invalid value: "d/p/x": must be an allocated device in the claim`}},
	})
}
