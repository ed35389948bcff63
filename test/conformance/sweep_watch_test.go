//go:build conformance

package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// follower reads the events of a sweep's watch.
type follower struct {
	body   io.ReadCloser
	lines  *bufio.Reader
	cancel context.CancelFunc
}

// follow watches a collection from its beginning.
func (s *sweep) follow(path, query string) (*follower, error) {
	ctx, cancel := context.WithCancel(s.ctx)
	resp, err := open(ctx, request{Method: "GET", Path: path + "?watch=true&" + query})
	if err != nil {
		cancel()
		return nil, err
	}
	f := &follower{body: resp.Body, lines: bufio.NewReader(resp.Body), cancel: cancel}
	if resp.StatusCode != http.StatusOK {
		f.close()
		return nil, fmt.Errorf("watch answers %s", resp.Status)
	}
	return f, nil
}

func (f *follower) close() {
	f.cancel()
	f.body.Close()
}

func (f *follower) next() (kind string, o object, err error) {
	line, err := f.lines.ReadBytes('\n')
	if err != nil {
		return "", nil, fmt.Errorf("watch: %w", err)
	}
	var event object
	if err := json.Unmarshal(line, &event); err != nil {
		return "", nil, fmt.Errorf("watch: %w", err)
	}
	o, _ = event["object"].(map[string]any)
	return event.str("type"), o, nil
}

// deleted takes events until all of the objects were deleted.
func (f *follower) deleted(objects ...object) error {
	left := map[string]bool{}
	for _, o := range objects {
		left[o.str("metadata.uid")] = true
	}
	for len(left) > 0 {
		kind, o, err := f.next()
		if err != nil {
			return fmt.Errorf("%d are not seen deleted: %w", len(left), err)
		}
		if kind == "DELETED" {
			delete(left, o.str("metadata.uid"))
		}
	}
	return nil
}

// watch wants the object as an event of a watch from the beginning, and then
// its next change.
func (s *sweep) watch(path string, one object) error {
	w, err := s.follow(path, "fieldSelector=metadata.name%3D"+one.name())
	if err != nil {
		return err
	}
	defer w.close()
	kind, o, err := w.next()
	if err != nil || kind != "ADDED" || o.str("metadata.uid") != one.str("metadata.uid") {
		return fmt.Errorf("first event is %s %v (%v)", kind, o, err)
	}
	if _, err := s.call(request{Method: "PATCH", Path: s.path(one), Type: mergePatch, Body: `{"metadata":{"labels":{"watched":"yes"}}}`}, 200); err != nil {
		return err
	}
	for {
		kind, o, err = w.next()
		if err != nil {
			return err
		}
		if kind == "MODIFIED" && o.str("metadata.labels.watched") == "yes" {
			return nil
		}
	}
}
