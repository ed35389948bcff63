package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// Pauses between attempts double from first to last, each with up to half of it
// more by chance, so that many clients do not come back at once.
const (
	firstPause       = 20 * time.Millisecond
	lastPause        = 30 * time.Second
	lastPauseInHouse = time.Second
)

// run follows the resource until ctx ends:
//
//	list ──ok──► watch ──ended──► watch from the last revision
//	  ▲            │
//	  └──expired───┘   (any other error: pause, then watch again)
func (v *view) run(ctx context.Context) {
	pause, most := firstPause, lastPause
	if _, inHouse := v.api.(Source); inHouse {
		most = lastPauseInHouse
	}
	revision := ""
	for ctx.Err() == nil {
		var err error
		moved := revision == ""
		if revision == "" {
			revision, err = v.list(ctx)
		}
		if err == nil {
			before := revision
			revision, err = v.watch(ctx, revision)
			moved = moved || revision != before
		}
		if ctx.Err() != nil {
			return
		}
		if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
			revision = ""
		} else if err != nil && !apierrors.IsNotFound(err) {
			v.log.Warn("informer pauses", "err", err, "pause", pause)
		}
		if err == nil && moved {
			pause = firstPause
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause + rand.N(pause/2)):
		}
		pause = min(2*pause, most)
	}
}

// list brings the view to the present and returns its revision.
func (v *view) list(ctx context.Context) (string, error) {
	present, revision, err := v.present(ctx)
	if err != nil {
		return "", err
	}
	v.deliver.Lock()
	defer v.deliver.Unlock()
	seen := make(map[Key]bool, len(present))
	for _, obj := range present {
		key := KeyOf(obj)
		seen[key] = true
		if old := v.get(key); old == nil || old.GetUID() != obj.GetUID() || old.GetResourceVersion() != obj.GetResourceVersion() {
			if old != nil && old.GetUID() != obj.GetUID() {
				v.remove(key, nil)
			}
			v.put(v.reduced(obj))
		}
	}
	var gone []Key
	v.ascend("", func(obj Object) {
		if key := KeyOf(obj); !seen[key] {
			gone = append(gone, key)
		}
	})
	for _, key := range gone {
		v.remove(key, nil)
	}
	if !v.isSynced {
		v.isSynced = true
		close(v.synced)
	}
	return revision, nil
}

// present reads all objects of the view at one revision.
func (v *view) present(ctx context.Context) ([]Object, string, error) {
	return ListAny(ctx, v.api, v.key.resource, v.key.namespace, metav1.ListOptions{
		LabelSelector: v.key.labels, FieldSelector: v.key.fields, ResourceVersion: "0",
	})
}

var errNoRevision = errors.New("an object without resourceVersion came over the watch")

// watch follows changes after revision and returns the last revision seen. A
// watch that merely ended gives no error.
func (v *view) watch(ctx context.Context, revision string) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := v.startWatch(ctx, revision)
	if err != nil {
		return revision, err
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return revision, ctx.Err()
		case event, ok := <-w.ResultChan():
			if !ok {
				return revision, nil
			}
			if event.Type == watch.Error {
				return revision, apierrors.FromObject(event.Object)
			}
			m, err := meta.Accessor(event.Object)
			if err != nil || m.GetResourceVersion() == "" {
				return "", errNoRevision
			}
			revision = m.GetResourceVersion()
			v.apply(event)
		}
	}
}

func (v *view) startWatch(ctx context.Context, revision string) (watch.Interface, error) {
	if source, ok := v.api.(Source); ok {
		return source.WatchShared(ctx, v.key.resource, v.key.namespace, revision)
	}
	// Servers end watches after a while so that load can move; the length
	// varies so that not all come back together.
	seconds := int64(300 + rand.IntN(300))
	return v.api.Watch(ctx, Request{Verb: "watch", Resource: v.key.resource, Namespace: v.key.namespace, List: metav1.ListOptions{
		LabelSelector: v.key.labels, FieldSelector: v.key.fields,
		ResourceVersion: revision, AllowWatchBookmarks: true, TimeoutSeconds: &seconds,
	}})
}

func (v *view) apply(event watch.Event) {
	obj, ok := event.Object.(Object)
	if !ok || event.Type == watch.Bookmark {
		return
	}
	v.deliver.Lock()
	defer v.deliver.Unlock()
	if event.Type == watch.Deleted || !v.selects(obj) {
		v.remove(KeyOf(obj), obj)
		return
	}
	v.put(v.reduced(obj))
}

// selects tells whether obj belongs to the view. A remote server has selected
// already, and knows more fields than we do.
func (v *view) selects(obj Object) bool {
	if _, inHouse := v.api.(Source); !inHouse {
		return true
	}
	return v.selected.everything() || v.selected.matches(obj)
}
