// Package events records core/v1 Events about objects, with Kubernetes'
// bounds: the same event again only raises a count, many similar ones are
// combined into one, and one object cannot be the subject of a flood.
package events

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
)

// Events wait in a queue of this length while the API is slow; more are
// dropped and counted: an event is never worth blocking for.
const queueLength = 4096

// Recorder takes events and sends them from Run. It is safe for concurrent use.
type Recorder struct {
	events client.Resource[*corev1.Event]
	source corev1.EventSource
	queue  chan *corev1.Event
	// named is the time in the name of the last event, in nanoseconds: no two
	// events have the same.
	named   atomic.Int64
	dropped atomic.Int64
	log     *slog.Logger
	past    *past // owned by Run
}

// NewRecorder returns a recorder for a component such as "kubelet" on host,
// which may be empty.
func NewRecorder(api client.Interface, component, host string) *Recorder {
	return &Recorder{
		events: client.Of(api, client.Events), source: corev1.EventSource{Component: component, Host: host},
		queue: make(chan *corev1.Event, queueLength), past: newPast(),
		log: slog.Default().With("part", "events", "component", component),
	}
}

// Refer returns a reference to obj as events carry it.
func Refer(obj client.Object) corev1.ObjectReference {
	kind := client.GroupVersionKindOf(obj)
	return corev1.ObjectReference{
		APIVersion: kind.GroupVersion().String(), Kind: kind.Kind,
		Namespace: obj.GetNamespace(), Name: obj.GetName(), UID: obj.GetUID(), ResourceVersion: obj.GetResourceVersion(),
	}
}

// Event records that something happened to obj. kind is corev1.EventTypeNormal
// or EventTypeWarning. It does not block.
func (r *Recorder) Event(obj client.Object, kind, reason, format string, args ...any) {
	r.EventFor(Refer(obj), kind, reason, format, args...)
}

// EventFor is Event about what ref names, which may have a FieldPath such as
// spec.containers{web}.
func (r *Recorder) EventFor(ref corev1.ObjectReference, kind, reason, format string, args ...any) {
	now := metav1.Now()
	namespace := ref.Namespace
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	event := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("%.230s.%x", ref.Name, r.unique(now.UnixNano()))},
		InvolvedObject: ref, Reason: reason, Message: fmt.Sprintf(format, args...), Type: kind,
		Source: r.source, ReportingController: r.source.Component, ReportingInstance: r.source.Host,
		FirstTimestamp: now, LastTimestamp: now, Count: 1,
	}
	select {
	case r.queue <- event:
	default:
		if n := r.dropped.Add(1); n == 1 || n%1000 == 0 {
			r.log.Warn("events are dropped, the queue is full", "dropped", n)
		}
	}
}

// unique returns now, or the next number that no event was named by.
func (r *Recorder) unique(now int64) int64 {
	for {
		last := r.named.Load()
		next := max(now, last+1)
		if r.named.CompareAndSwap(last, next) {
			return next
		}
	}
}

// Run sends events until ctx ends.
func (r *Recorder) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-r.queue:
			r.send(ctx, event)
		}
	}
}

// send writes one event, trying a few times when the API does not answer.
func (r *Recorder) send(ctx context.Context, event *corev1.Event) {
	record := r.past.admit(event)
	if record == nil {
		return
	}
	for try := range 4 {
		err := r.write(ctx, record)
		if err == nil {
			return
		}
		// The server answered and means it: the namespace is terminating,
		// the event exists, or is invalid.
		if apierrors.ReasonForError(err) != metav1.StatusReasonUnknown && !apierrors.IsTooManyRequests(err) &&
			!apierrors.IsServerTimeout(err) && !apierrors.IsInternalError(err) {
			r.log.Debug("event refused", "err", err)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second << try):
		}
	}
}

func (r *Recorder) write(ctx context.Context, record *record) error {
	if record.name != "" {
		patch, err := json.Marshal(map[string]any{
			"count": record.event.Count, "lastTimestamp": record.event.LastTimestamp, "message": record.event.Message,
		})
		if err != nil {
			return err
		}
		_, err = r.events.Patch(ctx, record.event.Namespace, record.name, types.StrategicMergePatchType, patch)
		if !apierrors.IsNotFound(err) {
			return err
		}
	}
	created, err := r.events.Create(ctx, record.event.DeepCopy())
	if err == nil {
		record.name = created.Name
	}
	return err
}
