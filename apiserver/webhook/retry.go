package webhook

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Retry calls f up to five times, as authenticators and authorizers do: again
// after an error that may pass, with growing pauses, until ctx ends.
func Retry(ctx context.Context, f func() error) error {
	const tries = 5
	pause := 500 * time.Millisecond
	for n := 1; ; n++ {
		err := f()
		if err == nil || n == tries || !passing(err) {
			return err
		}
		jittered := pause + time.Duration(rand.Int64N(int64(pause)/5))
		select {
		case <-time.After(jittered):
		case <-ctx.Done():
			return err
		}
		pause = pause * 3 / 2
	}
}

// passing tells errors that another try may not meet.
func passing(err error) bool {
	if apierrors.IsInternalError(err) || apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err) || apierrors.IsTooManyRequests(err) {
		return true
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return status.Status().Code >= 500
	}
	var timeout net.Error
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &timeout) && timeout.Timeout()
}
