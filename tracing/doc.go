// Package tracing records spans and sends them to an OpenTelemetry collector, by
// OTLP over gRPC (KEP-647).
//
//	request ─ Serve ──► Span ─ Child, Event, Set ─ End ──► queue ─ Run ──► collector
//	    ▲                │                                   │
//	traceparent          └─ Inject: traceparent              └─ full: dropped and counted
//
// A *Span may be nil: then nothing is recorded, and every method does nothing and
// allocates nothing. A span is kept as the bytes that will be sent, so that what
// waits for the collector is bounded in bytes and costs the garbage collector
// little. The encoding is OTLP's (opentelemetry-proto, trace/v1). It is written
// here because OpenTelemetry's SDK with its exporter, merely linked, would cost
// every server 3.5 MB of binary and 2 MiB of memory.
package tracing
