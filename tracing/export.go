package tracing

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

// When batches are sent, and for how long that is tried; the numbers are those of
// OpenTelemetry's batch processor and OTLP exporter.
const (
	gather     = 5 * time.Second  // after the first span of a batch
	attempt    = 10 * time.Second // for one call
	retryFirst = 5 * time.Second
	retryMost  = 30 * time.Second
	retryAll   = time.Minute // then the batch is dropped
	farewell   = 5 * time.Second
)

// method is how OTLP is called over gRPC.
const method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

// exporter sends batches to the collector.
type exporter struct {
	// call sends a request and returns the answer; hangUp ends the connection.
	call     func(ctx context.Context, request []byte) (answer []byte, err error)
	hangUp   func() error
	endpoint string
	log      *slog.Logger
	// patience is for one call.
	patience time.Duration
	// resource is the message of the resource, the same in all.
	resource []byte

	exported, failed atomic.Uint64

	// Run's own: whether the last call failed, and how many lost spans were told
	// of.
	failing          bool
	told, toldFailed uint64
}

func (e *exporter) open(c Config) error {
	e.log = c.Log
	if e.log == nil {
		e.log = slog.Default()
	}
	endpoint := c.Endpoint
	if endpoint == "" {
		endpoint = DefaultEndpoint
	}
	e.resource = resource(&c)
	for _, why := range c.Environment.Ignored {
		e.log.Warn("an environment variable of OpenTelemetry is ignored", "cause", why)
	}
	secure := insecure.NewCredentials()
	if c.Environment.TLS != nil {
		secure = credentials.NewTLS(c.Environment.TLS)
	}
	each := []grpc.CallOption{grpc.ForceCodecV2(raw{}), grpc.MaxCallRecvMsgSize(64 << 10)}
	if c.Environment.Gzip {
		each = append(each, grpc.UseCompressor(gzip.Name))
	}
	options := []grpc.DialOption{grpc.WithTransportCredentials(secure), grpc.WithDefaultCallOptions(each...)}
	if c.Dial != nil && !strings.HasPrefix(endpoint, "unix") {
		options = append(options, grpc.WithContextDialer(c.Dial))
	}
	conn, err := grpc.NewClient(endpoint, options...)
	if err != nil {
		return fmt.Errorf("trace to %s: %w", endpoint, err)
	}
	e.endpoint, e.hangUp, e.patience = endpoint, conn.Close, cmp.Or(c.Environment.Timeout, attempt)
	headers := metadata.New(c.Environment.Headers)
	e.call = func(ctx context.Context, request []byte) (answer []byte, err error) {
		err = conn.Invoke(metadata.NewOutgoingContext(ctx, headers), method, request, &answer)
		return answer, err
	}
	return nil
}

// resource is the message of the resource: what the configuration says goes before
// the environment.
func resource(c *Config) (message []byte) {
	own := []Attribute{}
	for _, a := range []Attribute{String("service.name", clean(c.Service)), String("service.instance.id", clean(c.Instance)), String("host.name", clean(c.Host))} {
		if a.text != "" {
			own = append(own, a)
		}
	}
	for _, a := range c.Environment.Attributes {
		if !slices.ContainsFunc(own, func(o Attribute) bool { return o.key == a.key }) {
			own = append(own, a)
		}
	}
	return appendAttributes(nil, 1, own)
}

// raw hands messages to gRPC as they are.
type raw struct{}

// Name implements encoding.CodecV2: what is sent is protobuf.
func (raw) Name() string { return "proto" }

// Marshal implements encoding.CodecV2.
func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

// Unmarshal implements encoding.CodecV2.
func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// Run sends what has ended until ctx does, and then for a few seconds what is
// left. It must be called once. Its error is that of ending the connection.
func (t *Tracer) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		select {
		case <-t.queue.wake:
		case <-ctx.Done():
			continue
		}
		if !t.queue.full() {
			t.gather(ctx)
		}
		t.send(ctx, t.queue.take())
		t.queue.again()
	}
	return t.close()
}

// gather waits for a batch to become full.
func (t *Tracer) gather(ctx context.Context) {
	timer := time.NewTimer(gather)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.queue.wake:
	case <-ctx.Done():
	}
}

// close sends what is left and ends the connection.
func (t *Tracer) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	for batch := t.queue.take(); len(batch) > 0; batch = t.queue.take() {
		rejected, err := t.once(ctx, batch)
		t.count(len(batch), rejected, err)
	}
	return t.hangUp()
}

