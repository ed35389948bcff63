package lazycontext

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

type key struct{}

// ends are what may happen to a context, and what it says then.
var ends = []struct {
	name string
	end  func(c *Context, cancelParent context.CancelCauseFunc)
	err  error
	// cause is what context.Cause says.
	cause error
}{
	{"cancelled", func(c *Context, _ context.CancelCauseFunc) { c.Cancel() }, context.Canceled, context.Canceled},
	{"cancelled twice", func(c *Context, _ context.CancelCauseFunc) { c.Cancel(); c.Cancel() }, context.Canceled, context.Canceled},
	{"the parent's end", func(_ *Context, parent context.CancelCauseFunc) { parent(errGone) }, context.Canceled, errGone},
	{"the parent's end, then cancelled", func(c *Context, parent context.CancelCauseFunc) { parent(errGone); c.Cancel() }, context.Canceled, errGone},
	{"the deadline", func(*Context, context.CancelCauseFunc) { time.Sleep(time.Minute) }, context.DeadlineExceeded, context.DeadlineExceeded},
	{"the deadline, then cancelled", func(c *Context, _ context.CancelCauseFunc) { time.Sleep(time.Minute); synctest.Wait(); c.Cancel() }, context.DeadlineExceeded, context.DeadlineExceeded},
}

var errGone = errors.New("gone")

// TestEnds looks at each end from those who waited for it, and from those who
// come later.
func TestEnds(t *testing.T) {
	for _, c := range ends {
		for _, waits := range []string{"nobody", "somebody", "a child", "a function"} {
			t.Run(c.name+", "+waits+" waits", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					parent, cancel := context.WithCancelCause(context.WithValue(context.Background(), key{}, "v"))
					defer cancel(nil)
					ctx := &Context{}
					ctx.Begin(parent, time.Now().Add(time.Minute))
					if ctx.Err() != nil {
						t.Fatalf("it ends before its end: %v", ctx.Err())
					}
					over := wait(ctx, waits)
					c.end(ctx, cancel)
					synctest.Wait()
					if waits != "nobody" && !over() {
						t.Fatalf("%s was not told", waits)
					}
					if err := ctx.Err(); !errors.Is(err, c.err) {
						t.Errorf("Err() = %v, want %v", err, c.err)
					}
					if cause := context.Cause(ctx); !errors.Is(cause, c.cause) {
						t.Errorf("its cause is %v, want %v", cause, c.cause)
					}
					select {
					case <-ctx.Done():
					default:
						t.Error("it has ended and is not done")
					}
					if !errors.Is(ctx.Err(), c.err) {
						t.Errorf("Err() = %v once it was waited for, want %v", ctx.Err(), c.err)
					}
					if ctx.Value(key{}) != "v" {
						t.Error("it has lost its parent's value")
					}
				})
			})
		}
	}
}

// wait lets somebody wait for ctx's end; over tells whether they were told.
func wait(ctx *Context, who string) (over func() bool) {
	told := make(chan struct{})
	over = func() bool {
		select {
		case <-told:
			return true
		default:
			return false
		}
	}
	switch who {
	case "somebody":
		go func() { <-ctx.Done(); close(told) }()
		synctest.Wait()
	case "a child":
		child, cancel := context.WithCancel(ctx)
		go func() { defer cancel(); <-child.Done(); close(told) }()
		synctest.Wait()
	case "a function":
		context.AfterFunc(ctx, func() { close(told) })
	}
	return over
}

func TestDeadline(t *testing.T) {
	now := time.Now()
	sooner, cancel := context.WithDeadline(context.Background(), now.Add(time.Minute))
	defer cancel()
	for _, c := range []struct {
		name           string
		parent         context.Context
		deadline, want time.Time
	}{
		{"none", context.Background(), time.Time{}, time.Time{}},
		{"its own", context.Background(), now.Add(time.Hour), now.Add(time.Hour)},
		{"the parent's", sooner, time.Time{}, now.Add(time.Minute)},
		{"the sooner one is the parent's", sooner, now.Add(time.Hour), now.Add(time.Minute)},
		{"the sooner one is its own", sooner, now.Add(time.Second), now.Add(time.Second)},
	} {
		ctx := &Context{}
		ctx.Begin(c.parent, c.deadline)
		if got, ok := ctx.Deadline(); !got.Equal(c.want) || ok == c.want.IsZero() {
			t.Errorf("%s: Deadline() = %v, %v, want %v", c.name, got, ok, c.want)
		}
		ctx.Cancel()
	}
}

func TestCostsNothingUntilAwaited(t *testing.T) {
	parent, cancel := context.WithCancel(context.Background())
	defer cancel()
	contexts := make([]Context, 101)
	i := 0
	if n := testing.AllocsPerRun(100, func() {
		c := &contexts[i]
		i++
		c.Begin(parent, time.Now().Add(time.Minute))
		_, _ = c.Deadline()
		if c.Err() == nil {
			c.Cancel()
		}
	}); n > 0 {
		t.Errorf("a context that nobody waits for makes %v allocations", n)
	}
}
