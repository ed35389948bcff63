package request

import (
	"context"
	"maps"
	"sync"

	"minke/api/inprocess"
)

// Annotations gather what the audit event of one request says of how it was
// decided. Only an audited request has them: without, Annotate does nothing.
type Annotations struct {
	mu sync.Mutex // guards the maps
	// notes go into every event, detailed ones only beside a body.
	notes, detailed map[string]string
	// impersonator is who acts as somebody else.
	impersonator *inprocess.User
}

type annotationsKey struct{}

// maxAnnotations bounds how many one request gathers.
const maxAnnotations = 128

// WithAnnotations returns ctx with a place for annotations.
func WithAnnotations(ctx context.Context, a *Annotations) context.Context {
	return context.WithValue(ctx, annotationsKey{}, a)
}

// AnnotationsFrom returns the place for annotations, or nil when the request is
// not audited.
func AnnotationsFrom(ctx context.Context) *Annotations {
	a, _ := ctx.Value(annotationsKey{}).(*Annotations)
	return a
}

// Annotate adds an annotation. A key that is there keeps its value.
func (a *Annotations) Annotate(key, value string) { a.add(false, key, value) }

// AnnotateDetail adds one that only an event with the request's body shows,
// such as what a webhook changed.
func (a *Annotations) AnnotateDetail(key, value string) { a.add(true, key, value) }

func (a *Annotations) add(detail bool, key, value string) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	into := &a.notes
	if detail {
		into = &a.detailed
	}
	if *into == nil {
		*into = map[string]string{}
	}
	if _, there := (*into)[key]; !there && len(*into) < maxAnnotations {
		(*into)[key] = value
	}
}

// SetImpersonator notes who acts as the request's user.
func (a *Annotations) SetImpersonator(user *inprocess.User) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.impersonator = user
}

// Impersonator returns who acts as the request's user, or nil.
func (a *Annotations) Impersonator() *inprocess.User {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.impersonator
}

// All returns a copy of the annotations, with the detailed ones or without.
func (a *Annotations) All(detailed bool) map[string]string {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	out := maps.Clone(a.notes)
	if detailed && len(a.detailed) > 0 {
		if out == nil {
			out = map[string]string{}
		}
		maps.Copy(out, a.detailed)
	}
	return out
}
