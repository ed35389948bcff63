package etcd

import (
	"context"

	"google.golang.org/grpc/metadata"

	"minke/tracing"
)

// traced begins the span of a call of etcd's KV service, named as OpenTelemetry
// names it, and hands it on to etcd, which may trace too.
func traced(ctx context.Context, method string) (context.Context, *tracing.Span) {
	s := tracing.FromContext(ctx)
	if s == nil {
		return ctx, nil
	}
	if s.Recording() {
		name := "etcdserverpb.KV/" + method
		s = s.Call(name, tracing.String("rpc.system.name", "grpc"), tracing.String("rpc.method", name))
	}
	return handedOn(ctx, s), s
}

func handedOn(ctx context.Context, s *tracing.Span) context.Context {
	s.InjectTo(func(name, value string) { ctx = metadata.AppendToOutgoingContext(ctx, name, value) })
	return ctx
}
