package codec

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apiruntime "k8s.io/apimachinery/pkg/runtime"

	"minke/test/heap"
)

const (
	// mostBody is what a request may send, mostCost what it may cost whatever is
	// in it.
	mostBody = 3 << 20
	mostCost = 64 << 20
)

// TestHostileBodies: a body of 3 MiB costs at most 64 MiB, in each format and
// whatever it is made of (CVE-2019-11253 and its kind).
func TestHostileBodies(t *testing.T) {
	if !heap.Alone(t) {
		return
	}
	repeat := func(head, unit, tail string) string {
		return head + strings.Repeat(unit, (mostBody-len(head)-len(tail))/len(unit)) + tail
	}
	list := func(unit string) string {
		return repeat(`{"kind":"Pod","apiVersion":"v1","spec":{"containers":[`, unit+",", unit+"]}}")
	}
	yamlList := func(unit string) string {
		return repeat("kind: Pod\napiVersion: v1\nspec:\n  containers:\n", "  - "+unit+"\n", "")
	}
	const pod = "\xd9\xd9\xf7\xa3\x44kind\x43Pod\x4aapiVersion\x42v1\x44spec\xa1\x4acontainers"
	cborList := func(unit string) string { return repeat(pod+"\x9f", unit, "\xff") }
	whole := func(spec string) string {
		return string(EnvelopeHead(corev1.SchemeGroupVersion.WithKind("Pod"), len(spec)+tagSize(len(spec)))) + string(appendTag(nil, 2, len(spec))) + spec
	}
	message := func(unit string) string { return whole(strings.Repeat(unit, mostBody/len(unit)-50)) }
	args := func(n int) string { // of one container
		args := strings.Repeat("\x22\x00", n)
		return whole(string(appendTag(nil, 2, len(args))) + args)
	}
	few := func(n int, head, unit, tail string) string { return head + strings.Repeat(unit, n) + tail }
	keys := func(format string) string {
		var b strings.Builder
		for i := 0; b.Len() < mostBody-100; i++ {
			fmt.Fprintf(&b, format, fmt.Sprintf("%04x", i))
		}
		return b.String()
	}
	for name, c := range map[string]struct {
		format Format
		body   string
	}{
		"json as many as may be":     {JSON, few(maxElements-1, `{"kind":"Pod","apiVersion":"v1","spec":{"containers":[`, "{},", "{}]}}")},
		"json values as may be":      {JSON, few(maxValues-1, `{"kind":"Pod","apiVersion":"v1","x":[`, "[],", "[]]}")},
		"json many keys":             {JSON, `{"kind":"Pod","apiVersion":"v1","metadata":{"labels":{` + keys(`"%s":"",`) + `"":""}}}`},
		"json many unknown keys":     {JSON, `{"kind":"Pod","apiVersion":"v1","metadata":{` + keys(`"%s":1,`) + `"":""}}`},
		"yaml as many as may be":     {YAML, few(maxElements-1, "kind: Pod\napiVersion: v1\nspec:\n  containers:\n", "  - {}\n", "")},
		"yaml nodes as may be":       {YAML, few(maxYAMLNodes/2-20, "kind: Pod\napiVersion: v1\nx:\n", "  - a\n", "")},
		"yaml flow as may be":        {YAML, few(maxYAMLNodes-20, "kind: Pod\napiVersion: v1\nx: [", "a,", "]")},
		"yaml many keys":             {YAML, "kind: Pod\napiVersion: v1\nmetadata:\n  labels:\n" + keys("    %s: a\n")[:60000*12]},
		"protobuf as many as may be": {Protobuf, whole(few(maxWeight/1000-100, "", "\x12\x00", ""))},
		"protobuf strings as may be": {Protobuf, args(maxWeight/16 - 2000)},
		"cbor as many as may be":     {CBOR, few(maxElements-1, pod+"\x9f", "\xa0", "\xff")},
		"cbor values as may be":      {CBOR, few(maxElements-1, pod+"\x9f", "\x80", "\xff")},
		"cbor many keys":             {CBOR, "\xd9\xd9\xf7\xa3\x44kind\x43Pod\x4aapiVersion\x42v1\x48metadata\xa1\x46labels\xbf" + keys("\x44%s\x41a") + "\xff"},
		"json objects":               {JSON, list("{}")},
		"json numbers":               {JSON, list("1")},
		"json strings":               {JSON, list(`""`)},
		"json lists":                 {JSON, list("[]")},
		"json booleans":              {JSON, list("true")},
		"json nulls":                 {JSON, list("null")},
		"json keys":                  {JSON, repeat(`{"kind":"Pod","apiVersion":"v1","x":{`, `"a":1,`, `"b":1}}`)},
		"json map of maps":           {JSON, repeat(`{"kind":"Pod","apiVersion":"v1","x":[`, `[1],`, `1]}`)},
		"yaml objects":               {YAML, yamlList("{}")},
		"yaml numbers":               {YAML, yamlList("1")},
		"yaml flow":                  {YAML, repeat("kind: Pod\napiVersion: v1\nspec: {containers: [", "1,", "1]}")},
		"yaml one scalar":            {YAML, repeat("kind: Pod\napiVersion: v1\nspec: {nodeName: '", "a", "'}")},
		"yaml comments":              {YAML, repeat("kind: Pod\napiVersion: v1\n", "#\n", "")},
		"protobuf messages":          {Protobuf, message("\x12\x00")},
		"protobuf strings":           {Protobuf, message("\x5a\x00")},
		"protobuf volumes":           {Protobuf, message("\x0a\x00")},
		"protobuf nested":            {Protobuf, message("\x12\x03\x3a\x01\x00")},
		"cbor maps":                  {CBOR, cborList("\xa0")},
		"cbor numbers":               {CBOR, cborList("\x01")},
		"cbor tags":                  {CBOR, cborList("\xc1\x01")},
		"cbor strings":               {CBOR, cborList("\x40")},
		"cbor lists":                 {CBOR, cborList("\x80")},
		"cbor announced":             {CBOR, pod + "\x9b\x00\x00\x00\x00\x7f\xff\xff\xff" + strings.Repeat("\xa0", 100)},
		"cbor deep":                  {CBOR, pod + strings.Repeat("\x81", mostBody-100) + "\x01"},
		"cbor deep tags":             {CBOR, pod + strings.Repeat("\xc1", mostBody-100) + "\x01"},
	} {
		for _, into := range []apiruntime.Object{&corev1.Pod{}, &unstructured.Unstructured{}} {
			if _, untyped := into.(*unstructured.Unstructured); untyped && c.format == Protobuf {
				continue
			}
			body := &Body{Data: []byte(c.body), Format: c.format, Validation: Strict}
			if len(body.Data) > mostBody {
				t.Fatalf("%s: the body has %d bytes", name, len(body.Data))
			}
			cost := heap.Growth(mostCost, func() {
				fresh := into.DeepCopyObject()
				_, _ = body.Decode(fresh, corev1.SchemeGroupVersion.WithKind("Pod"))
			})
			t.Logf("%s into %T: %.1f MiB", name, into, float64(cost)/(1<<20))
			if cost > mostCost {
				t.Errorf("%s into %T cost %d MiB", name, into, cost>>20)
			}
		}
	}
}
