package audit

import (
	"encoding/json"
	"maps"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// truncatedNote marks an event that lost its objects.
const truncatedNote = "audit.k8s.io/truncated"

// Truncate bounds sizes in bytes, as encoded in JSON.
type Truncate struct {
	// Event bounds one event: a larger one loses its objects, and is dropped
	// when it is still too large. Batch bounds what is told at once.
	Event, Batch int
}

// split truncates events and divides them into batches that fit.
func (t *Truncate) split(events []*auditv1.Event) (batches [][]*auditv1.Event) {
	var batch []*auditv1.Event
	size := 0
	for _, e := range events {
		n := sizeOf(e)
		if n > t.Event {
			e = withoutObjects(e)
			if n = sizeOf(e); n > t.Event {
				continue
			}
		}
		if size+n > t.Batch && len(batch) > 0 {
			batches, batch, size = append(batches, batch), nil, 0
		}
		batch, size = append(batch, e), size+n
	}
	if len(batch) > 0 {
		batches = append(batches, batch)
	}
	return batches
}

func sizeOf(e *auditv1.Event) int {
	data, err := json.Marshal(e)
	if err != nil {
		return 0
	}
	return len(data)
}

func withoutObjects(e *auditv1.Event) *auditv1.Event {
	out := *e
	out.RequestObject, out.ResponseObject = nil, nil
	out.Annotations = maps.Clone(e.Annotations)
	if out.Annotations == nil {
		out.Annotations = map[string]string{}
	}
	out.Annotations[truncatedNote] = "true"
	return &out
}
