package cluster

import (
	"context"

	"minke/tracing"
)

// runTracer sends spans until stop is called. That is after all else has ended, so
// that the last requests are among them. A nil tracer sends none.
func runTracer(t *tracing.Tracer) (stop func() error) {
	if t == nil {
		return func() error { return nil }
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- t.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}
