package apiserver

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
	"minke/apiserver/admission"
)

// scaleWatcher is a mutating plug-in that notes who manages the Scales it sees, and
// changes those of the new one.
type scaleWatcher struct {
	before, now *string
	change      *func(*autoscalingv1.Scale)
}

func (p scaleWatcher) Admit(_ context.Context, a *admission.Attributes) error {
	scale, ok := a.Object.(*autoscalingv1.Scale)
	if !ok {
		return nil
	}
	*p.before, *p.now = scaleOwners(a.Old), scaleOwners(scale)
	if *p.change != nil {
		(*p.change)(scale)
	}
	return nil
}

func scaleOwners(obj api.Object) string {
	var out []string
	for _, e := range obj.GetManagedFields() {
		var fields any
		if err := json.Unmarshal(e.FieldsV1.GetRawBytes(), &fields); err != nil {
			return err.Error()
		}
		text, _ := json.Marshal(fields)
		out = append(out, strings.Join([]string{e.Manager, string(e.Operation), e.APIVersion, e.Subresource, string(text)}, " "))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// TestScaleInAdmission: admission sees the managedFields of the Scale before and
// after the change, and what it makes of them comes back to the object.
func TestScaleInAdmission(t *testing.T) {
	var before, now string
	var change func(*autoscalingv1.Scale)
	w := newWorld(t, func(c *Config) { c.Admission = admission.Chain{scaleWatcher{&before, &now, &change}} })
	const whole, scale = deployments + "/d", deployments + "/d/scale"
	const replicas = ` {"f:spec":{"f:replicas":{}}}`
	rename := func(s *autoscalingv1.Scale) {
		for i := range s.ManagedFields {
			s.ManagedFields[i].Manager = "hook"
		}
	}
	w.must(201, "POST", deployments+"?fieldManager=m", scaledDeployment)
	for _, step := range []struct {
		name, media, query, body string
		change                   func(*autoscalingv1.Scale)
		before, now, owners      string
		warns                    bool
	}{
		{"the same number leaves them as they are", mergeMedia, "fieldManager=s", `{"spec":{"replicas":1}}`, nil,
			"m Update autoscaling/v1 " + replicas, "m Update autoscaling/v1 " + replicas, "m Update apps/v1", false},
		{"another number", mergeMedia, "fieldManager=s", `{"spec":{"replicas":2}}`, nil,
			"m Update autoscaling/v1 " + replicas, "s Update autoscaling/v1 scale" + replicas, "s Update apps/v1 scale", false},
		{"applied", applyMedia, "fieldManager=a&force=true", scaleTo(3), nil,
			"s Update autoscaling/v1 scale" + replicas, "a Apply autoscaling/v1 scale" + replicas, "a Apply apps/v1 scale", false},
		{"admission names another", mergeMedia, "fieldManager=s", `{"spec":{"replicas":4}}`, rename,
			"a Apply autoscaling/v1 scale" + replicas, "s Update autoscaling/v1 scale" + replicas, "hook Update apps/v1 scale", false},
		{"admission spoils them", mergeMedia, "fieldManager=s", `{"spec":{"replicas":5}}`,
			func(s *autoscalingv1.Scale) {
				s.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "bad", Operation: "Bad"}}
			},
			"hook Update autoscaling/v1 scale" + replicas, "s Update autoscaling/v1 scale" + replicas, "s Update apps/v1 scale", true},
		{"admission forgets them", mergeMedia, "fieldManager=s", `{"spec":{"replicas":6}}`,
			func(s *autoscalingv1.Scale) { s.ManagedFields = nil },
			"s Update autoscaling/v1 scale" + replicas, "s Update autoscaling/v1 scale" + replicas, "", false},
	} {
		before, now, change = "", "", step.change
		rec := w.do("PATCH", scale+"?"+step.query, step.body, "Content-Type", step.media)
		if rec.Code != 200 {
			t.Fatalf("%s: %d %s", step.name, rec.Code, rec.Body)
		}
		if warned := strings.Contains(rec.Header().Get("Warning"), ".metadata.managedFields was in an invalid state after admission"); warned != step.warns {
			t.Errorf("%s: warnings %q", step.name, rec.Header()["Warning"])
		}
		w.want(before, step.before, step.name+": before")
		w.want(now, step.now, step.name+": now")
		w.want(w.owners(whole), step.owners, step.name+": owners")
	}
}
