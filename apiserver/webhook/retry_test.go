package webhook

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

func TestRetry(t *testing.T) {
	busy := apierrors.NewTooManyRequests("busy", 1)
	for _, c := range []struct {
		name string
		errs []error
		want int
	}{
		{"at once", nil, 1},
		{"after two", []error{busy, apierrors.NewInternalError(errors.New("x"))}, 3},
		{"for ever", []error{busy, busy, busy, busy, busy, busy}, 5},
		{"for good", []error{apierrors.NewUnauthorized("no")}, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			err := Retry(context.Background(), func() error {
				calls++
				if calls <= len(c.errs) {
					return c.errs[calls-1]
				}
				return nil
			})
			if calls != c.want || (err == nil) != (len(c.errs) < c.want) {
				t.Errorf("%s: %d calls, %v; want %d", c.name, calls, err, c.want)
			}
		})
	}
}
