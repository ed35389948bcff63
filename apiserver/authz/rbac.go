package authz

import (
	"context"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"

	"minke/api/inprocess"
	"minke/apiserver/request"
)

// Masters is the group whose members may do everything, whatever the roles
// say: the way in when roles have been lost.
const Masters = "system:masters"

// RBAC is an Authorizer by roles and bindings.
type RBAC struct {
	source Source
	synced chan struct{}
	policy policy
}

var _ Authorizer = (*RBAC)(nil)

// NewRBAC returns an authorizer that knows nothing until Run follows source.
func NewRBAC(source Source) *RBAC {
	return &RBAC{source: source, synced: make(chan struct{}), policy: newPolicy()}
}

// Synced is closed when all roles and bindings have been read once.
func (r *RBAC) Synced() <-chan struct{} { return r.synced }

// Allows implements Authorizer.
func (r *RBAC) Allows(ctx context.Context, user *inprocess.User, a Attributes) (bool, string) {
	if slices.Contains(user.Groups, Masters) {
		return true, ""
	}
	var missing []error
	allowed, reason := false, ""
	audited := request.AnnotationsFrom(ctx) != nil
	r.policy.visit(user, a.Namespace, func(g grant) bool {
		if g.err != nil {
			missing = append(missing, g.err)
			return true
		}
		if g.role.compiled.allow(a) {
			allowed = true
			if audited || explained(ctx) {
				reason = g.reason()
			}
			return false
		}
		return true
	})
	if allowed {
		return true, reason
	}
	if len(missing) > 0 {
		return false, fmt.Sprintf("RBAC: %v", aggregate(missing))
	}
	return false, ""
}

type explainedKey struct{}

// Explained is a context within which it is also told by which role something is
// allowed, as the answer of a review does.
func Explained(ctx context.Context) context.Context {
	return context.WithValue(ctx, explainedKey{}, true)
}

func explained(ctx context.Context) bool { return ctx.Value(explainedKey{}) != nil }

// reason words why the grant allows something.
func (g grant) reason() string {
	kind, name := "ClusterRoleBinding", g.by.name
	if g.by.namespace != "" {
		kind, name = "RoleBinding", g.by.name+"/"+g.by.namespace
	}
	to, who, _ := strings.Cut(g.to, ":")
	switch account, is := strings.CutPrefix(who, "system:serviceaccount:"); {
	case to == "group":
		to = "Group"
	case is:
		namespace, own, _ := strings.Cut(account, ":")
		to, who = "ServiceAccount", own+"/"+namespace
	default:
		to = "User"
	}
	return fmt.Sprintf("RBAC: allowed by %s %q of %s %q to %s %q", kind, name, g.by.ref.Kind, g.by.ref.Name, to, who)
}

// RulesFor returns all rules that apply to user in namespace; the error names
// roles that bindings refer to and that do not exist.
func (r *RBAC) RulesFor(user *inprocess.User, namespace string) ([]rbacv1.PolicyRule, error) {
	var out []rbacv1.PolicyRule
	var missing []error
	r.policy.visit(user, namespace, func(g grant) bool {
		if g.err != nil {
			missing = append(missing, g.err)
		} else {
			out = append(out, g.role.rules...)
		}
		return true
	})
	return out, utilerrors.NewAggregate(missing)
}

// everything are the rules of cluster-admin.
func everything() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}},
		{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}},
	}
}

// aggregate joins errors as Kubernetes words several at once.
func aggregate(errs []error) string {
	if len(errs) == 1 {
		return errs[0].Error()
	}
	text := "["
	for i, err := range errs {
		if i > 0 {
			text += ", "
		}
		text += err.Error()
	}
	return text + "]"
}
