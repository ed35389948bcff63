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
		s = s.Call("etcdserverpb.KV/"+method, tracing.String("rpc.system", "grpc"),
			tracing.String("rpc.service", "etcdserverpb.KV"), tracing.String("rpc.method", method))
	}
	return handedOn(ctx, s), s
}

func handedOn(ctx context.Context, s *tracing.Span) context.Context {
	s.InjectTo(func(name, value string) { ctx = metadata.AppendToOutgoingContext(ctx, name, value) })
	return ctx
}
