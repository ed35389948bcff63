package tracing

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// world is a tracer whose collector is away for a time.
type world struct {
	*Tracer
	log     bytes.Buffer
	until   time.Time
	code    codes.Code
	spans   int
	calls   int
	largest int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{code: codes.Unavailable}
	var err error
	w.Tracer, err = New(Config{SamplingRatePerMillion: million, Log: slog.New(slog.NewTextHandler(&w.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.hangUp(); err != nil { // nobody listens there
		t.Fatal(err)
	}
	w.hangUp = func() error { return nil }
	w.call = func(_ context.Context, request []byte) ([]byte, error) {
		w.calls++
		w.largest = max(w.largest, len(request))
		if time.Now().Before(w.until) {
			return nil, status.Error(w.code, "away")
		}
		w.spans += strings.Count(string(request), "Traced")
		return nil, nil
	}
	return w
}

func (w *world) record(n int) {
	for range n {
		w.Serve(Arrival{Name: "Traced"}).End()
	}
}

// during runs the tracer while f does something, and then ends it.
func (w *world) during(t *testing.T, f func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	f()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestExport(t *testing.T) {
	for name, f := range map[string]func(*testing.T, *world){
		"a batch is gathered": func(t *testing.T, w *world) {
			w.during(t, func() {
				w.record(3)
				time.Sleep(gather - time.Millisecond)
				synctest.Wait()
				if w.calls != 0 {
					t.Errorf("%d calls before the time", w.calls)
				}
				w.record(4)
				time.Sleep(2 * time.Millisecond)
				synctest.Wait()
				if w.calls != 1 || w.spans != 7 {
					t.Errorf("%d calls with %d spans, want one with 7", w.calls, w.spans)
				}
			})
		},
		"a full batch does not wait": func(t *testing.T, w *world) {
			w.during(t, func() {
				w.record(maxBatch)
				synctest.Wait()
				if w.calls != 1 || w.spans != maxBatch {
					t.Errorf("%d calls with %d spans", w.calls, w.spans)
				}
				w.record(1)
				time.Sleep(gather)
				synctest.Wait()
				if w.spans != maxBatch+1 {
					t.Errorf("%d spans came", w.spans)
				}
			})
		},
		"nothing is sent when nothing is there": func(t *testing.T, w *world) {
			w.during(t, func() { time.Sleep(time.Hour) })
			if w.calls != 0 {
				t.Errorf("%d calls", w.calls)
			}
		},
		"the end flushes": func(t *testing.T, w *world) {
			w.during(t, func() {
				w.record(maxQueue)
				synctest.Wait()
				w.record(700)
			})
			if w.spans != maxQueue+700 || w.failed.Load() != 0 {
				t.Errorf("%d spans came, %d lost", w.spans, w.failed.Load())
			}
		},
		"an outage of seconds loses nothing": func(t *testing.T, w *world) {
			w.until = time.Now().Add(20 * time.Second)
			w.during(t, func() {
				w.record(100)
				time.Sleep(2 * time.Minute)
				synctest.Wait()
			})
			if w.spans != 100 || w.exported.Load() != 100 || w.failed.Load() != 0 {
				t.Errorf("%d spans came, %d counted, %d lost", w.spans, w.exported.Load(), w.failed.Load())
			}
			w.said(t, 1, 1)
		},
		"an outage of an hour is counted and told once": func(t *testing.T, w *world) {
			w.until = time.Now().Add(time.Hour)
			const each = 3000
			w.during(t, func() {
				for range 70 {
					w.record(each)
					time.Sleep(time.Minute)
				}
				synctest.Wait()
			})
			lost := w.failed.Load() + w.queue.dropped.Load()
			if lost == 0 || uint64(w.spans)+lost != 70*each || w.exported.Load() != uint64(w.spans) {
				t.Errorf("%d spans came and %d were lost of %d", w.spans, lost, 70*each)
			}
			if w.spans < 10*maxQueue {
				t.Errorf("%d spans came after the outage", w.spans)
			}
		},
		"what cannot be sent is not tried again": func(t *testing.T, w *world) {
			w.until, w.code = time.Now().Add(time.Hour), codes.InvalidArgument
			w.during(t, func() {
				w.record(10)
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				if w.calls != 1 || w.failed.Load() != 10 {
					t.Errorf("%d calls, %d lost", w.calls, w.failed.Load())
				}
			})
			w.said(t, 1, 0)
		},
		"an end during an outage": func(t *testing.T, w *world) {
			w.until = time.Now().Add(time.Hour)
			began := time.Now()
			w.during(t, func() {
				w.record(10)
				time.Sleep(7 * time.Second)
				synctest.Wait()
			})
			if w.failed.Load() != 10 || time.Since(began) > 7*time.Second+farewell {
				t.Errorf("%d lost after %v", w.failed.Load(), time.Since(began))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, newWorld(t)) })
		})
	}
}

// said compares how often the log tells of an outage and of its end.
func (w *world) said(t *testing.T, outages, ends int) {
	t.Helper()
	log := w.log.String()
	if o, e := strings.Count(log, "does not take spans"), strings.Count(log, "takes spans again"); o != outages || e != ends {
		t.Errorf("the log tells of %d outages and %d ends, want %d and %d:\n%s", o, e, outages, ends, log)
	}
}

// TestQueueIsBounded in number and in bytes.
func TestQueueIsBounded(t *testing.T) {
	w := newWorld(t)
	w.record(maxQueue + 5)
	if len(w.queue.spans) != maxQueue || w.queue.dropped.Load() != 5 {
		t.Errorf("%d wait and %d were dropped", len(w.queue.spans), w.queue.dropped.Load())
	}
	w = newWorld(t)
	big := make([]byte, maxSpan)
	for range maxQueue {
		w.queue.add(big)
	}
	if w.queue.bytes > maxQueueBytes || w.queue.dropped.Load() == 0 {
		t.Errorf("%d bytes wait, %d were dropped", w.queue.bytes, w.queue.dropped.Load())
	}
	for batch := w.queue.take(); len(batch) > 0; batch = w.queue.take() {
		if size := len(w.request(batch)); size > maxBatchBytes+maxSpan {
			t.Errorf("a request has %d bytes", size)
		}
	}
	if w.queue.bytes != 0 || w.queue.spans != nil {
		t.Errorf("%d bytes are left", w.queue.bytes)
	}
}

// TestRate: as many traces are sampled as were asked for, and the same ones as
// at any higher rate.
func TestRate(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const n = 200_000
	var counted [3]int
	rates := [3]int32{1000, 100_000, 900_000}
	for range n {
		var id [16]byte
		for i := range id {
			id[i] = byte(random.Uint32())
		}
		before := false
		for i, rate := range rates {
			tracer := Tracer{below: bound(rate)}
			now := tracer.sampled(id)
			if before && !now {
				t.Fatalf("%x is sampled at a lower rate than %d, and not there", id, rate)
			}
			if before = now; now {
				counted[i]++
			}
		}
	}
	for i, rate := range rates {
		want := float64(n) * float64(rate) / million
		if got := float64(counted[i]); got < want*0.8 || got > want*1.2 {
			t.Errorf("at a rate of %d per million %v of %d were sampled", rate, got, n)
		}
	}
	all := Tracer{below: bound(million)}
	none := Tracer{below: bound(0)}
	top := [16]byte{8: 255, 9: 255, 10: 255, 11: 255, 12: 255, 13: 255, 14: 255, 15: 255}
	if !all.sampled(top) || none.sampled([16]byte{}) {
		t.Error("all are not all, or none is not none")
	}
}

// TestConcurrent is for the race detector: a span is told things, and ends, from
// several goroutines while it is sent.
func TestConcurrent(t *testing.T) {
	w := newWorld(t)
	var done atomic.Int32
	synctest.Test(t, func(t *testing.T) {
		root := w.Serve(Arrival{Name: "Traced"})
		for range 8 {
			go func() {
				for range 50 {
					c := root.Child("child")
					root.Event("e")
					c.End()
				}
				root.End()
				done.Add(1)
			}()
		}
		synctest.Wait()
	})
	if done.Load() != 8 || w.queue.added.Load() != 401 {
		t.Errorf("%d goroutines ended, %d spans", done.Load(), w.queue.added.Load())
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		Config
		want string
	}{
		{Config{}, ""},
		{Config{Endpoint: "localhost:4317", SamplingRatePerMillion: million}, ""},
		{Config{Endpoint: "dns://google.com:4317"}, ""},
		{Config{Endpoint: "unix://path/socket"}, ""},
		{Config{Endpoint: "unix-abstract:///x"}, ""},
		{Config{Endpoint: "http://localhost:4317"}, "unsupported scheme: http"},
		{Config{Endpoint: "dns://%"}, "endpoint: Invalid value"},
		{Config{SamplingRatePerMillion: -1}, "sampling rate must be positive"},
		{Config{SamplingRatePerMillion: million + 1}, "must be less than or equal to one million"},
	} {
		err := c.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.Config, err, c.want)
		}
	}
}
