package audit

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"minke/api/inprocess"
	"minke/apiserver/request"
)

// Record is what is known of one audited request. A nil Record takes everything
// and tells nothing.
type Record struct {
	auditor *Auditor
	rule    decision
	notes   *request.Annotations
	info    *request.Info

	mu    sync.Mutex // guards event: an action may outlive its request's end
	event auditv1.Event
	// refusal is what the client was told instead of an answer.
	refusal *metav1.Status
	ended   bool
}

// Request is what a record begins with.
type Request struct {
	HTTP *http.Request
	ID   string
	Info *request.Info
	// User is who sends the request, As on whose behalf, if it is somebody else.
	User, As    *inprocess.User
	Annotations *request.Annotations
	Received    time.Time
}

// maxUserAgent bounds what a client says of itself.
const maxUserAgent = 1024

// MaxBody bounds, in bytes, an object that an event holds; a larger one is left out, with
// an annotation that says so.
const MaxBody = 8 << 20

// Begin returns the record of a request, or nil when the policy wants none.
func (a *Auditor) Begin(r Request) *Record {
	rule := a.policy.decide(r.User, r.Info)
	a.levels.WithLabelValues(string(rule.level)).Inc()
	if rule.level == auditv1.LevelNone {
		return nil
	}
	e := auditv1.Event{
		TypeMeta: metav1.TypeMeta{Kind: "Event", APIVersion: auditv1.SchemeGroupVersion.String()},
		Level:    rule.level, AuditID: types.UID(r.ID), RequestURI: r.HTTP.URL.RequestURI(), Verb: r.Info.Verb,
		UserAgent: r.HTTP.UserAgent(), ObjectRef: reference(r.Info), RequestReceivedTimestamp: metav1.NewMicroTime(r.Received),
	}
	if len(e.UserAgent) > maxUserAgent {
		e.UserAgent = e.UserAgent[:maxUserAgent] + "...TRUNCATED"
	}
	for _, ip := range utilnet.SourceIPs(r.HTTP) {
		e.SourceIPs = append(e.SourceIPs, ip.String())
	}
	if r.User != nil {
		e.User = userInfo(r.User)
	}
	if r.As != nil {
		as := userInfo(r.As)
		e.ImpersonatedUser = &as
	}
	return &Record{auditor: a, rule: rule, notes: r.Annotations, info: r.Info, event: e}
}

func userInfo(u *inprocess.User) authenticationv1.UserInfo {
	out := authenticationv1.UserInfo{Username: u.Name, UID: u.UID, Groups: u.Groups}
	if len(u.Extra) > 0 {
		out.Extra = map[string]authenticationv1.ExtraValue{}
		for k, v := range u.Extra {
			out.Extra[k] = v
		}
	}
	return out
}

func reference(i *request.Info) *auditv1.ObjectReference {
	if !i.IsResource {
		return nil
	}
	return &auditv1.ObjectReference{Resource: i.Resource, Namespace: i.Namespace, Name: i.Name,
		APIGroup: i.Group, APIVersion: i.Version, Subresource: i.Subresource}
}

// WantsRequest tells whether the request's object belongs into the event.
func (r *Record) WantsRequest() bool {
	return r != nil && (r.rule.level == auditv1.LevelRequest || r.rule.level == auditv1.LevelRequestResponse)
}

// WantsResponse tells whether the answer's object belongs into the event.
func (r *Record) WantsResponse() bool {
	return r != nil && r.rule.level == auditv1.LevelRequestResponse
}

// Request adds the request's object, in JSON. The record keeps data.
func (r *Record) Request(data []byte) {
	if r.WantsRequest() {
		r.set(&r.event.RequestObject, data)
	}
}

// Response adds the answer's object, in JSON. The record keeps data.
func (r *Record) Response(data []byte) {
	if r.WantsResponse() {
		r.set(&r.event.ResponseObject, data)
	}
}

// Omit notes that an object is too large to be told.
func (r *Record) Omit() { r.notes.Annotate(truncatedNote, "true") }

