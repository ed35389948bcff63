package apiserver

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestCreatorOwnsWhatItSends: what kube-apiserver writes into managedFields of a new
// object, and of the same updated by its creator and by somebody else.
func TestCreatorOwnsWhatItSends(t *testing.T) {
	const (
		spec    = `"f:spec":{"f:replicas":{},"f:selector":{},"f:template":{`
		labels  = `"f:metadata":{"f:labels":{".":{},"f:a":{}}}`
		dataOfK = `"f:data":{".":{},"f:k":{}}`
	)
	large := strings.Repeat("x", largeBody)
	for _, c := range []struct{ name, path, body, change, want, changed string }{
		{"a map", cms, `{"metadata":{"name":"a","labels":{"a":"1"}},"data":{"k":"1"}}`, `{"data":{"l":"2"}}`,
			`m Update {` + dataOfK + `,` + labels + `}`, `m Update {"f:data":{".":{},"f:k":{},"f:l":{}},` + labels + `}`},
		{"another of its shape", cms, `{"metadata":{"name":"b","labels":{"a":"3"}},"data":{"k":"4"}}`, `{"data":{"k":null}}`,
			`m Update {` + dataOfK + `,` + labels + `}`, `m Update {` + labels + `}`},
		{"nothing, and nobody is noted ever", cms, `{"metadata":{"name":"c"}}`, `{"data":{"k":"1"}}`, ``, ``},
		{"a default too, a status not", deployments,
			`{"metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}}}},"status":{"replicas":1}}`, `{"metadata":{"labels":{"a":"1"}}}`,
			`m Update {` + spec + labels + `}}}`, `m Update {` + labels + `,` + spec + labels + `}}}`},
		{"put off for a large one", cms, `{"metadata":{"name":"e"},"data":{"k":"` + large + `"}}`, `{"data":{"l":"1"}}`,
			`m Update {}`, `m Update {"f:data":{".":{},"f:k":{},"f:l":{}}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			entries := func(obj any) string {
				var all []string
				list, _ := at(obj, "metadata", "managedFields").([]any)
				for _, e := range list {
					fields, err := json.Marshal(at(e, "fieldsV1"))
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, text(at(e, "manager"))+" "+text(at(e, "operation"))+" "+string(fields))
				}
				return strings.Join(all, ", ")
			}
			made := w.must(201, "POST", c.path+"?fieldManager=m", c.body)
			w.want(entries(made), c.want, "created")
			name := text(at(made, "metadata", "name"))
			w.want(entries(w.must(200, "GET", c.path+"/"+name, "")), c.want, "read")
			w.want(entries(w.must(200, "PATCH", c.path+"/"+name+"?fieldManager=m", c.change, "Content-Type", mergeMedia)), c.changed, "changed")
			w.want(entries(w.must(201, "POST", c.path+"?fieldManager=m&dryRun=All", strings.Replace(c.body, `"name":"`+name, `"name":"other`, 1))), c.want, "dry run")
		})
	}
}
