package h2

import (
	"context"
	"io"
	"net"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"minke/test/peers"
)

// TestSpecification runs the published conformance suite for HTTP/2 (h2spec:
// RFC 9113 and RFC 7541).
func TestSpecification(t *testing.T) {
	h2spec := peers.Binary(t, "h2spec")
	server, _ := serve(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(w, r.Body); err != nil {
			return
		}
		_, _ = io.WriteString(w, "a body that is longer than a window of a few bytes")
	})
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// Strict tests what only should hold, too. Two seconds wait for an answer.
	out, err := exec.CommandContext(ctx, h2spec, "--tls", "--insecure", "--strict", "--host", "127.0.0.1", "--port", port, "--timeout", "2").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
