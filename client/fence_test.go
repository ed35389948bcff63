package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// slow is an API whose requests take their time.
type slow time.Duration

func (s slow) Do(ctx context.Context, _ Request) (runtime.Object, error) {
	select {
	case <-time.After(time.Duration(s)):
		return nil, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (slow) Watch(context.Context, Request) (watch.Interface, error) {
	return nil, errors.ErrUnsupported
}

// TestFenced holds that a request ends with its owner's right, however long it
// takes, and not before.
func TestFenced(t *testing.T) {
	lost := errors.New("lost")
	for _, c := range []struct {
		name               string
		lasts, right, ends time.Duration
		want               error
	}{
		{"short", time.Second, time.Minute, time.Second, nil},
		{"longer than one renewal lasts", 50 * time.Second, time.Minute, 50 * time.Second, nil},
		{"longer than the right", time.Hour, 40 * time.Second, 45 * time.Second, lost},
	} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			// It is renewed every moment, for fifteen seconds, as long as it lasts.
			fence := func() (time.Time, error) {
				if time.Since(begun) > c.right {
					return time.Time{}, lost
				}
				return time.Now().Add(15 * time.Second), nil
			}
			api := Fenced(slow(c.lasts), fence)
			if _, err := api.Do(t.Context(), Request{}); !errors.Is(err, c.want) || time.Since(begun) != c.ends {
				t.Errorf("%s: %v after %v", c.name, err, time.Since(begun))
			}
			time.Sleep(c.right)
			if _, err := api.Do(t.Context(), Request{}); !errors.Is(err, lost) {
				t.Errorf("%s: a request without the right: %v", c.name, err)
			}
		})
	}
}

type marked struct{}

// seen is an API that wants a mark in the contexts of requests.
type seen struct{ *testing.T }

func (s seen) Do(ctx context.Context, _ Request) (runtime.Object, error) {
	if ctx.Value(marked{}) == nil {
		s.Error("a request without the mark")
	}
	return nil, nil
}

func (seen) Watch(context.Context, Request) (watch.Interface, error) {
	return nil, errors.ErrUnsupported
}

func (s seen) through() Interface { return s }

func TestWithin(t *testing.T) {
	api := Within(seen{t}, func(ctx context.Context) context.Context { return context.WithValue(ctx, marked{}, true) })
	fence := func() (time.Time, error) { return time.Now().Add(time.Hour), nil }
	for _, api := range []Interface{api, Through(api), Fenced(api, fence), Through(Fenced(api, fence))} {
		if _, err := api.Do(t.Context(), Request{}); err != nil {
			t.Error(err)
		}
	}
	if _, is := api.(Source); is {
		t.Error("it offers what the API below does not")
	}
}
