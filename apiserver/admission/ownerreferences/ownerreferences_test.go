package ownerreferences

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/api/inprocess"
	"minke/apiserver/admission"
	"minke/apiserver/admission/admissiontest"
	"minke/apiserver/authz"
)

// rights are "verb resource[/subresource]" that are allowed.
type rights string

func (r rights) Allows(_ context.Context, _ *inprocess.User, a authz.Attributes) (bool, string) {
	q := a.Verb + " " + a.Resource
	if a.Subresource != "" {
		q += "/" + a.Subresource
	}
	return strings.Contains(string(r), q+";"), ""
}

func TestOwners(t *testing.T) {
	owned := func(block bool, owners ...string) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "p"}}
		for _, o := range owners {
			kind, name, _ := strings.Cut(o, "/")
			p.OwnerReferences = append(p.OwnerReferences, metav1.OwnerReference{APIVersion: "v1", Kind: kind, Name: name, BlockOwnerDeletion: &block})
		}
		return p
	}
	update := func(obj, old *corev1.Pod) *admission.Attributes {
		return admissiontest.Write(admission.Update, obj, old)
	}
	for _, c := range []struct {
		name  string
		a     *admission.Attributes
		may   rights
		cause string
	}{
		{"no owner", admissiontest.Create(owned(false)), "", ""},
		{"created with one", admissiontest.Create(owned(false, "Node/n")), "", ""},
		{"may not delete", update(owned(false, "Node/n"), owned(false)), "", "cannot set an ownerRef on a resource you can't delete: , <nil>"},
		{"may delete", update(owned(false, "Node/n"), owned(false)), "delete pods;", ""},
		{"blocks as who may finalize anything", admissiontest.Create(owned(true, "Nothing/n")), "update */finalizers;", ""},
		{"kept", update(owned(true, "Node/n"), owned(true, "Node/n")), "", ""},
		{"taken away", update(owned(true), owned(true, "Node/n")), "", "can't delete"},
		{"blocks without right", admissiontest.Create(owned(true, "Node/n")), "delete pods;", "can't set finalizers on"},
		{"blocks by right", admissiontest.Create(owned(true, "Node/n")), "delete pods;update nodes/finalizers;", ""},
		{"blocks now", update(owned(true, "Node/n"), owned(false, "Node/n")), "delete pods;", "can't set finalizers on"},
		{"unknown kind", admissiontest.Create(owned(true, "Nothing/n")), "delete pods;", "cannot find RESTMapping for APIVersion v1 Kind Nothing"},
	} {
		c.a.User = &inprocess.User{Name: "u"}
		p := &Plugin{Authorizer: c.may, Resources: func(k schema.GroupVersionKind) []*api.Resource {
			if k.Kind == "Node" {
				return []*api.Resource{{Kind: k, Plural: "nodes"}}
			}
			return nil
		}}
		got := admissiontest.Outcome(admissiontest.Run(p, c.a))
		if (got == "") != (c.cause == "") || !strings.Contains(got, c.cause) {
			t.Errorf("%s: %q, want %q", c.name, got, c.cause)
		}
	}
}
