package apiserver

import (
	"net"
	"net/http"
	"os"
	"testing"

	"minke/apiserver/discovery"
)

// TestServeForBench serves until it is killed, for measurements from outside:
// MINKE_BENCH_LISTEN=127.0.0.1:8001 go test -run ServeForBench.
func TestServeForBench(t *testing.T) {
	address := os.Getenv("MINKE_BENCH_LISTEN")
	if address == "" {
		t.Skip("MINKE_BENCH_LISTEN is not set")
	}
	w := newWorld(t, func(c *Config) { c.Discovery = discovery.New(address, testResources(), nil) })
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := w.HTTPServer(nil)
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	t.Log(server.Serve(l))
}
