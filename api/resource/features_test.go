package resource

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"minke/api"
	"minke/api/feature"
)

// TestFeatures: what alpha features allow is valid with their gates, and is
// checked.
func TestFeatures(t *testing.T) {
	const (
		claim = "kind: ResourceClaim\nmetadata: {name: r, namespace: n}\nspec: "
		slice = "kind: ResourceSlice\nmetadata: {name: r}\nspec: {driver: d, nodeName: n, pool: {name: p, resourceSliceCount: 1}, "
	)
	deep := strings.Repeat(`device.attributes["d"].exists(a, `, 3) + "true)))"
	for name, c := range map[string]struct {
		gates, manifest string
		want            []string
	}{
		"list asked": {"DRAListTypeAttributes=true", claim + `{devices: {requests: [{name: a, exactly: {deviceClassName: c, allocationMode: All, selectors: [{cel: {expression: 'device.attributes["d"].models.includes("x") && device.attributes["d"].models.exists(m, m == "x")'}}]}}]}}`, nil},
		"list not known": {"", claim + `{devices: {requests: [{name: a, exactly: {deviceClassName: c, allocationMode: All, selectors: [{cel: {expression: 'device.attributes["d"].models.includes("x")'}}]}}]}}`,
			[]string{`spec.devices.requests[0].exactly.selectors[0].cel.expression: Invalid value`}},
		"consumable turned off": {"DRAConsumableCapacity=false", claim + `{devices: {requests: [{name: a, exactly: {deviceClassName: c, allocationMode: All, selectors: [{cel: {expression: 'device.allowMultipleAllocations'}}]}}]}}`,
			[]string{`spec.devices.requests[0].exactly.selectors[0].cel.expression: Invalid value`}},
		"derived": {"", claim + `{devices: {constraints: [{matchAttribute: x/k}, {requests: [b], distinctAttribute: x/l}], requests: [{name: a, exactly: {deviceClassName: c, allocationMode: All, derivedAttributes: [
			{name: x/k, expression: '"s"'}, {name: x/l, expression: '[1]'}, {name: x/k, expression: '1.0'}, {name: k}, {}]}},
			{name: b, firstAvailable: [{name: s, deviceClassName: c, allocationMode: All, derivedAttributes: [{name: x/l, expression: 'true'}]}]}]}}`,
			[]string{`spec.devices.requests[0].exactly.derivedAttributes[1].name: Invalid value: "x/l": must be referenced by at least one`,
				`spec.devices.requests[0].exactly.derivedAttributes[1].expression: Invalid value: "[1]": must evaluate to a primitive scalar (string, integer, boolean, semver), not list(int)`,
				`spec.devices.requests[0].exactly.derivedAttributes[2].expression: Invalid value: "1.0": must evaluate to a primitive scalar`,
				`spec.devices.requests[0].exactly.derivedAttributes[3].name: Invalid value: "k": a fully qualified name`,
				`spec.devices.requests[0].exactly.derivedAttributes[3].name: Invalid value: "k": must be referenced`,
				`spec.devices.requests[0].exactly.derivedAttributes[3].expression: Required value`,
				`spec.devices.requests[0].exactly.derivedAttributes[4].name: Required value`,
				`spec.devices.requests[0].exactly.derivedAttributes[4].expression: Required value`,
				`spec.devices.requests[0].exactly.derivedAttributes[2]: Duplicate value: "x/k"`}},
		"derived at too high a cost": {"", claim + `{devices: {constraints: [{matchAttribute: x/k}, {matchAttribute: x/l}], requests: [{name: a, exactly: {deviceClassName: c, allocationMode: All, derivedAttributes: [
			{name: x/k, expression: '` + strings.Repeat(deep+" && ", 5) + `true'}, {name: x/l, expression: '` + strings.Repeat(deep+" && ", 5) + `true'}]}}]}}`,
			[]string{`spec.devices: Forbidden: too complex, total cost of derived attribute CEL expressions in the claim exceeds cost limit`}},
		"operations": {"", slice + "skipNodeOperations: [NodePrepareResources, x, x]}",
			[]string{`spec.skipNodeOperations[1]: Unsupported value: "x": supported values: "*", "NodePrepareResources", "NodeUnprepareResources"`,
				`spec.skipNodeOperations[2]: Unsupported value`, `spec.skipNodeOperations[2]: Duplicate value: "x"`,
				`spec.skipNodeOperations: Invalid value: ["NodePrepareResources","x","x"]: NodePrepareResources cannot be skipped unless`}},
		"partitions": {"", slice + "partitionTypeAttribute: d/k, devices: [{name: a, consumesCounters: [{counterSet: s, counters: {c: {value: 1}}, compatibilityGroups: [g, g, h]}]}, {name: b}]}",
			[]string{`spec.devices[0].consumesCounters[0].compatibilityGroups: Too many: 3: must have at most 2 items`,
				`spec.devices[0].attributes[d/k]: Required value: device consumes counters`}},
		"partitions of nothing": {"", slice + "partitionTypeAttribute: k, devices: [{name: a}]}",
			[]string{`spec.partitionTypeAttribute: Invalid value: "k": a fully qualified name`, `spec.partitionTypeAttribute: Invalid value: "k": may only be set on a slice`}},
		"lists": {"", slice + "devices: [{name: a, attributes: {a: {ints: []}, b: {versions: ['1']}, c: {strings: [x], bools: [true]}}}]}",
			[]string{`spec.devices[0].attributes[a].ints: Invalid value: []: must not be empty if specified`, `spec.devices[0].attributes[b].versions[0]: Invalid value: "1": must be a string compatible with semver`,
				`spec.devices[0].attributes[c]: Invalid value: {"bools":[true],"strings":["x"]}: exactly one value must be specified`}},
		"long lists": {"", slice + "devices: [{name: a, attributes: {a: {ints: [" + strings.Repeat("1, ", 48) + "1]}}}]}", []string{`spec.devices[0]: Invalid value: 49: the total number of attribute values must not exceed 48`}},
		"of the node": {"", slice + "devices: [{name: a, capacity: {m: {value: 1}}, nodeAllocatableResources: {cpu: {}, gpu: {overhead: {}}, memory: {mapping: {capacityKey: x, deviceMultiplier: 0}, overhead: {perPod: -1}}, hugepages-2Mi: {mapping: {capacityKey: m, capacityMultiplier: 2}}}}]}",
			[]string{`spec.devices[0].nodeAllocatableResources[cpu]: Required value: at least one of mapping or overhead must be set`,
				`spec.devices[0].nodeAllocatableResources[gpu]: Invalid value: "gpu": must be a node allocatable resource name`,
				`spec.devices[0].nodeAllocatableResources[gpu].overhead: Invalid value: "": at least one of perPod or perContainer must be set`,
				`spec.devices[0].nodeAllocatableResources[memory].mapping.capacityKey: Not found: "x"`,
				`spec.devices[0].nodeAllocatableResources[memory].mapping.capacityMultiplier: Required value: capacityMultiplier is required`,
				`spec.devices[0].nodeAllocatableResources[memory].mapping.deviceMultiplier: Invalid value: "0": must be positive`,
				`spec.devices[0].nodeAllocatableResources[memory].overhead.perPod: Invalid value: "-1": must be non-negative`}},
		"fractions": {"DRAFractionalCapacityRange=true", slice + "devices: [{name: a, allowMultipleAllocations: true, capacity: {m: {value: 2, requestPolicy: {default: 500m, validRange: {min: 250m, max: 1900m, step: 250m}}}}}]}",
			[]string{`spec.devices[0].capacity[m].requestPolicy.validRange.step: Invalid value: "1900m": value is not a multiple of a given step (250m) from (250m)`}},
		"fractions of thousandths": {"DRAFractionalCapacityRange=true", slice + "devices: [{name: a, allowMultipleAllocations: true, capacity: {m: {value: 2, requestPolicy: {default: 500m, validRange: {min: 100u, step: 250m}}}}}]}",
			[]string{`spec.devices[0].capacity[m].requestPolicy.validRange.min: Invalid value: "100u": value cannot be represented as a milli value`}},
	} {
		t.Run(name, func(t *testing.T) {
			gates, err := feature.Parse(c.gates)
			if err != nil {
				t.Fatal(err)
			}
			got := complaints(t, gates, c.manifest)
			if len(got) != len(c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], c.want[i]) {
					t.Errorf("got %q, want %q", got[i], c.want[i])
				}
			}
		})
	}
}

func complaints(t *testing.T, gates feature.Gates, manifest string) []string {
	t.Helper()
	for _, r := range Resources(gates) {
		if !strings.HasPrefix(manifest, "kind: "+r.Kind.Kind+"\n") {
			continue
		}
		var obj api.Object = r.New()
		if err := yaml.UnmarshalStrict([]byte(manifest), obj); err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, e := range r.Validate(obj) {
			all = append(all, e.Error())
		}
		return all
	}
	t.Fatal("no such kind")
	return nil
}
