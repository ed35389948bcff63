package h2

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// never is longer than a test may take: what waits for it fails.
const never = time.Hour

// parked serves requests that write nothing until they are given up: others
// write to their responses, as the fan of a cache does.
type parked struct {
	responses chan *response
	ended     chan struct{}
}

func newParked() *parked {
	return &parked{responses: make(chan *response, 200), ended: make(chan struct{}, 200)}
}

func (p *parked) handle(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).Flush()
	p.responses <- w.(*response)
	<-r.Context().Done()
	p.ended <- struct{}{}
}

// wide lets the server send as much as the socket takes.
func (p *peer) wide(t *testing.T) {
	t.Helper()
	if err := p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30}); err != nil {
		t.Fatal(err)
	}
	if err := p.WriteWindowUpdate(0, 1<<30); err != nil {
		t.Fatal(err)
	}
}

// TestStalledClientDelaysNobody has one client that does not read and 99 that
// do, all served by one goroutine.
func TestStalledClientDelaysNobody(t *testing.T) {
	park := newParked()
	stalled := dial(t, Options{Stall: never}, park.handle)
	stalled.wide(t)
	if err := stalled.request(1, true); err != nil {
		t.Fatal(err)
	}
	deaf := <-park.responses
	event := bytes.Repeat([]byte("e"), 32<<10)
	const readers, events = 99, 5
	var done sync.WaitGroup
	client := stalled.server.Client()
	for range readers {
		done.Go(func() {
			answer, err := client.Get(stalled.server.URL)
			if err != nil {
				t.Error(err)
				return
			}
			defer answer.Body.Close()
			if n, err := io.CopyN(io.Discard, answer.Body, events*int64(len(event))); err != nil {
				t.Errorf("after %d bytes: %v", n, err)
			}
		})
	}
	for sent := 0; deaf.Offer(event); sent += len(event) {
		if sent > 1<<30 {
			t.Fatal("a client that does not read takes all")
		}
	}
	for range readers {
		w := <-park.responses
		for range events {
			_ = deaf.Offer(event) // the kernel may have found some more room
			if !w.Offer(event) {
				if _, err := w.Write(event); err != nil {
					t.Error(err)
				}
				w.Flush()
			}
		}
	}
	_ = stalled.conn.Close()
	done.Wait()
}

// TestOffersAndWritesKeepOrder mixes both, to a client that is slow to read.
func TestOffersAndWritesKeepOrder(t *testing.T) {
	var want bytes.Buffer
	refused := 0
	p := dial(t, Options{Stall: never}, func(rw http.ResponseWriter, _ *http.Request) {
		w := rw.(*response)
		if w.Offer([]byte("too early")) {
			t.Error("a response took an offer before it had begun")
		}
		w.Flush()
		for i := range 4000 {
			line := fmt.Appendf(nil, "%d %s\n", i, bytes.Repeat([]byte("x"), i%5000))
			want.Write(line)
			if i%7 != 0 && w.Offer(line) {
				continue
			}
			refused++
			if _, err := w.Write(line); err != nil {
				t.Error(err)
				return
			}
			if i%3 == 0 {
				w.Flush()
			}
		}
	})
	p.wide(t)
	if err := p.request(1, true); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	p.await(t, func(f http2.Frame) bool {
		data, ok := f.(*http2.DataFrame)
		if ok {
			got.Write(data.Data())
		}
		return ok && data.StreamEnded()
	})
	if !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("%d bytes arrived of %d, or in another order", got.Len(), want.Len())
	}
}

func TestOfferKeepsToTheWindow(t *testing.T) {
	park := newParked()
	p := dial(t, Options{}, park.handle)
	if err := p.request(1, true); err != nil {
		t.Fatal(err)
	}
	w := <-park.responses
	if !w.Offer(make([]byte, 60<<10)) || w.Offer(make([]byte, 6<<10)) {
		t.Error("the window of 65,535 bytes was not kept to")
	}
	// What was taken may wait behind another write, such as that of settings:
	// until it has left there is no room for the rest of the window.
	for !w.Offer(make([]byte, 4<<10-1)) {
		if t.Context().Err() != nil {
			return
		}
		w.Flush()
	}
	if w.Offer([]byte("x")) {
		t.Error("more than the window of 65,535 bytes was taken")
	}
}

// TestConnectionIsCutWhileOffersWait ends a connection with half a record
// written.
func TestConnectionIsCutWhileOffersWait(t *testing.T) {
	park := newParked()
	p := dial(t, Options{Stall: never}, park.handle)
	p.wide(t)
	if err := p.request(1, true); err != nil {
		t.Fatal(err)
	}
	w := <-park.responses
	for w.Offer(make([]byte, 32<<10)) {
	}
	_ = p.conn.Close()
	<-park.ended
	if w.Offer([]byte("late")) {
		t.Error("an offer was taken by a connection that has ended")
	}
}

// TestStalledClientIsCutOff has a client that does not take an offer in time.
func TestStalledClientIsCutOff(t *testing.T) {
	park := newParked()
	p := dial(t, Options{Stall: 50 * time.Millisecond}, park.handle)
	p.wide(t)
	if err := p.request(1, true); err != nil {
		t.Fatal(err)
	}
	w := <-park.responses
	// One that is refused does not yet mean that the client is behind: it may
	// stand behind another write.
	event := make([]byte, 32<<10)
	for {
		select {
		case <-park.ended:
			return
		default:
			w.Offer(event)
		}
	}
}

// BenchmarkOffer sends events of 1 KiB to a client that reads.
func BenchmarkOffer(b *testing.B) {
	park := newParked()
	s, client := serve(b, Options{}, park.handle)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
	answer, err := client.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, answer.Body) }()
	w := <-park.responses
	event := make([]byte, 1<<10)
	b.ReportAllocs()
	for b.Loop() {
		if !w.Offer(event) {
			_, _ = w.Write(event)
			w.Flush()
		}
	}
}
