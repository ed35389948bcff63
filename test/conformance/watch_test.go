//go:build conformance

package conformance

import (
	"fmt"
	"time"
)

func (t *T) config(name, label, value string) object {
	t.Helper()
	return t.create(fmt.Sprintf(`{apiVersion: v1, kind: ConfigMap, metadata: {name: %s, labels: {watch: %s}}, data: {v: %q}}`, name, label, value))
}

// expect takes the next event and wants it to be this.
func (s *stream) expect(kind, name, value string) object {
	s.t.Helper()
	k, o := s.next()
	s.t.equal("event", fmt.Sprint(k, " ", o.name(), " ", o.str("data.v")), fmt.Sprint(kind, " ", name, " ", value))
	return o
}

func init() {
	add(map[string]func(*T){
		"API094": func(t *T) {
			w := t.watch("configmaps", "&labelSelector=watch%3Da")
			t.config("one", "a", "1")
			w.expect("ADDED", "one", "1")
			t.patch("configmaps/one", `{"data":{"v":"2"}}`)
			last := w.expect("MODIFIED", "one", "2").str("metadata.resourceVersion")
			w.body.Close()
			t.patch("configmaps/one", `{"data":{"v":"3"}}`)
			t.remove("configmaps/one")
			w = t.watch("configmaps", "&labelSelector=watch%3Da&resourceVersion="+last)
			w.expect("MODIFIED", "one", "3")
			w.expect("DELETED", "one", "3")
		},
		"API095": func(t *T) {
			t.config("one", "a", "1")
			from := t.patch("configmaps/one", `{"data":{"v":"2"}}`).str("metadata.resourceVersion")
			t.patch("configmaps/one", `{"data":{"v":"3"}}`)
			t.remove("configmaps/one")
			w := t.watch("configmaps", "&labelSelector=watch%3Da&resourceVersion="+from)
			w.expect("MODIFIED", "one", "3")
			w.expect("DELETED", "one", "3")
		},
		"API096": func(t *T) {
			a, b := t.watch("configmaps", "&labelSelector=watch%3Da"), t.watch("configmaps", "&labelSelector=watch%3Db")
			both := t.watch("configmaps", "&labelSelector=watch%20in%20%28a%2Cb%29")
			for label, w := range map[string]*stream{"a": a, "b": b} {
				t.config(label, label, "1")
				t.patch("configmaps/"+label, `{"data":{"v":"2"}}`)
				t.remove("configmaps/" + label)
				for _, w := range []*stream{w, both} {
					w.expect("ADDED", label, "1")
					w.expect("MODIFIED", label, "2")
					w.expect("DELETED", label, "2")
				}
			}
		},
		"API097": func(t *T) {
			w := t.watch("configmaps", "&labelSelector=watch%3Da")
			t.config("one", "a", "1")
			w.expect("ADDED", "one", "1")
			t.patch("configmaps/one", `{"metadata":{"labels":{"watch":"b"}}}`)
			w.expect("DELETED", "one", "1")
			t.patch("configmaps/one", `{"data":{"v":"2"}}`)
			t.patch("configmaps/one", `{"metadata":{"labels":{"watch":"a"}}}`)
			w.expect("ADDED", "one", "2")
			t.patch("configmaps/one", `{"data":{"v":"3"}}`)
			w.expect("MODIFIED", "one", "3")
			t.remove("configmaps/one")
			w.expect("DELETED", "one", "3")
		},
		"API098": func(t *T) {
			first := t.watch("configmaps", "&fieldSelector=metadata.name%21%3Dkube-root-ca.crt")
			const n = 30
			done := make(chan struct{})
			go func() {
				defer close(done)
				for i := range n {
					body := fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c%02d"}}`, i)
					if _, err := do(t.ctx, request{Method: "POST", Path: t.path("configmaps"), Body: body}); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Millisecond)
				}
			}()
			var versions []string
			var streams []*stream
			for range n {
				_, o := first.next()
				versions = append(versions, o.str("metadata.resourceVersion"))
				streams = append(streams, t.watch("configmaps", "&resourceVersion="+versions[len(versions)-1]+"&fieldSelector=metadata.name%21%3Dkube-root-ca.crt"))
			}
			<-done
			for i, s := range streams {
				for _, wanted := range versions[i+1:] {
					_, o := s.next()
					t.equal("resourceVersion", o.str("metadata.resourceVersion"), wanted)
				}
			}
		},
	})
}