func (r *Record) set(into **runtime.Unknown, data []byte) {
	if len(data) > MaxBody || !json.Valid(data) {
		r.Omit()
		return
	}
	if r.rule.unmanaged {
		data = withoutManagedFields(data)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	*into = &runtime.Unknown{Raw: data, ContentType: runtime.ContentTypeJSON}
}

// Received tells that the request came. An error means that it may not go on.
func (r *Record) Received(ctx context.Context) error {
	if r == nil {
		return nil
	}
	err := r.stage(ctx, auditv1.StageRequestReceived, nil)
	if err != nil {
		r.auditor.rejected.Inc()
	}
	return err
}

// Started tells that an answer has begun that may take long.
func (r *Record) Started(ctx context.Context, code int) {
	if r != nil {
		_ = r.stage(ctx, auditv1.StageResponseStarted, &metav1.Status{Code: int32(code)}) // counted; the answer is out
	}
}

// Refused notes with which status the request is refused.
func (r *Record) Refused(status *metav1.Status) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusal = status
}

// Complete tells how the request ended; code is zero when nothing was written.
func (r *Record) Complete(ctx context.Context, code int) {
	if r == nil {
		return
	}
	if code == 0 {
		code = http.StatusOK
	}
	r.mu.Lock()
	status := r.refusal
	r.mu.Unlock()
	if status == nil || int(status.Code) != code {
		status = &metav1.Status{Code: int32(code)}
	}
	_ = r.stage(ctx, auditv1.StageResponseComplete, status) // counted
}

// Failed tells of a request that was refused before anybody knew its sender.
func (r *Record) Failed(ctx context.Context, status *metav1.Status) {
	if r != nil {
		_ = r.stage(ctx, auditv1.StageResponseStarted, status) // counted
	}
}

// Panic tells that the server failed.
func (r *Record) Panic(ctx context.Context, text string) {
	if r != nil {
		_ = r.stage(ctx, auditv1.StagePanic, &metav1.Status{ // counted
			Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Reason: metav1.StatusReasonInternalError,
			Message: "APIServer panic'd: " + text,
		})
	}
}

// stage makes the event of one stage and tells it.
func (r *Record) stage(ctx context.Context, stage auditv1.Stage, status *metav1.Status) error {
	r.mu.Lock()
	if r.ended || r.rule.omit[stage] {
		r.ended = r.ended || stage == auditv1.StageResponseComplete || stage == auditv1.StagePanic
		r.mu.Unlock()
		return nil
	}
	r.ended = stage == auditv1.StageResponseComplete || stage == auditv1.StagePanic
	e := r.event
	r.mu.Unlock()
	e.Stage, e.StageTimestamp = stage, metav1.NewMicroTime(time.Now())
	if status != nil {
		brief := *status
		brief.TypeMeta, brief.ListMeta = metav1.TypeMeta{}, metav1.ListMeta{}
		e.ResponseStatus = &brief
	}
	if e.ObjectRef != nil && e.ObjectRef.Name == "" && e.Verb == "create" {
		named := *e.ObjectRef
		named.Name = r.info.Name // the object said it
		e.ObjectRef = &named
	}
	e.Annotations = r.notes.All(r.WantsRequest())
	return r.auditor.tell(ctx, &e)
}

type recordKey struct{}

// WithRecord returns ctx with the record of its request.
func WithRecord(ctx context.Context, r *Record) context.Context {
	return context.WithValue(ctx, recordKey{}, r)
}

// RecordFrom returns the record of the request, or nil when it has none.
func RecordFrom(ctx context.Context) *Record {
	r, _ := ctx.Value(recordKey{}).(*Record)
	return r
}

// withoutManagedFields drops metadata.managedFields of an object, or of the
// items of a list.
func withoutManagedFields(data []byte) []byte {
	var o map[string]any
	if json.Unmarshal(data, &o) != nil {
		return data // a JSON patch is an array
	}
	drop(o)
	if items, ok := o["items"].([]any); ok {
		for _, item := range items {
			if m, ok := item.(map[string]any); ok {
				drop(m)
			}
		}
	}
	out, err := json.Marshal(o)
	if err != nil {
		return data
	}
	return out
}

func drop(o map[string]any) {
	if m, ok := o["metadata"].(map[string]any); ok {
		delete(m, "managedFields")
	}
}
