package webhooks

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"minke/apiserver/admission/match"
	"minke/apiserver/webhook"
)

// Source is where objects are read and followed. What it hands out is shared.
type Source interface {
	match.Reader
	Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error)
	WatchShared(ctx context.Context, resource schema.GroupVersionResource, namespace, revision string) (watch.Interface, error)
}

var (
	mutatingConfigurations   = admissionregistrationv1.SchemeGroupVersion.WithResource("mutatingwebhookconfigurations")
	validatingConfigurations = admissionregistrationv1.SchemeGroupVersion.WithResource("validatingwebhookconfigurations")
)

// Load reads what is configured already, before the first request.
func (w *Webhooks) Load() error {
	for _, f := range w.followers {
		if _, err := f.load(); err != nil {
			return err
		}
	}
	return nil
}

// Run follows the configurations until ctx ends.
func (w *Webhooks) Run(ctx context.Context) error {
	done := make(chan struct{})
	for _, f := range w.followers {
		go func() {
			f.run(ctx)
			done <- struct{}{}
		}()
	}
	for range w.followers {
		<-done
	}
	return ctx.Err()
}

// follower keeps one plug-in's hooks in line with its configurations.
type follower struct {
	*plugin
	resource schema.GroupVersionResource
	hooksOf  func(runtime.Object) []*hook
	// known has the hooks of each configuration as of one resourceVersion, so
	// that those that did not change go on counting their calls.
	known map[types.UID]known
}

type known struct {
	resourceVersion string
	hooks           []*hook
}

func newFollowers(w *Webhooks) []*follower {
	return []*follower{
		{plugin: &w.Mutating.plugin, resource: mutatingConfigurations, hooksOf: mutatingHooks},
		{plugin: &w.Validating.plugin, resource: validatingConfigurations, hooksOf: validatingHooks},
	}
}

func (f *follower) run(ctx context.Context) {
	const pause = time.Second
	for {
		err := f.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		slog.Default().With("part", "admission").Warn("watch ended, reading anew", "resource", f.resource.Resource, "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// follow reads all configurations now and after each change: there are few.
func (f *follower) follow(ctx context.Context) error {
	revision, err := f.load()
	if err != nil {
		return err
	}
	w, err := f.Source.WatchShared(ctx, f.resource, "", revision)
	if err != nil {
		return fmt.Errorf("watch %s: %w", f.resource.Resource, err)
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		if event.Type == watch.Error {
			return fmt.Errorf("watch %s: %v", f.resource.Resource, event.Object)
		}
		if _, err := f.load(); err != nil {
			return err
		}
	}
	return fmt.Errorf("watch %s: the stream ended", f.resource.Resource)
}

// load makes the hooks what the configurations say.
func (f *follower) load() (revision string, err error) {
	all, revision, err := f.Source.Snapshot(f.resource, "")
	if err != nil {
		return "", fmt.Errorf("list %s: %w", f.resource.Resource, err)
	}
	now, names := map[types.UID]known{}, map[string]bool{}
	var objs []metav1.Object
	for obj := range all {
		m := obj.(metav1.Object)
		objs = append(objs, m)
		k, ok := f.known[m.GetUID()]
		if !ok || k.resourceVersion != m.GetResourceVersion() {
			k = known{resourceVersion: m.GetResourceVersion(), hooks: f.hooksOf(obj)}
		}
		now[m.GetUID()] = k
	}
	slices.SortFunc(objs, func(a, b metav1.Object) int { return cmp.Compare(a.GetName(), b.GetName()) })
	var hooks []*hook
	for _, m := range objs {
		hooks = append(hooks, now[m.GetUID()].hooks...)
	}
	for _, h := range hooks {
		names[h.name] = true
	}
	if hooks == nil {
		f.hooks.Store(nil)
	} else {
		f.hooks.Store(&hooks)
	}
	for _, k := range f.known {
		for _, h := range k.hooks {
			if !names[h.name] {
				f.metrics.forget(h.name, f.step)
			}
		}
	}
	f.known = now
	return revision, nil
}

func mutatingHooks(obj runtime.Object) []*hook {
	c := obj.(*admissionregistrationv1.MutatingWebhookConfiguration)
	var out []*hook
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		h := &hook{configuration: c.Name, name: w.Name, versions: w.AdmissionReviewVersions, sideEffects: w.SideEffects, conditions: w.MatchConditions}
		h.reinvoke = w.ReinvocationPolicy != nil && *w.ReinvocationPolicy == admissionregistrationv1.IfNeededReinvocationPolicy
		h.set(&w.ClientConfig, w.TimeoutSeconds, w.FailurePolicy)
		h.criteria, h.broken = match.Webhook(w.Rules, w.MatchPolicy, w.NamespaceSelector, w.ObjectSelector)
		out = append(out, h)
	}
	return out
}

func validatingHooks(obj runtime.Object) []*hook {
	c := obj.(*admissionregistrationv1.ValidatingWebhookConfiguration)
	var out []*hook
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		h := &hook{configuration: c.Name, name: w.Name, versions: w.AdmissionReviewVersions, sideEffects: w.SideEffects, conditions: w.MatchConditions}
		h.set(&w.ClientConfig, w.TimeoutSeconds, w.FailurePolicy)
		h.criteria, h.broken = match.Webhook(w.Rules, w.MatchPolicy, w.NamespaceSelector, w.ObjectSelector)
		out = append(out, h)
	}
	return out
}

// set fills in where the webhook is and what becomes of its failures.
func (h *hook) set(c *admissionregistrationv1.WebhookClientConfig, seconds *int32, policy *admissionregistrationv1.FailurePolicyType) {
	h.endpoint = endpointOf(c)
	if seconds != nil {
		h.timeout = time.Duration(*seconds) * time.Second
	}
	h.open = policy != nil && *policy == admissionregistrationv1.Ignore
}

func endpointOf(c *admissionregistrationv1.WebhookClientConfig) webhook.Endpoint {
	e := webhook.Endpoint{CABundle: c.CABundle}
	if c.URL != nil {
		e.URL = *c.URL
	}
	if s := c.Service; s != nil {
		e.Service = webhook.NewService(s.Namespace, s.Name, s.Path, s.Port)
	}
	return e
}
