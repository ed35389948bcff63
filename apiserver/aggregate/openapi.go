package aggregate

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"minke/api/inprocess"
)

// publisher is as whom aggregated servers are asked for their OpenAPI
// documents.
var publisher = &inprocess.User{Name: "system:aggregator", Groups: []string{"system:authenticated"}}

// indexLife is how long a server's index of OpenAPI documents is believed.
const indexLife = 30 * time.Second

// index is what a server said of its documents.
type index struct {
	at   time.Time
	hash string
}

// Index returns the OpenAPI v3 documents of group versions that others serve,
// by name ("apis/example.com/v1"), each with its hash. Servers that do not
// answer are left out.
func (m *Manager) Index(ctx context.Context) map[string]string {
	out := map[string]string{}
	var mu sync.Mutex
	m.each(func(r *route) {
		hash, ok := m.indexOf(ctx, r)
		if !ok {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		out[r.name()] = hash
	})
	return out
}

// each calls f for every available route, all at a time, and waits.
func (m *Manager) each(f func(*route)) {
	t := m.table.Load()
	if t == nil {
		return
	}
	var running sync.WaitGroup
	for _, r := range t.remote {
		if r.available {
			running.Go(func() { f(r) })
		}
	}
	running.Wait()
}

// name is that of the route's OpenAPI v3 document.
func (r *route) name() string {
	return strings.TrimPrefix(r.path(), "/")
}

func (m *Manager) indexOf(ctx context.Context, r *route) (hash string, ok bool) {
	m.mu.Lock()
	have, known := m.indexes[r.service.Name]
	m.mu.Unlock()
	if known && time.Since(have.at) < indexLife {
		return have.hash, true
	}
	answer, err := r.fetch(ctx, "/openapi/v3", "application/json", publisher)
	if err != nil || answer.status != http.StatusOK {
		return "", false
	}
	var root struct {
		Paths map[string]struct {
			URL string `json:"serverRelativeURL"`
		} `json:"paths"`
	}
	if json.Unmarshal(answer.body, &root) != nil {
		return "", false
	}
	entry, found := root.Paths[r.name()]
	if !found {
		return "", false
	}
	if u, err := url.Parse(entry.URL); err == nil {
		hash = u.Query().Get("hash")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.checkers[r.service.Name] != nil {
		m.indexes[r.service.Name] = index{time.Now(), hash}
	}
	return hash, true
}

// Document returns what answers for an OpenAPI v3 document of another server;
// nil when no other server has it.
func (m *Manager) Document(name string) http.Handler {
	t := m.table.Load()
	if t == nil {
		return nil
	}
	for _, r := range t.remote {
		if r.name() == name && r.available && r.broken == nil {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				// Without the hash that the index told, which may be an old one.
				now := req.Clone(req.Context())
				now.URL.RawQuery = ""
				r.pass(w, now, publisher)
			})
		}
	}
	return nil
}

// V2 returns the OpenAPI v2 documents of other servers, by the path that is to
// be taken of each ("/apis/example.com/v1").
func (m *Manager) V2(ctx context.Context) map[string][]byte {
	out := map[string][]byte{}
	var mu sync.Mutex
	m.each(func(r *route) {
		answer, err := r.fetch(ctx, "/openapi/v2", "application/json", publisher)
		if err != nil || answer.status != http.StatusOK {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		out[r.path()] = answer.body
	})
	return out
}
