package h2

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// serve starts a server that speaks HTTP/2 by this package, and returns it with
// a client of its.
func serve(t testing.TB, o Options, h http.HandlerFunc) (*httptest.Server, *http.Client) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	Configure(s.Config, o)
	s.EnableHTTP2 = true
	s.Listener = Listener(s.Listener)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, s.Client()
}

func ask(t testing.TB, client *http.Client, method, url string, body io.Reader) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.ProtoMajor != 2 {
		t.Fatalf("the answer came by %s", answer.Proto)
	}
	return answer, string(data)
}

func TestRequestAndAnswer(t *testing.T) {
	s, client := serve(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("X-Seen", fmt.Sprint(r.Method, r.URL.Path, r.URL.Query(), r.Host != "", r.TLS != nil, r.ContentLength, r.Header.Get("X-Custom")))
		if r.URL.Path == "/status" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		_, _ = w.Write(body)
	})
	r, err := http.NewRequest("PUT", s.URL+"/a%20b?q=1", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Custom", "yes")
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, _ := io.ReadAll(answer.Body)
	if got, want := answer.Header.Get("X-Seen"), "PUT/a bmap[q:[1]] true true 5yes"; got != want || string(data) != "hello" {
		t.Errorf("got %q %q, want %q", got, data, want)
	}
	if answer.Header.Get("Date") == "" || answer.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("the header is %v", answer.Header)
	}
	if answer, body := ask(t, client, "GET", s.URL+"/status", nil); answer.StatusCode != http.StatusTeapot || body != "" {
		t.Errorf("got %d %q", answer.StatusCode, body)
	}
}

// TestLarge sends bodies beyond all windows, both ways, many at a time.
func TestLarge(t *testing.T) {
	s, client := serve(t, Options{}, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	want := make([]byte, 5<<20)
	if _, err := rand.Read(want); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, got := ask(t, client, "POST", s.URL, bytes.NewReader(want))
			if got != string(want) {
				t.Errorf("%d bytes came back wrong", len(got))
			}
		})
	}
	all.Wait()
}

// TestUnreadBody answers before the body has come, which must not use up the
// connection's window.
func TestUnreadBody(t *testing.T) {
	s, client := serve(t, Options{}, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) })
	for range 20 {
		r, err := http.NewRequest("POST", s.URL, bytes.NewReader(make([]byte, 512<<10)))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusForbidden {
			t.Fatalf("got %d", answer.StatusCode)
		}
	}
}

func TestHead(t *testing.T) {
	s, client := serve(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "5")
		_, _ = io.WriteString(w, "hello")
	})
	if answer, body := ask(t, client, "HEAD", s.URL, nil); body != "" || answer.ContentLength != 5 {
		t.Errorf("got %q, length %d", body, answer.ContentLength)
	}
}

// TestStream flushes piece by piece and then sees the client go.
func TestStream(t *testing.T) {
	gone := make(chan struct{})
	next := make(chan struct{})
	s, client := serve(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		for i := range 3 {
			fmt.Fprintln(w, i)
			if err := control.Flush(); err != nil {
				t.Error(err)
			}
			<-next
		}
		<-r.Context().Done()
		close(gone)
	})
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		line := make([]byte, 2)
		if _, err := io.ReadFull(answer.Body, line); err != nil || string(line) != fmt.Sprintln(i) {
			t.Fatalf("got %q, %v", line, err)
		}
		next <- struct{}{}
	}
	cancel()
	<-gone
}

func TestPanicEndsTheRequestAlone(t *testing.T) {
	s, client := serve(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic(http.ErrAbortHandler)
		}
	})
	if _, err := client.Get(s.URL + "/panic"); err == nil {
		t.Error("a panic is answered as if nothing had happened")
	}
	if answer, _ := ask(t, client, "GET", s.URL+"/", nil); answer.StatusCode != http.StatusOK {
		t.Errorf("got %d", answer.StatusCode)
	}
}

func TestReadDeadline(t *testing.T) {
	failed := make(chan error, 1)
	s, client := serve(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Error(err)
		}
		_, err := io.ReadAll(r.Body)
		failed <- err
	})
	slow, hold := io.Pipe()
	defer hold.Close()
	r, err := http.NewRequest("POST", s.URL, slow)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if answer, err := client.Do(r); err == nil {
			answer.Body.Close()
		}
	}()
	if err := <-failed; err == nil {
		t.Error("reading went on beyond the deadline")
	}
}

// TestShutdown lets a request that runs be answered.
func TestShutdown(t *testing.T) {
	began, finish := make(chan struct{}), make(chan struct{})
	s, client := serve(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-finish
		_, _ = io.WriteString(w, "done")
	})
	answered := make(chan string, 1)
	go func() {
		_, body := ask(t, client, "GET", s.URL, nil)
		answered <- body
	}()
	<-began
	stopped := make(chan error, 1)
	go func() { stopped <- s.Config.Shutdown(t.Context()) }()
	close(finish)
	if body := <-answered; body != "done" {
		t.Errorf("got %q", body)
	}
	if err := <-stopped; err != nil && !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

// TestShutdownOfAnIdleConnection finds nobody who would end it afterwards.
func TestShutdownOfAnIdleConnection(t *testing.T) {
	s, client := serve(t, Options{}, func(http.ResponseWriter, *http.Request) {})
	ask(t, client, "GET", s.URL, nil)
	if err := s.Config.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func BenchmarkGet(b *testing.B) {
	payload := []byte(strings.Repeat("x", 1500))
	s, client := serve(b, Options{}, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(payload) })
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			ask(b, client, "GET", s.URL, nil)
		}
	})
}
