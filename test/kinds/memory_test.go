package kinds

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"minke/test/heap"
)

// mostCost is what a request of 3 MiB may cost the server, whatever is in it.
const mostCost = 64 << 20

// TestHostileRequests: no body of 3 MiB costs the server more than 64 MiB, all
// the way: decoding, merging, ownership of fields, validation.
func TestHostileRequests(t *testing.T) {
	if !heap.Alone(t) {
		return
	}
	c := serve(t, everything(t))
	c.do("POST", "/api/v1/namespaces/default/configmaps", "application/json", "", []byte(`{"metadata":{"name":"a"}}`))
	c.do("POST", "/api/v1/namespaces/default/pods", "application/json", "", []byte(`{"metadata":{"name":"a"},"spec":{"containers":[{"name":"a","image":"a"}]}}`))
	// many writes as many as fit, or as the server would take: it refuses more.
	many := func(most int, format string) string {
		var b strings.Builder
		for i := 0; i < most && b.Len() < 3<<20-200; i++ {
			fmt.Fprintf(&b, format, fmt.Sprintf("%05x", i))
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	const fields, elements, operations = 59900, 14900, 9900
	const cms, pods = "/api/v1/namespaces/default/configmaps", "/api/v1/namespaces/default/pods"
	for name, r := range map[string]struct{ method, path, media, body string }{
		"labels":          {"POST", cms, "application/json", `{"metadata":{"name":"b","labels":{` + many(fields, `"%s":"",`) + `}}}`},
		"data":            {"POST", cms, "application/json", `{"metadata":{"name":"c"},"data":{` + many(fields, `"%s":"",`) + `}}`},
		"bad data keys":   {"POST", cms, "application/json", `{"metadata":{"name":"d"},"data":{` + many(fields, `"/%s":"",`) + `}}`},
		"bad labels":      {"POST", cms, "application/json", `{"metadata":{"name":"h","labels":{` + many(fields, `"/%s":"/",`) + `}}}`},
		"finalizers":      {"POST", cms, "application/json", `{"metadata":{"name":"e","finalizers":[` + many(elements, `"a/%s",`) + `]}}`},
		"containers":      {"POST", pods, "application/json", `{"metadata":{"name":"b"},"spec":{"containers":[` + many(elements, `{"name":"%s"},`) + `]}}`},
		"apply data":      {"PATCH", cms + "/f?fieldManager=a", "application/apply-patch+yaml", `{"apiVersion":"v1","kind":"ConfigMap","data":{` + many(fields, `"%s":"",`) + `}}`},
		"apply pods":      {"PATCH", pods + "/f?fieldManager=a", "application/apply-patch+yaml", `{"apiVersion":"v1","kind":"Pod","spec":{"containers":[` + many(elements, `{"name":"%s"},`) + `]}}`},
		"merge":           {"PATCH", cms + "/a", "application/merge-patch+json", `{"data":{` + many(fields, `"%s":"",`) + `}}`},
		"merge unknown":   {"PATCH", cms + "/a", "application/merge-patch+json", `{"x":{` + many(fields, `"%s":{},`) + `}}`},
		"merge nulls":     {"PATCH", cms + "/a", "application/merge-patch+json", `{"data":{` + many(fields, `"%s":null,`) + `}}`},
		"strategic":       {"PATCH", cms + "/a", "application/strategic-merge-patch+json", `{"data":{` + many(fields, `"%s":"",`) + `}}`},
		"strategic lists": {"PATCH", pods + "/a", "application/strategic-merge-patch+json", `{"spec":{"containers":[` + many(elements, `{"name":"%s"},`) + `]}}`},
		"strategic order": {"PATCH", pods + "/a", "application/strategic-merge-patch+json", `{"spec":{"$setElementOrder/containers":[` + many(elements, `{"name":"%s"},`) + `]}}`},
		"json patch":      {"PATCH", cms + "/a", "application/json-patch+json", `[{"op":"add","path":"/metadata/annotations","value":{}},` + many(operations, `{"op":"add","path":"/metadata/annotations/%s","value":""},`) + `]`},
		"json patch copy": {"PATCH", cms + "/a", "application/json-patch+json", `[{"op":"add","path":"/data","value":{"a":"` + strings.Repeat("a", 100000) + `"}},` + strings.TrimSuffix(strings.Repeat(`{"op":"copy","from":"/data","path":"/data/b"},`, 9000), ",") + `]`},
		"too much":        {"POST", cms, "application/json", `{"data":{` + many(1<<20, `"%s":"",`) + `}}`},
		"long keys":       {"POST", cms, "application/json", `{"metadata":{"name":"g"},"data":{` + many(fields, `"`+strings.Repeat("x", 20)+`%s":"",`) + `}}`},
		"selector":        {"GET", cms + "?labelSelector=" + strings.Repeat("a,", 300000), "", ""},
	} {
		var code int
		var answer []byte
		began := time.Now()
		cost := heap.Growth(mostCost, func() { code, _, answer = c.do(r.method, r.path, r.media, "application/json", []byte(r.body)) })
		t.Logf("%s: %d, %.1f MiB %s %.120s", name, code, float64(cost)/(1<<20), time.Since(began), answer)
		if cost > mostCost {
			t.Errorf("%s: %d MiB", name, cost>>20)
		}
		if code >= 500 && code != 504 { // a busy machine may take too long
			t.Errorf("%s: %d %.200s", name, code, answer)
		}
	}
}
