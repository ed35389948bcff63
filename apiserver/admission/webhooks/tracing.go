package webhooks

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"minke/apiserver/admission"
	"minke/tracing"
)

// traced begins the span of a call, named as Kubernetes names it.
func (p *plugin) traced(ctx context.Context, h *hook, a *admission.Attributes, uid types.UID) (context.Context, *tracing.Span) {
	if !tracing.FromContext(ctx).Recording() {
		return ctx, nil
	}
	name := "Call validating webhook"
	if p.step == "admit" {
		name = "Call mutating webhook"
	}
	return tracing.Start(ctx, name,
		tracing.String("configuration", h.configuration), tracing.String("webhook", h.name),
		tracing.String("resource", a.Version.Resource.String()), tracing.String("subresource", a.Subresource),
		tracing.String("operation", string(a.Operation)), tracing.String("UID", string(uid)))
}
