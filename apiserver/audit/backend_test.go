package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"minke/apiserver/webhook"
)

// memory is a back-end that may be held up.
type memory struct {
	mu      sync.Mutex
	batches []int
	events  []*auditv1.Event
	hold    chan struct{}
	fail    error
}

func (m *memory) Name() string { return "memory" }

func (m *memory) Tell(_ context.Context, events []*auditv1.Event) error {
	if m.hold != nil {
		<-m.hold
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.batches = append(m.batches, len(events))
	m.events = append(m.events, events...)
	return m.fail
}

// told returns the sizes of the batches and the number of events.
func (m *memory) told() (batches []int, events int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.batches), len(m.events)
}

func event(id string) *auditv1.Event {
	return &auditv1.Event{TypeMeta: metav1.TypeMeta{Kind: "Event", APIVersion: "audit.k8s.io/v1"}, AuditID: types.UID(id), Level: auditv1.LevelMetadata}
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		a := New(&Policy{}, []*Sink{{Backend: m, Batch: &Batch{Buffer: 10, Size: 4, Wait: time.Second}}}, quiet)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- a.Run(ctx) }()
		for range 6 {
			_ = a.tell(ctx, event("e"))
		}
		synctest.Wait()
		if got, _ := m.told(); !slices.Equal(got, []int{4}) {
			t.Errorf("a full batch at once: %v", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got, _ := m.told(); !slices.Equal(got, []int{4, 2}) {
			t.Errorf("what is left after the wait: %v", got)
		}
		_ = a.tell(ctx, event("last"))
		cancel()
		<-done
		if _, n := m.told(); n != 7 {
			t.Errorf("%d events were told at the end, want 7", n)
		}
	})
}

// TestOverflow holds the back-end up: requests go on, and what is lost is
// counted.
func TestOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{hold: make(chan struct{})}
		a := New(&Policy{}, []*Sink{{Backend: m, Batch: &Batch{Buffer: 5, Size: 2, Wait: time.Second}}}, quiet)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- a.Run(ctx) }()
		for range 20 {
			if err := a.tell(ctx, event("e")); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if lost := counted(t, a, "apiserver_audit_error_total"); lost != 13 {
			t.Errorf("%v events are counted as lost, want 20 less 2 under way and 5 queued", lost)
		}
		cancel()
		close(m.hold)
		<-done
		if _, n := m.told(); n != 7 {
			t.Errorf("%d events were told, want 7", n)
		}
	})
}

func TestStrict(t *testing.T) {
	m := &memory{fail: errors.New("disk full")}
	for _, strict := range []bool{false, true} {
		a := New(&Policy{}, []*Sink{{Backend: m, Strict: strict}}, quiet)
		if err := a.tell(t.Context(), event("e")); (err != nil) != strict {
			t.Errorf("strict %v: %v", strict, err)
		}
		if lost := counted(t, a, "apiserver_audit_error_total"); lost != 1 {
			t.Errorf("%v events are counted as lost, want 1", lost)
		}
	}
}

func TestTruncate(t *testing.T) {
	big := func(n int) *auditv1.Event {
		e := event("e")
		e.RequestObject = &runtime.Unknown{Raw: []byte(`"` + strings.Repeat("x", n) + `"`), ContentType: runtime.ContentTypeJSON}
		return e
	}
	wordy := event("wordy")
	wordy.UserAgent = strings.Repeat("x", 2000)
	tr := &Truncate{Event: 1000, Batch: 2500}
	got := tr.split([]*auditv1.Event{big(500), big(1500), wordy, big(600), big(600)})
	if len(got) != 2 || len(got[0]) != 3 || len(got[1]) != 1 {
		t.Fatalf("batches: %v", got)
	}
	if cut := got[0][1]; cut.RequestObject != nil || cut.Annotations[truncatedNote] != "true" {
		t.Errorf("a large event is not cut: %+v", cut)
	}
}

func TestLog(t *testing.T) {
	var b bytes.Buffer
	e := event("id-1")
	e.Stage, e.Verb, e.RequestURI, e.User = auditv1.StageResponseComplete, "get", "/api?x=\"y\"\n", authenticationv1.UserInfo{Username: "jane", Groups: []string{"a", "b"}}
	e.ResponseStatus = &metav1.Status{Code: 200}
	for _, legacy := range []bool{false, true} {
		if err := (Log{Out: &b, Legacy: legacy}).Tell(t.Context(), []*auditv1.Event{e, e}); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines, want 4:\n%s", len(lines), b.String())
	}
	var back auditv1.Event
	if err := json.Unmarshal([]byte(lines[0]), &back); err != nil || back.AuditID != "id-1" || back.RequestURI != e.RequestURI {
		t.Errorf("line %s: %v", lines[0], err)
	}
	const want = `AUDIT: id="id-1" stage="ResponseComplete" ip="<unknown>" method="get" user="jane" groups="\"a\",\"b\"" as="<self>" asgroups=<lookup> user-agent="" namespace="<none>" uri="/api?x=\"y\"\n" response="200"`
	if !strings.HasSuffix(lines[2], want) {
		t.Errorf("legacy line\n got %s\nwant %s", lines[2], want)
	}
}

func TestRotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := &Rotated{Path: filepath.Join(dir, "audit.log"), Size: 10, Backups: 2, Age: time.Hour}
		write := func(text string) {
			if _, err := r.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		names := func() (all []string) {
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				all = append(all, e.Name())
			}
			return all
		}
		for range 4 {
			write("12345678\n")
		}
		if got := names(); len(got) != 3 { // all within one millisecond
			t.Errorf("files: %v, want the log and 2 old ones", got)
		}
		time.Sleep(2 * time.Hour)
		write("12345678\n")
		if got := names(); len(got) != 2 {
			t.Errorf("files after two hours: %v, want the log and the one that made way now", got)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		r.Size = 100
		write("more\n")
		if data, err := os.ReadFile(r.Path); err != nil || string(data) != "12345678\nmore\n" {
			t.Errorf("a log is taken up again: %q, %v", data, err)
		}
		if info, err := os.Stat(r.Path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
	})
}

func TestWebhook(t *testing.T) {
	var lists []auditv1.EventList
	codes := []int{500, 429, 200, 400}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var l auditv1.EventList
		if err := json.NewDecoder(r.Body).Decode(&l); err != nil || r.Header.Get("Authorization") != "Bearer t" {
			t.Errorf("%v, Authorization %q", err, r.Header.Get("Authorization"))
		}
		lists = append(lists, l)
		w.WriteHeader(codes[0])
		codes = codes[1:]
	}))
	defer server.Close()
	h := &Webhook{Client: &webhook.Client{}, Backoff: time.Millisecond, Endpoint: webhook.Endpoint{
		URL: server.URL, CABundle: certificatePEM(server), Header: http.Header{"Authorization": {"Bearer t"}}}}
	if err := h.Tell(t.Context(), []*auditv1.Event{event("a"), event("b")}); err != nil || len(lists) != 3 {
		t.Errorf("after two failures: %v, %d calls", err, len(lists))
	}
	if l := lists[0]; l.Kind != "EventList" || l.APIVersion != "audit.k8s.io/v1" || len(l.Items) != 2 || l.Items[1].AuditID != "b" {
		t.Errorf("list: %+v", l)
	}
	if err := h.Tell(t.Context(), []*auditv1.Event{event("a")}); err == nil || len(lists) != 4 {
		t.Errorf("a refusal is final: %v, %d calls", err, len(lists))
	}
}
