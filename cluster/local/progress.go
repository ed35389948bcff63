package local

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// progress writes one line for each stage a cluster reaches on its way up,
// with the time since the start.
type progress struct {
	out   io.Writer
	start time.Time
	mu    sync.Mutex // guards out: nodes report side by side
}

func newProgress(out io.Writer) *progress {
	return &progress{out: out, start: time.Now()}
}

func (p *progress) stage(node, stage string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if node == "" {
		node = "cluster"
	}
	fmt.Fprintf(p.out, "%6.2fs  %-8s %s\n", time.Since(p.start).Seconds(), node, stage)
}

func hasFilesystem(list, name string) bool {
	for line := range strings.Lines(list) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[len(fields)-1] == name {
			return true
		}
	}
	return false
}
