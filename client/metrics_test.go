package client_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"minke/api/inprocess"
	"minke/client"
)

// counted returns the metrics as lines "name{label=value,…} number", with the
// number of what a histogram has observed.
func counted(t *testing.T, m *client.Metrics) []string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range families {
		for _, one := range f.Metric {
			var labels []string
			for _, l := range one.Label {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			n := one.GetCounter().GetValue() + float64(one.GetHistogram().GetSampleCount())
			lines = append(lines, fmt.Sprintf("%s{%s} %v", strings.TrimPrefix(f.GetName(), "rest_client_"), strings.Join(labels, ","), n))
		}
	}
	return lines
}

// ask makes requests of each kind.
func ask(t *testing.T, api client.Interface) {
	t.Helper()
	ctx := t.Context()
	nodes := client.Of(api, client.Nodes)
	for _, name := range []string{"n", "n", "busy", "missing"} {
		if _, err := nodes.Get(ctx, "", name); err != nil && !apierrors.IsNotFound(err) && !apierrors.IsTooManyRequests(err) {
			t.Error(err)
		}
	}
	if _, err := nodes.Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}); err != nil {
		t.Error(err)
	}
	w, err := nodes.Watch(ctx, "", metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range w.ResultChan() {
	}
}

func TestMetricsOfRemote(t *testing.T) {
	server := httptest.NewServer(handle(t))
	defer server.Close()
	made, err := client.Remote(client.RemoteConfig{Server: server.URL, Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	ask(t, made) // not counted
	m := client.NewMetrics()
	server.Config.Handler = handle(t) // it is busy again
	api := client.Counted(made, m)
	ask(t, api)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	host := at.Host
	want := []string{
		"request_duration_seconds{host=" + host + ",verb=GET} 4",
		"request_duration_seconds{host=" + host + ",verb=POST} 1",
		"request_retries_total{code=429,host=" + host + ",verb=GET} 1",
		"request_size_bytes{host=" + host + ",verb=GET} 6",
		"request_size_bytes{host=" + host + ",verb=POST} 1",
		"requests_total{code=200,host=" + host + ",method=GET} 4",
		"requests_total{code=200,host=" + host + ",method=POST} 1",
		"requests_total{code=404,host=" + host + ",method=GET} 1",
		"requests_total{code=429,host=" + host + ",method=GET} 1",
		"response_size_bytes{host=" + host + ",verb=GET} 4",
		"response_size_bytes{host=" + host + ",verb=POST} 1",
	}
	if got := counted(t, m); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	server.Close()
	if _, err := client.Of(api, client.Pods).Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns"}}); err == nil {
		t.Error("a server that is gone has answered")
	}
	if got := counted(t, m); !slices.Contains(got, "requests_total{code=<error>,host="+host+",method=POST} 1") {
		t.Errorf("a server that is gone counts as\n%s", strings.Join(got, "\n"))
	}
}

func TestMetricsInProcess(t *testing.T) {
	m := client.NewMetrics()
	ask(t, client.Counted(client.InProcess(handle(t), nil, &inprocess.User{Name: "me"}), m))
	want := []string{
		"request_duration_seconds{host=in-process,verb=GET} 4",
		"request_duration_seconds{host=in-process,verb=POST} 1",
		"requests_total{code=200,host=in-process,method=GET} 3",
		"requests_total{code=200,host=in-process,method=POST} 1",
		"requests_total{code=404,host=in-process,method=GET} 1",
		"requests_total{code=429,host=in-process,method=GET} 1",
	}
	if got := counted(t, m); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	aborts := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := client.Of(client.Counted(client.InProcess(aborts, nil, nil), m), client.Nodes).Get(t.Context(), "", "n"); err == nil {
		t.Error("an aborted request has an answer")
	}
	if got := counted(t, m); !slices.Contains(got, "requests_total{code=<error>,host=in-process,method=GET} 1") {
		t.Errorf("an aborted request counts as\n%s", strings.Join(got, "\n"))
	}
}

// shared is a source that refuses to be watched from a revision other than "1".
type shared struct{}

func (shared) Snapshot(schema.GroupVersionResource, string) (iter.Seq[runtime.Object], string, error) {
	return slices.Values([]runtime.Object{&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", ResourceVersion: "1"}}}), "1", nil
}

func (shared) WatchShared(_ context.Context, _ schema.GroupVersionResource, _, revision string) (watch.Interface, error) {
	switch revision {
	case "1":
		return watch.NewEmptyWatch(), nil
	case "0":
		return nil, apierrors.NewResourceExpired("too old")
	}
	return nil, errors.New("closed")
}

// TestMetricsOfSharedWatches: a watch of the server's own cache is a request,
// what an informer reads there is none; and the client still is a source.
func TestMetricsOfSharedWatches(t *testing.T) {
	m := client.NewMetrics()
	api := client.Counted(client.InProcess(handle(t), shared{}, &inprocess.User{Name: "me"}), m)
	source, ok := api.(client.Source)
	if !ok {
		t.Fatal("a counted client is no source")
	}
	if _, _, err := source.Snapshot(client.Nodes.Resource, ""); err != nil {
		t.Fatal(err)
	}
	if got := counted(t, m); len(got) != 0 {
		t.Errorf("a read of the cache counts as %v", got)
	}
	for revision, fails := range map[string]bool{"1": false, "0": true, "2": true} {
		if _, err := client.Of(api, client.Nodes).Watch(t.Context(), "", metav1.ListOptions{ResourceVersion: revision}); (err != nil) != fails {
			t.Errorf("watch from %s: %v", revision, err)
		}
	}
	if _, err := client.Of(client.Through(api), client.Nodes).Get(t.Context(), "", "n"); err != nil {
		t.Error(err)
	}
	want := []string{
		"request_duration_seconds{host=in-process,verb=GET} 1",
		"requests_total{code=200,host=in-process,method=GET} 2",
		"requests_total{code=410,host=in-process,method=GET} 1",
		"requests_total{code=<error>,host=in-process,method=GET} 1",
	}
	if got := counted(t, m); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// BenchmarkCounted is what it costs to count a request in this process.
func BenchmarkCounted(b *testing.B) {
	answer := &corev1.Node{}
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.(inprocess.ObjectWriter).WriteObject(http.StatusOK, answer)
	})
	made := client.InProcess(handler, nil, &inprocess.User{Name: "me"})
	for name, api := range map[string]client.Interface{"off": made, "on": client.Counted(made, client.NewMetrics())} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			nodes := client.Of(api, client.Nodes)
			for b.Loop() {
				if _, err := nodes.Get(b.Context(), "", "n"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
