package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// serve is the HTTP server: its pod's name at /, /healthz, /echo, /hostname,
// and with -h DIR the files of a directory. `httpd -p 8080 -h /www` works too.
func serve(c *call) int {
	f := flag.NewFlagSet("serve", flag.ContinueOnError)
	f.SetOutput(c.stderr)
	port := f.String("p", "8080", "port, or address:port")
	dir := f.String("h", "", "directory to serve")
	message := f.String("message", "", "what / answers, instead of the pod's name")
	delay := f.Duration("ready-after", 0, "how long /readyz fails first")
	f.Bool("f", false, "stay in the foreground (always)")
	if err := f.Parse(c.args); err != nil {
		return 2
	}
	address := *port
	if !strings.Contains(address, ":") {
		address = ":" + address
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return c.fail(err)
	}
	server := &http.Server{Handler: handler(*dir, *message, time.Now().Add(*delay)), ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(c.ctx, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
	})
	fmt.Fprintf(c.stdout, "serving HTTP on %s\n", l.Addr())
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return c.fail(err)
	}
	return 0
}

func handler(dir, message string, ready time.Time) http.Handler {
	mux := http.NewServeMux()
	name, _ := os.Hostname()
	if n := os.Getenv("POD_NAME"); n != "" {
		name = n
	}
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if time.Now().Before(ready) {
			http.Error(w, "not ready yet", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("/hostname", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) })
	mux.HandleFunc("/clientip", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RemoteAddr) })
	mux.HandleFunc("/env", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, strings.Join(os.Environ(), "\n")) })
	mux.HandleFunc("/echo", echoRequest)
	mux.HandleFunc("/exit", func(_ http.ResponseWriter, r *http.Request) {
		code := 0
		fmt.Sscan(r.URL.Query().Get("code"), &code)
		os.Exit(code)
	})
	if dir != "" {
		mux.Handle("/", http.FileServer(http.Dir(dir)))
		return mux
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		if message != "" {
			fmt.Fprintln(w, message)
			return
		}
		if greeting := os.Getenv("GREETING"); greeting != "" {
			fmt.Fprintln(w, greeting)
		}
		fmt.Fprintf(w, "pod: %s\nip: %s\nnode: %s\nversion: %s\n", name, podIP(), os.Getenv("NODE_NAME"), version())
	})
	return mux
}

func podIP() string {
	if ip := os.Getenv("POD_IP"); ip != "" {
		return ip
	}
	return strings.Join(addresses(), " ")
}

// version is what the pod says it is, so that a rollout can be watched.
func version() string {
	if v := os.Getenv("VERSION"); v != "" {
		return v
	}
	return "toolbox"
}

func echoRequest(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s %s %s\nHost: %s\nFrom: %s\n", r.Method, r.URL, r.Proto, r.Host, r.RemoteAddr)
	_ = r.Header.Write(w)
	fmt.Fprintln(w)
	_, _ = io.Copy(w, io.LimitReader(r.Body, 1<<20))
}
