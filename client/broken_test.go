package client_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
)

// fragile is a connection that breaks when it is told.
type fragile struct {
	net.Conn
	mu sync.Mutex // guards write
	// write, when set, is what every write comes to.
	write error
	// lost is what is read in the end.
	lost error
}

func (f *fragile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.write != nil {
		return 0, f.write
	}
	return f.Conn.Write(p)
}

func (f *fragile) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	if err != nil && f.lost != nil {
		err = f.lost
	}
	return n, err
}

// TestBrokenConnections: what could not be written is sent again, what may have
// been done only if it reads.
func TestBrokenConnections(t *testing.T) {
	pipe, reset := &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	for _, c := range []struct {
		method      string
		write, lost error
		// err is part of the error, done how often the server did it.
		err  string
		done int32
	}{
		{method: "PATCH", write: pipe, done: 1},
		{method: "DELETE", write: pipe, done: 1},
		{method: "GET", write: pipe, done: 1},
		{method: "GET", lost: reset, done: 2},
		{method: "GET", lost: io.EOF, done: 2},
		{method: "PATCH", lost: reset, err: "connection reset", done: 1},
		{method: "PATCH", lost: io.EOF, err: "EOF", done: 1},
		{method: "DELETE", lost: reset, err: "connection reset", done: 1},
	} {
		t.Run(fmt.Sprint(c.method, c.write, c.lost), func(t *testing.T) {
			var conns []*fragile
			var done atomic.Int32
			answer := handle(t)
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/api/v1/nodes/first" {
					answer(w, r)
					return
				}
				if _, err := io.Copy(io.Discard, r.Body); err != nil || r.Method != c.method {
					t.Error(r.Method, err)
				}
				if done.Add(1) == 1 && c.lost != nil {
					conns[0].Conn.Close()
					<-r.Context().Done()
					return
				}
				answer(w, r)
			}))
			server.EnableHTTP2 = true
			server.StartTLS()
			defer server.Close()
			ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
			api, err := client.Remote(client.RemoteConfig{Server: server.URL, CA: ca, Token: "t", Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				f := &fragile{Conn: conn, lost: c.lost}
				conns = append(conns, f)
				return f, err
			}})
			if err != nil {
				t.Fatal(err)
			}
			nodes := client.Of(api, client.Nodes)
			if _, err := nodes.Get(t.Context(), "", "first"); err != nil {
				t.Fatal(err)
			}
			conns[0].mu.Lock()
			conns[0].write = c.write
			conns[0].mu.Unlock()
			switch c.method {
			case "GET":
				_, err = nodes.Get(t.Context(), "", "n")
			case "PATCH":
				_, err = nodes.Patch(t.Context(), "", "n", types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`))
			default:
				err = nodes.Delete(t.Context(), "", "n", metav1.DeleteOptions{})
			}
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("got %v, want %q", err, c.err)
			}
			if got := done.Load(); got != c.done {
				t.Errorf("it was done %d times, want %d", got, c.done)
			}
		})
	}
}
