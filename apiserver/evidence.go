package apiserver

import (
	"bytes"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/audit"
	"minke/apiserver/codec"
	"minke/apiserver/request"
	"minke/store/cache"
)

// expectAudit gives the request a place for annotations, before anybody could
// have something to say.
func (c *call) expectAudit() *request.Annotations {
	notes := &request.Annotations{}
	c.ctx = request.WithAnnotations(c.ctx, notes)
	c.r = c.r.WithContext(c.ctx)
	return notes
}

// record begins the request's record.
func (c *call) record(notes *request.Annotations) *audit.Record {
	r := audit.Request{HTTP: c.r, ID: c.auditID(), Info: c.info, User: c.user, Annotations: notes, Received: c.began}
	if by := notes.Impersonator(); by != nil {
		r.User, r.As = by, c.user
	}
	return c.cfg.Audit.Begin(r)
}

// auditArrival records a request whose sender is known.
func (c *call) auditArrival(notes *request.Annotations) error {
	if c.audit = c.record(notes); c.audit == nil {
		c.ctx = request.WithAnnotations(c.ctx, nil) // the policy wants nothing: nobody need word anything
		return nil
	}
	c.ctx = audit.WithRecord(c.ctx, c.audit)
	if err := c.audit.Received(c.ctx); err != nil {
		return apierrors.NewInternalError(fmt.Errorf("the request cannot be audited: %w", err))
	}
	if c.longRunning() {
		ctx, record := c.ctx, c.audit
		c.w.started = func(status int) { record.Started(ctx, status) }
	}
	return nil
}

// auditStranger records a request whose sender is not known.
func (c *call) auditStranger(notes *request.Annotations, err error) {
	status := statusOf(err)
	status.Message = "Authentication failed, attempted: " + attempted(c.r.Header)
	c.record(notes).Failed(c.ctx, status)
}

// attempted names how a client tried to identify itself.
func attempted(header map[string][]string) string {
	values := header["Authorization"]
	if len(values) == 0 {
		return "no credentials"
	}
	scheme, _, _ := bytes.Cut([]byte(values[0]), []byte(" "))
	if string(bytes.ToLower(scheme)) == "bearer" {
		return "bearer"
	}
	return "unknown"
}

// auditBody records what the request carries: data as it came, or obj that was
// decoded from it when it did not come in JSON.
func (c *call) auditBody(format codec.Format, data []byte, obj runtime.Object) {
	if !c.audit.WantsRequest() {
		return
	}
	if format == codec.JSON && len(data) > 0 {
		c.audit.Request(data)
		return
	}
	if data, err := codec.EncodeJSON(obj); err == nil {
		c.audit.Request(data)
	}
}

// auditPatch records a patch: as it came when it is JSON, else as text.
func (c *call) auditPatch(body []byte) {
	if !c.audit.WantsRequest() {
		return
	}
	if !json.Valid(body) {
		body, _ = json.Marshal(string(body)) // text always encodes
	}
	c.audit.Request(body)
}

// auditObject records an answer of one object.
func (c *call) auditObject(obj runtime.Object, kind schema.GroupVersionKind) {
	if !c.audit.WantsResponse() {
		return
	}
	if data, err := codec.Encode(obj, kind, codec.JSON, false); err == nil {
		c.audit.Response(bytes.TrimSpace(data))
	}
}

// auditItem records an answer of one stored object.
func (c *call) auditItem(item *cache.Item) {
	if !c.audit.WantsResponse() {
		return
	}
	if data, err := c.end.views.json.encoding(item); err == nil {
		c.audit.Response(data)
	}
}

// auditList records an answer of a list, unless it is larger than an event may
// be.
func (c *call) auditList(items []*cache.Item, m metav1.ListMeta) {
	if !c.audit.WantsResponse() {
		return
	}
	v := &c.end.views.json
	l := &codec.List{Kind: v.listKind, Meta: m, ItemHead: v.itemHead}
	size := 0
	for _, item := range items {
		data, err := v.encoding(item)
		if size += len(data); err != nil || size > audit.MaxBody {
			c.audit.Omit()
			return
		}
		l.Items = append(l.Items, data)
	}
	var b bytes.Buffer
	if l.WriteJSON(&b) == nil {
		c.audit.Response(bytes.TrimSpace(b.Bytes()))
	}
}
