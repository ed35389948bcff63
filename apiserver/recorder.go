package apiserver

import (
	"bufio"
	"net"
	"net/http"

	"k8s.io/apimachinery/pkg/runtime"

	"minke/api/inprocess"
)

// recorder is a response writer that remembers its status.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int // written of the body
	// started, when set, is called once the answer has begun.
	started func(status int)
}

func (w *recorder) begin(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	if w.started != nil {
		w.started(status)
	}
}

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if status >= http.StatusOK {
		w.begin(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(p []byte) (int, error) {
	w.begin(http.StatusOK)
	n, err := w.ResponseWriter.Write(p)
	w.bytes += n
	return n, err
}

// Unwrap lets http.ResponseController reach what is below.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher.
func (w *recorder) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// Hijack implements http.Hijacker, for streams that take over the connection.
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.begin(http.StatusSwitchingProtocols)
	}
	return conn, rw, err
}

// objectRecorder is a recorder on an inprocess.ObjectWriter.
type objectRecorder struct {
	*recorder
	objects inprocess.ObjectWriter
}

var _ inprocess.ObjectWriter = objectRecorder{}

// WriteObject implements inprocess.ObjectWriter.
func (w objectRecorder) WriteObject(status int, obj runtime.Object) {
	w.status = status
	w.objects.WriteObject(status, obj)
}

// writer returns what handlers outside of this package write to.
func (c *call) writer() http.ResponseWriter {
	if c.objects != nil {
		return objectRecorder{c.w, c.objects}
	}
	return c.w
}
