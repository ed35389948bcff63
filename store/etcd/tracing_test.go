package etcd

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"minke/store"
	"minke/test/peers"
	"minke/tracing"
	"minke/tracing/tracingtest"
)

// TestTraced: a call is a span, and etcd is told that its own are below it.
func TestTraced(t *testing.T) {
	collector := tracingtest.New(t)
	tracer, flush := collector.Tracer(t, 1_000_000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := &Store{ctx: ctx, opts: Options{Timeout: time.Minute}}
	told := ""
	call := func(ctx context.Context, fail error) error {
		return s.call(ctx, "Txn", unmade, func(ctx context.Context, _ ...grpc.CallOption) error {
			md, _ := metadata.FromOutgoingContext(ctx)
			if got := md.Get("traceparent"); len(got) == 1 {
				told = got[0]
			}
			return fail
		})
	}
	root := tracer.Serve(tracing.Arrival{Name: "GET"})
	if err := call(root.Within(ctx), nil); err != nil {
		t.Fatal(err)
	}
	want := told
	if err := call(root.Within(ctx), status.Error(codes.Unavailable, "away")); !errors.Is(err, store.ErrUnavailable) {
		t.Fatal(err)
	}
	told = ""
	if err := call(ctx, nil); err != nil || told != "" {
		t.Errorf("a call that nobody traces tells etcd %q (%v)", told, err)
	}
	flush()
	spans := collector.Named("etcdserverpb.KV/Txn")
	if len(spans) != 2 || spans[0].Attr("rpc.method") != "etcdserverpb.KV/Txn" || want != "00-"+spans[0].Trace()+"-"+spans[0].ID()+"-01" {
		t.Fatalf("spans %v; etcd was told %q", spans, want)
	}
	if spans[0].Status != nil || spans[1].Status.GetMessage() == "" {
		t.Errorf("the states are %v and %v", spans[0].Status, spans[1].Status)
	}
}

// TestEtcdTracesToo: a real etcd takes up the trace and puts its own spans below
// the store's.
func TestEtcdTracesToo(t *testing.T) {
	collector := tracingtest.New(t)
	tracer, flush := collector.Tracer(t, 1_000_000)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50") // ms
	member := peers.StartEtcd(t, "--enable-distributed-tracing", "--distributed-tracing-address", collector.Endpoint)
	st := open(t, []string{member.URL}, Options{Timeout: time.Minute}) // it has yet to start
	root := tracer.Serve(tracing.Arrival{Name: "GET"})
	_, err := st.Txn(root.Within(t.Context()), store.Txn{Writes: []store.Write{{Key: "/registry/a", Value: []byte("v")}}})
	root.End()
	if err != nil {
		t.Fatal(err)
	}
	raft := collector.Await(t, "txn")
	theirs := collector.Await(t, "etcdserverpb.KV/Txn") // ours waits for the flush
	flush()
	for _, ours := range collector.Named("etcdserverpb.KV/Txn") {
		if ours.Resource["service.name"] == "etcd" {
			continue
		}
		if theirs.Resource["service.name"] != "etcd" || theirs.Parent() != ours.ID() || raft.Trace() != ours.Trace() || ours.Parent() != collector.One(t, "GET").ID() {
			t.Errorf("etcd's span %v is not below %v", theirs, ours)
		}
		return
	}
	t.Error("the store has no span")
}
