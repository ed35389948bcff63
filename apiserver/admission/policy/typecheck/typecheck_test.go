package typecheck_test

import (
	"context"
	"iter"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/yaml"

	"minke/api"
	"minke/api/catalog"
	"minke/api/cel"
	"minke/apiserver/admission/policy/typecheck"
)

type types struct{}

func (types) KindOf(at schema.GroupVersionResource) (schema.GroupVersionKind, bool) {
	for _, r := range catalog.Resources() {
		if r.GroupVersionResource() == at {
			return r.Kind, true
		}
	}
	return schema.GroupVersionKind{}, false
}

func (types) Declaration(kind schema.GroupVersionKind, name string) *cel.Declaration {
	for _, r := range catalog.Resources() {
		if r.Kind == kind {
			return cel.DeclarationOf(name, reflect.TypeOf(r.New()))
		}
	}
	return nil
}

func read(t *testing.T, spec string) *admissionregistrationv1.ValidatingAdmissionPolicy {
	p := &admissionregistrationv1.ValidatingAdmissionPolicy{}
	p.Name, p.Generation = "p", 1
	if err := yaml.UnmarshalStrict([]byte(spec), &p.Spec); err != nil {
		t.Fatal(err)
	}
	return p
}

const deployments = "matchConstraints: {resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: ['*'], resources: [deployments]}]}\n"

func TestCheck(t *testing.T) {
	for name, tt := range map[string]struct {
		spec string
		want []string // field, then part of the warning
	}{
		"fits":             {deployments + "validations:\n- expression: object.spec.replicas > 1 && object.spec.template.spec.containers.all(c, c.image.startsWith('a')) && object.metadata.creationTimestamp < timestamp('2030-01-01T00:00:00Z')", nil},
		"wrong type":       {deployments + "validations: [{expression: 'true'}, {expression: object.spec.replicas > '1'}]", []string{"spec.validations[1].expression", "apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'"}},
		"no field":         {deployments + "validations: [{expression: 'true', messageExpression: object.spec.nothing}]", []string{"spec.validations[0].messageExpression", "apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'nothing'"}},
		"old object":       {deployments + "validations: [{expression: oldObject.nothing == 1}]", []string{"spec.validations[0].expression", "undefined field 'nothing'"}},
		"dynamic":          {deployments + "validations:\n- expression: object.spec.strategy.rollingUpdate.maxSurge == '5%' || object.spec.template.spec.containers[0].resources.limits.cpu == '1'", nil},
		"variables":        {deployments + "variables: [{name: count, expression: object.spec.replicas}]\nvalidations: [{expression: variables.count == 'a'}]", []string{"spec.validations[0].expression", "'_==_' applied to '(int, string)'"}},
		"params":           {deployments + "paramKind: {apiVersion: v1, kind: ConfigMap}\nvalidations: [{expression: params.data.x == 1}]", []string{"spec.validations[0].expression", "'_==_' applied to '(string, int)'"}},
		"of the same kind": {deployments + "paramKind: {apiVersion: apps/v1, kind: Deployment}\nvalidations: [{expression: params.spec.replicas < object.spec.replicas}]", nil},
		"of a custom kind": {deployments + "paramKind: {apiVersion: example.com/v1, kind: Limit}\nvalidations: [{expression: params.max > object.spec.replicas}]", nil},
		"wildcard":         {strings.Replace(deployments, "[v1]", "['*']", 1) + "validations: [{expression: object.nothing}]", nil},
		"two types":        {strings.Replace(deployments, "[deployments]", "[replicasets, deployments, deployments/scale]", 1) + "validations: [{expression: has(object.spec.paused)}]", []string{"spec.validations[0].expression", "apps/v1, Kind=ReplicaSet: ERROR"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := typecheck.Check(read(t, tt.spec), types{})
			if tt.want == nil {
				if len(got) > 0 {
					t.Errorf("warnings %v", got)
				}
				return
			}
			if len(got) != 1 || got[0].FieldRef != tt.want[0] || !strings.Contains(got[0].Warning, tt.want[1]) {
				t.Errorf("warnings %v, want %v", got, tt.want)
			}
		})
	}
}

// Every built-in type can be described.
func TestAllTypes(t *testing.T) {
	for _, r := range catalog.Resources() {
		p := read(t, deployments+"validations: [{expression: object.kind == 'x' && object.metadata.name == 'y'}]")
		rule := &p.Spec.MatchConstraints.ResourceRules[0]
		rule.APIGroups, rule.APIVersions, rule.Resources = []string{r.Kind.Group}, []string{r.Kind.Version}, []string{r.Plural}
		if got := typecheck.Check(p, types{}); len(got) > 0 {
			t.Errorf("%s: %v", r.Kind, got)
		}
	}
}

// one is a store of one policy.
type one struct {
	types
	policy *admissionregistrationv1.ValidatingAdmissionPolicy
	events *watch.FakeWatcher
	writes int
}

func (o *one) Snapshot(schema.GroupVersionResource, string) (iter.Seq[runtime.Object], string, error) {
	return func(yield func(runtime.Object) bool) { yield(o.policy) }, "1", nil
}

func (o *one) WatchShared(ctx context.Context, _ schema.GroupVersionResource, _, _ string) (watch.Interface, error) {
	context.AfterFunc(ctx, o.events.Stop)
	return o.events, nil
}

func (o *one) Update(_ context.Context, _ schema.GroupVersionResource, _, _ string, change func(api.Object) error) (api.Object, error) {
	o.writes++
	o.policy = o.policy.DeepCopy()
	return o.policy, change(o.policy)
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		store := &one{policy: read(t, deployments+"validations: [{expression: object.nothing}]"), events: watch.NewFake()}
		ended := make(chan error)
		go func() { ended <- typecheck.Run(ctx, store) }()
		synctest.Wait()
		status := store.policy.Status
		if status.ObservedGeneration != 1 || len(status.TypeChecking.ExpressionWarnings) != 1 {
			t.Errorf("status %+v", status)
		}
		store.events.Modify(store.policy) // its own write
		changed := store.policy.DeepCopy()
		changed.Generation, changed.Spec.Validations[0].Expression = 2, "true"
		store.policy = changed
		store.events.Modify(changed)
		synctest.Wait()
		if status = store.policy.Status; status.ObservedGeneration != 2 || len(status.TypeChecking.ExpressionWarnings) != 0 || store.writes != 2 {
			t.Errorf("status %+v after %d writes", status, store.writes)
		}
		cancel()
		<-ended
	})
}
