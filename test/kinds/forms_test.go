package kinds

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"

	"minke/apiserver/codec"
)

// forms reads the one object that there is as a list, as metadata alone, as a
// table and from a watch.
func (l *life) forms(at string, want map[string]string) {
	l.Helper()
	if l.r.Serves("list") {
		list := l.r.NewList()
		l.read(l.path, "", list, l.r.Kind.GroupVersion().WithKind(l.r.Kind.Kind+"List"))
		items, err := meta.ExtractList(list)
		if err != nil || len(items) == 0 {
			l.Fatalf("%s: list: %d items, %v", l.format, len(items), err)
		}
		missing := 0
		got := leaves(items[len(items)-1])
		for path, value := range want {
			if path != "kind" && path != "apiVersion" && got[path] != value && !ownedByServer(l.r, path) && !nested.MatchString(path) {
				missing++
			}
		}
		if len(items) == 1 && missing > 0 {
			l.Errorf("%s: list: %d leaves are missing", l.format, missing)
		}
		partials := &metav1.PartialObjectMetadataList{}
		l.read(l.path, "PartialObjectMetadataList", partials, metav1.SchemeGroupVersion.WithKind("PartialObjectMetadataList"))
		if len(partials.Items) != len(items) {
			l.Errorf("%s: partial list: %d items", l.format, len(partials.Items))
		}
	}
	partial := &metav1.PartialObjectMetadata{}
	l.read(at, "PartialObjectMetadata", partial, metav1.SchemeGroupVersion.WithKind("PartialObjectMetadata"))
	if partial.Labels["label"] != "value" {
		l.Errorf("%s: partial: %+v", l.format, partial)
	}
	if l.format != codec.Protobuf { // for which there is no Table, not in Kubernetes either
		table := &metav1.Table{}
		l.read(at, "Table", table, metav1.SchemeGroupVersion.WithKind("Table"))
		if len(table.Rows) != 1 || len(table.Rows[0].Cells) != len(table.ColumnDefinitions) {
			l.Errorf("%s: table: %+v", l.format, table)
		}
	}
	if l.r.Serves("watch") && l.format != codec.YAML { // which no watch is served in
		for _, as := range []string{"", "PartialObjectMetadata", "Table"} {
			if as == "Table" && l.format == codec.Protobuf {
				continue
			}
			kind := l.r.Kind.Kind
			if as != "" {
				kind = as
			}
			if event, got := l.firstEvent(as); event != "ADDED" || got != kind {
				l.Errorf("%s: watch as %q: %s of a %s", l.format, as, event, got)
			}
		}
	}
}

func (l *life) accept(as string) string {
	if as == "" {
		return l.format.String()
	}
	return l.format.String() + ";as=" + as + ";v=v1;g=meta.k8s.io"
}

func (l *life) read(path, as string, into runtime.Object, kind schema.GroupVersionKind) {
	l.Helper()
	code, media, data := l.client.do("GET", path, "", l.accept(as), nil)
	if code != 200 || media != l.format.String() {
		l.Fatalf("%s: GET %s as %q: %d %s %.300s", l.format, path, as, code, media, data)
	}
	body := codec.Body{Data: data, Format: l.format, Validation: codec.Strict}
	if _, err := body.Decode(into, kind); err != nil {
		l.Fatalf("%s: GET %s as %q: %v", l.format, path, as, err)
	}
}

// firstEvent watches and returns the type of the first event and the kind of
// its object.
func (l *life) firstEvent(as string) (event, kind string) {
	l.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", l.client.base+l.path+"?watch=1&resourceVersion=0", nil)
	if err != nil {
		l.Fatal(err)
	}
	r.Header.Set("Accept", l.accept(as))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		l.Fatal(err)
	}
	defer resp.Body.Close()
	switch l.format {
	case codec.Protobuf:
		return l.protobufEvent(resp)
	case codec.CBOR:
		if media := resp.Header.Get("Content-Type"); media != codec.MediaCBORSequence {
			l.Errorf("a watch in %s", media)
		}
		frame := make([]byte, 1<<20)
		n, err := cbor.NewFramer().NewFrameReader(resp.Body).Read(frame)
		if err != nil {
			l.Fatal(err)
		}
		var got map[string]any
		if err := direct.Unmarshal(frame[:n], &got); err != nil {
			l.Fatal(err)
		}
		return got["type"].(string), (&unstructured.Unstructured{Object: got["object"].(map[string]any)}).GetKind()
	}
	line, err := bufio.NewReader(resp.Body).ReadBytes('\n')
	if err != nil {
		l.Fatal(err)
	}
	var got struct {
		Type   string
		Object struct{ Kind string }
	}
	if err := json.Unmarshal(line, &got); err != nil {
		l.Fatal(err)
	}
	return got.Type, got.Object.Kind
}

func (l *life) protobufEvent(resp *http.Response) (event, kind string) {
	if media := resp.Header.Get("Content-Type"); !strings.HasSuffix(media, ";stream=watch") {
		l.Errorf("a watch in %s", media)
	}
	var size [4]byte
	if _, err := io.ReadFull(resp.Body, size[:]); err != nil {
		l.Fatal(err)
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(resp.Body, frame); err != nil {
		l.Fatal(err)
	}
	var got metav1.WatchEvent
	if err := got.Unmarshal(frame); err != nil {
		l.Fatal(err)
	}
	named, _, err := codec.OpenEnvelope(got.Object.Raw)
	if err != nil {
		l.Fatal(err)
	}
	return got.Type, named.Kind
}
