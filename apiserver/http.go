package apiserver

import (
	"crypto/tls"
	"log"
	"log/slog"
	"net/http"
	"time"
)

// HTTPServer returns an http.Server with s as its handler and bounds against
// clients that send slowly or much. HTTP/2 comes with TLS.
func (s *Server) HTTPServer(config *tls.Config) *http.Server {
	return &http.Server{
		Handler:   s,
		TLSConfig: config,
		// A body may come slowly, its header may not.
		ReadHeaderTimeout: 32 * time.Second,
		IdleTimeout:       90 * time.Second,
		MaxHeaderBytes:    1 << 20,
		ErrorLog:          slogAsLog(s.log),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 250,
			// Pings find connections that died without a word.
			SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second,
		},
	}
}

func slogAsLog(l *slog.Logger) *log.Logger {
	return slog.NewLogLogger(l.Handler(), slog.LevelDebug)
}
