package client

import (
	"io"
	"net/http"
	"sync"
)

// pipeResponse is an http.ResponseWriter whose body is read while it is
// written. A write returns when its bytes were read: nothing piles up.
type pipeResponse struct {
	header  http.Header
	once    sync.Once
	started chan struct{} // closed when status is known
	status  int
	reader  *io.PipeReader
	writer  *io.PipeWriter
}

func newPipeResponse() *pipeResponse {
	p := &pipeResponse{header: http.Header{}, started: make(chan struct{})}
	p.reader, p.writer = io.Pipe()
	return p
}

func (p *pipeResponse) Header() http.Header { return p.header }

func (p *pipeResponse) WriteHeader(status int) {
	p.once.Do(func() {
		p.status = status
		close(p.started)
	})
}

func (p *pipeResponse) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	return p.writer.Write(b)
}

// Flush does what a flush of headers would.
func (p *pipeResponse) Flush() { p.WriteHeader(http.StatusOK) }

func (p *pipeResponse) finish(err error) {
	p.WriteHeader(http.StatusOK)
	p.writer.CloseWithError(err)
}
