package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"minke/apiserver/webhook"
)

// Webhook posts EventLists.
type Webhook struct {
	Client   *webhook.Client
	Endpoint webhook.Endpoint
	// Backoff is the pause after a first failure; each further one is half as
	// long again.
	Backoff time.Duration
}

var _ Backend = (*Webhook)(nil)

// Bounds of a webhook's calls.
const (
	callTime = 30 * time.Second
	tries    = 5
)

// Name implements Backend.
func (*Webhook) Name() string { return "webhook" }

// Tell implements Backend. What may go better later is tried again.
func (h *Webhook) Tell(ctx context.Context, events []*auditv1.Event) error {
	body, err := eventList(events)
	if err != nil {
		return err
	}
	pause := h.Backoff
	for try := 1; ; try++ {
		err := h.post(ctx, body)
		if err == nil || try == tries || !retriable(err) {
			return err
		}
		select {
		case <-time.After(pause):
			pause += pause / 2
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

func (h *Webhook) post(ctx context.Context, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	return h.Client.Post(ctx, &webhook.Call{Endpoint: h.Endpoint, Body: body}, nil)
}

// retriable tells whether an error says nothing against the events themselves.
func retriable(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return true // it did not get there
	}
	code := status.Status().Code
	return code == 429 || code >= 500
}

func eventList(events []*auditv1.Event) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[`)
	for i, e := range events {
		if i > 0 {
			b.WriteByte(',')
		}
		data, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("encode audit event: %w", err)
		}
		b.Write(data)
	}
	b.WriteString("]}")
	return b.Bytes(), nil
}
