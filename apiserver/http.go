package apiserver

import (
	"crypto/tls"
	"log"
	"log/slog"
	"net/http"
	"time"

	"minke/apiserver/h2"
)

// HTTPServer returns an http.Server with s as its handler and bounds against
// clients that send slowly or much. HTTP/2 comes with TLS.
func (s *Server) HTTPServer(config *tls.Config) *http.Server {
	if config != nil {
		// Small records at the beginning help browsers to render; here each is one
		// more write.
		config = config.Clone()
		config.DynamicRecordSizingDisabled = true
	}
	server := &http.Server{
		Handler:   s,
		TLSConfig: config,
		// A body may come slowly, its header may not.
		ReadHeaderTimeout: 32 * time.Second,
		IdleTimeout:       90 * time.Second,
		MaxHeaderBytes:    1 << 20,
		ErrorLog:          slogAsLog(s.log),
	}
	h2.Configure(server, h2.Options{Stall: s.cfg.Limits.Stall, Log: s.log})
	return server
}

func slogAsLog(l *slog.Logger) *log.Logger {
	return slog.NewLogLogger(l.Handler(), slog.LevelDebug)
}
