package pods

import (
	"context"
	"time"

	"minke/tracing"
)

// traced takes a step within a span, named as Kubernetes' kubelet names it.
func (j *job) traced(ctx context.Context, name string, step func(context.Context) (time.Duration, error), more ...tracing.Attribute) (time.Duration, error) {
	if j.Tracer == nil {
		return step(ctx)
	}
	s := j.Tracer.Begin(name, append(more,
		tracing.String("k8s.pod.uid", string(j.pod.UID)), tracing.String("k8s.pod", j.pod.Namespace+"/"+j.pod.Name),
		tracing.String("k8s.pod.name", j.pod.Name), tracing.String("k8s.namespace.name", j.pod.Namespace))...)
	after, err := step(s.Within(ctx))
	if err != nil {
		s.Fail(err)
	}
	s.End()
	return after, err
}

// tidy is finish within its span.
func (j *job) tidy(ctx context.Context) (time.Duration, error) {
	return j.traced(ctx, "syncTerminatedPod", j.finish)
}

// updateType is why a pod is synced: for the first time, after its object changed,
// or to look after it.
func (j *job) updateType() tracing.Attribute {
	kind := "sync"
	switch {
	case len(j.rt.Sandboxes) == 0:
		kind = "create"
	case j.w.tracedVersion != j.api.ResourceVersion:
		kind = "update"
	}
	j.w.tracedVersion = j.api.ResourceVersion
	return tracing.String("k8s.pod.update_type", kind)
}
