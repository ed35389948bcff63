package h2

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"
)

// TestTake lets a handler take bodies as a whole.
func TestTake(t *testing.T) {
	s, client := serve(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/read" {
			_, _ = io.ReadFull(r.Body, make([]byte, 1))
		}
		data, ok, err := r.Body.(Whole).Take()
		rest, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%d %v %v, %d", len(data), ok, err, len(rest))
		if !bytes.Equal(data, bytes.Repeat([]byte("b"), len(data))) {
			t.Error("the body has other bytes")
		}
	})
	unknown := func(n int) io.Reader { return io.MultiReader(bytes.NewReader(bytes.Repeat([]byte("b"), n))) }
	known := func(n int) io.Reader { return bytes.NewReader(bytes.Repeat([]byte("b"), n)) }
	for _, c := range []struct {
		name, path string
		body       io.Reader
		want       string
	}{
		{"of one frame", "/", known(100), "100 true <nil>, 0"},
		{"of several frames", "/", known(5 * maxFrame), "81920 true <nil>, 0"},
		{"of all that may come unread", "/", known(streamWindow), "262144 true <nil>, 0"},
		{"of more than that", "/", known(streamWindow + 1), "0 false <nil>, 262145"},
		{"of unknown length", "/", unknown(100), "0 false <nil>, 100"},
		{"that was read from", "/read", known(100), "0 false <nil>, 99"},
	} {
		if _, got := ask(t, client, "POST", s.URL+c.path, c.body); got != c.want {
			t.Errorf("a body %s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestTakeGivesUp when no more comes.
func TestTakeGivesUp(t *testing.T) {
	failed := make(chan error, 1)
	s, client := serve(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/deadline" {
			if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
				t.Error(err)
			}
		}
		_, _, err := r.Body.(Whole).Take()
		failed <- err
	})
	for _, path := range []string{"/deadline", "/reset"} {
		r, w := io.Pipe()
		request, err := http.NewRequest("POST", s.URL+path, r)
		if err != nil {
			t.Fatal(err)
		}
		request.ContentLength = 100
		go func() {
			_, _ = w.Write([]byte("only this"))
			if path == "/reset" {
				_ = w.CloseWithError(errors.New("the client gives up"))
			}
		}()
		go func() {
			if answer, err := client.Do(request); err == nil {
				_ = answer.Body.Close()
			}
			_ = r.Close()
		}()
		if err := <-failed; err == nil || path == "/deadline" && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