// send sends a batch, again for a minute when the collector is away. A batch that
// ctx's end interrupts goes back, to be sent at the end.
func (t *Tracer) send(ctx context.Context, batch [][]byte) {
	if len(batch) == 0 {
		return
	}
	until := time.Now().Add(retryAll)
	pause := retryFirst
	for {
		rejected, err := t.once(ctx, batch)
		if err != nil && ctx.Err() != nil {
			t.queue.putBack(batch)
			return
		}
		t.tell(err)
		wait := pause/2 + rand.N(pause)
		if err == nil || !passing(err) || time.Now().Add(wait).After(until) {
			t.count(len(batch), rejected, err)
			return
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			t.queue.putBack(batch)
			return
		}
		pause = min(pause*3/2, retryMost)
	}
}

// passing tells errors after which OTLP asks to come again (OTLP specification,
// "Failures").
func passing(err error) bool {
	switch status.Code(err) {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss, codes.ResourceExhausted:
		return true
	}
	return false
}

// count counts what became of n spans.
func (t *Tracer) count(n, rejected int, err error) {
	if err != nil {
		rejected = n
	}
	t.failed.Add(uint64(rejected))
	t.exported.Add(uint64(n - rejected))
}

// tell says when the collector ceases to take spans and when it takes them again,
// and when they come faster than it does.
func (t *Tracer) tell(err error) {
	dropped := t.queue.dropped.Load()
	switch {
	case err != nil && !t.failing:
		t.log.Warn("the collector does not take spans; those that find no place to wait are dropped", "endpoint", t.endpoint, "error", err)
	case err == nil && t.failing:
		t.log.Info("the collector takes spans again", "endpoint", t.endpoint, "dropped", dropped-t.told+t.failed.Load()-t.toldFailed)
	case err == nil && dropped > t.told:
		t.log.Warn("spans were dropped: they come faster than the collector takes them", "endpoint", t.endpoint, "dropped", dropped-t.told)
	}
	if t.failing = err != nil; !t.failing {
		t.told, t.toldFailed = dropped, t.failed.Load()
	}
}

// once calls the collector, and returns how many spans it refused.
func (t *Tracer) once(ctx context.Context, batch [][]byte) (rejected int, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.patience)
	defer cancel()
	answer, err := t.call(ctx, t.request(batch))
	if err != nil {
		return 0, err
	}
	rejected, why := rejection(answer)
	if rejected > 0 || why != "" {
		t.log.Warn("the collector has a complaint about spans", "endpoint", t.endpoint, "rejected", rejected, "message", why)
	}
	return min(rejected, len(batch)), nil
}

// scope names who made the spans.
var scope = appendText(nil, 1, "minke")

// request makes the ExportTraceServiceRequest:
//
//	1 ResourceSpans { 1 resource, 2 ScopeSpans { 1 scope, 2 spans … } }
func (t *Tracer) request(batch [][]byte) []byte {
	spans := 1 + protowire.SizeBytes(len(scope))
	for _, s := range batch {
		spans += 1 + protowire.SizeBytes(len(s))
	}
	all := 1 + protowire.SizeBytes(len(t.resource)) + 1 + protowire.SizeBytes(spans)
	b := appendLength(make([]byte, 0, all+16), 1, all)
	b = appendBytes(b, 1, t.resource)
	b = appendLength(b, 2, spans)
	b = appendBytes(b, 1, scope)
	for _, s := range batch {
		b = appendBytes(b, 2, s)
	}
	return b
}

// rejection reads an ExportTraceServiceResponse:
//
//	1 partial success { 1 rejected spans, 2 message }
func rejection(answer []byte) (rejected int, why string) {
	partial, _ := field(answer, 1)
	_, n := field(partial, 1)
	text, _ := field(partial, 2)
	return int(min(n, maxBatch)), fmt.Sprintf("%.200s", text)
}

// field returns the last value of a field, as bytes or as a number.
func field(message []byte, wanted protowire.Number) (data []byte, number uint64) {
	for len(message) > 0 {
		at, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil, 0
		}
		message = message[n:]
		if n = protowire.ConsumeFieldValue(at, kind, message); n < 0 {
			return nil, 0
		}
		if at == wanted {
			switch kind {
			case protowire.BytesType:
				data, _ = protowire.ConsumeBytes(message)
			case protowire.VarintType:
				number, _ = protowire.ConsumeVarint(message)
			}
		}
		message = message[n:]
	}
	return data, number
}
