package apiserver

import (
	"context"
	"encoding/json"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/admission"
)

// hook is a mutator of a test's choice.
type hook func(ctx context.Context, a *admission.Attributes) error

func (h hook) Admit(ctx context.Context, a *admission.Attributes) error { return h(ctx, a) }

func TestAdmissionSeesOtherVersions(t *testing.T) {
	v0 := schema.GroupVersionKind{Version: "v0", Kind: "ConfigMap"}
	var others []admission.Version
	w := newWorld(t, func(c *Config) {
		c.Admission = admission.Chain{hook(func(ctx context.Context, a *admission.Attributes) error {
			if a.Resource.Plural != "configmaps" || a.Operation != admission.Create {
				return nil
			}
			others = a.Versions.Others(a.Version, a.Subresource)
			to := admission.Version{Kind: v0}
			obj, old, err := a.Shown(ctx, to)
			if err != nil || old != nil {
				t.Errorf("shown %v, %v", old, err)
			}
			shown := obj.(*corev1.ConfigMap)
			if shown.APIVersion != "v0" || shown.Data["version"] != "v0" {
				t.Errorf("shown %+v", shown)
			}
			changed := shown.DeepCopy()
			changed.Data["added"] = "yes"
			text, err := json.Marshal(changed)
			if err != nil {
				return err
			}
			return a.Replace(ctx, to, text)
		})}
	})
	got := w.must(201, "POST", cms, `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"},"data":{"k":"1"}}`)
	w.want(at(got, "data"), map[string]any{"k": "1", "added": "yes"}, "data that went through the other version and back")
	w.want(len(others), 1, "other versions")
	w.want(others[0].Kind.Version, "v0", "other version")
	w.must(201, "POST", "/api/v0/namespaces/default/configmaps", `{"kind":"ConfigMap","apiVersion":"v0","metadata":{"name":"b"},"data":{"k":"1"}}`)
	w.want(others[0].Kind.Version, "v1", "other version")
}

func TestAdmissionSeesScale(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Admission = admission.Chain{hook(func(ctx context.Context, a *admission.Attributes) error {
			scale, ok := a.Object.(*autoscalingv1.Scale)
			if a.Subresource != "scale" {
				return nil
			}
			if old, is := a.Old.(*autoscalingv1.Scale); !ok || !is || old.Spec.Replicas != 1 || a.Version.Kind != scaleKind || a.Version.Resource.Group != "apps" {
				t.Errorf("saw %T %T of %+v", a.Object, a.Old, a.Version)
				return nil
			}
			changed := scale.DeepCopy()
			changed.Spec.Replicas++
			text, err := json.Marshal(changed)
			if err != nil {
				return err
			}
			return a.Replace(ctx, a.Version, text)
		})}
	})
	const deployments = "/apis/apps/v1/namespaces/default/deployments"
	w.must(201, "POST", deployments, `{"metadata":{"name":"d"},"spec":{}}`)
	got := w.must(200, "PATCH", deployments+"/d/scale", `{"spec":{"replicas":4}}`, "Content-Type", "application/merge-patch+json")
	w.want(at(got, "spec", "replicas"), 5, "replicas")
	w.want(at(w.must(200, "GET", deployments+"/d", ""), "spec", "replicas"), 5, "replicas of the deployment")
}

func TestAdmissionSeesOptions(t *testing.T) {
	seen := map[admission.Operation]string{}
	w := newWorld(t, func(c *Config) {
		c.Admission = admission.Chain{hook(func(_ context.Context, a *admission.Attributes) error {
			text, err := json.Marshal(a.Options)
			seen[a.Operation] = string(text)
			return err
		})}
	})
	w.must(201, "POST", cms+"?fieldManager=me&fieldValidation=Strict", `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"}}`)
	w.must(200, "PATCH", cms+"/a?dryRun=All", `{"data":{"a":"b"}}`, "Content-Type", "application/merge-patch+json")
	w.must(200, "DELETE", cms+"/a?propagationPolicy=Orphan", "")
	for op, want := range map[admission.Operation]string{
		admission.Create: `{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1","fieldManager":"me","fieldValidation":"Strict"}`,
		admission.Update: `{"kind":"UpdateOptions","apiVersion":"meta.k8s.io/v1","dryRun":["All"]}`,
		admission.Delete: `{"kind":"DeleteOptions","apiVersion":"meta.k8s.io/v1","propagationPolicy":"Orphan"}`,
	} {
		if seen[op] != want {
			t.Errorf("%s saw %s, want %s", op, seen[op], want)
		}
	}
}

func TestAdmissionMayNotMoveObjects(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Admission = admission.Chain{hook(func(_ context.Context, a *admission.Attributes) error {
			a.Object.SetNamespace("elsewhere")
			return nil
		})}
	})
	w.must(400, "POST", cms, `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"}}`)
}
