package cluster

import "context"

// runTracer sends spans until stop is called. That is after all else has ended, so
// that the last requests are among them.
func (s *Server) runTracer() (stop func() error) {
	if s.tracer == nil {
		return func() error { return nil }
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.tracer.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}
