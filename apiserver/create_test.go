package apiserver

import "testing"

// TestNameTaken tells what is known about the object that has the name.
func TestNameTaken(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", cms, `{"metadata":{"name":"a"}}`)
	w.must(201, "POST", cms, `{"metadata":{"name":"b","finalizers":["x.y/z"]}}`)
	w.must(200, "DELETE", cms+"/b", "")
	for _, c := range []struct{ body, want string }{
		{`{"metadata":{"name":"a"}}`, `configmaps "a" already exists`},
		{`{"metadata":{"name":"a","generateName":"x"}}`, `configmaps "a" already exists, the server was not able to generate a unique name for the object`},
		{`{"metadata":{"name":"b"}}`, `object is being deleted: configmaps "b" already exists`},
	} {
		for _, query := range []string{"", "?dryRun=All"} {
			got := w.must(409, "POST", cms+query, c.body)
			w.want(got["message"], c.want, c.body+query)
		}
	}
}

// TestGeneration is the client's where the kind has none of its own.
func TestGeneration(t *testing.T) {
	w := newWorld(t)
	got := w.must(201, "POST", cms, `{"metadata":{"name":"a","generation":7}}`)
	meta, _ := got["metadata"].(map[string]any)
	w.want(meta["generation"], float64(7), "generation")
}

// TestPretty: a word that is no boolean is false, none leaves it to the agent.
func TestPretty(t *testing.T) {
	w := newWorld(t)
	for query, want := range map[string]bool{"": false, "?pretty": false, "?pretty=true": true, "?pretty=1": true, "?pretty=x": false, "?pretty=false": false} {
		body := w.do("GET", cms+query, "").Body.String()
		w.want(len(body) > 1 && body[1] == '\n', want, query)
	}
}
