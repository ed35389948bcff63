package authz

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/json"

	"minke/api/inprocess"
)

const (
	abacVersion   = "abac.authorization.kubernetes.io/v1beta1"
	abacLine      = 64 << 10 // bytes of a line of a policy file, as Kubernetes bounds them
	authenticated = "system:authenticated"
)

// ABAC is an Authorizer by the policies of a file, which are asked in their order
// (https://kubernetes.io/docs/reference/access-authn-authz/abac/). It never denies.
type ABAC []abacPolicy

var _ Authorizer = ABAC(nil)

// abacPolicy is the spec of a policy. "*" stands for everything in all but the subjects,
// where it was replaced when the policy was read.
type abacPolicy struct {
	User            string `json:"user"`
	Group           string `json:"group"`
	Readonly        bool   `json:"readonly"`
	APIGroup        string `json:"apiGroup"`
	Resource        string `json:"resource"`
	Namespace       string `json:"namespace"`
	NonResourcePath string `json:"nonResourcePath"`
}

// ReadABAC reads a policy file: a JSON object on each line that is neither blank
// nor a comment (#). unversioned counts the lines that have no apiVersion and kind:
// they are read as Kubernetes did before it had versions of policies.
func ReadABAC(from io.Reader) (policies ABAC, unversioned int, err error) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, abacLine)
	policies = ABAC{}
	number := 0
	for lines.Scan() {
		number++
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		p, old, err := readABACLine(line)
		if err != nil {
			return nil, 0, fmt.Errorf("line %d: %s: %w", number, line, err)
		}
		if old {
			unversioned++
		}
		policies = append(policies, p)
	}
	if err := lines.Err(); err != nil {
		return nil, 0, fmt.Errorf("line %d: %w", number+1, err)
	}
	return policies, unversioned, nil
}

func readABACLine(line []byte) (p abacPolicy, unversioned bool, err error) {
	var head metav1.TypeMeta
	if err := json.UnmarshalCaseSensitivePreserveInts(line, &head); err != nil {
		return p, false, err
	}
	if head == (metav1.TypeMeta{}) {
		p, err = readUnversioned(line)
		return p, true, err
	}
	if head.Kind != "Policy" || head.APIVersion != abacVersion {
		return p, false, fmt.Errorf("no kind %q is registered for version %q: want Policy in version %q", head.Kind, head.APIVersion, abacVersion)
	}
	var whole struct {
		Spec abacPolicy `json:"spec"`
	}
	if err := json.UnmarshalCaseSensitivePreserveInts(line, &whole); err != nil {
		return p, false, err
	}
	whole.Spec.anybody()
	return whole.Spec, false, nil
}

// readUnversioned reads a policy from before there were versions: what it does not
// say it leaves open.
func readUnversioned(line []byte) (p abacPolicy, err error) {
	if err := json.UnmarshalCaseSensitivePreserveInts(line, &p); err != nil {
		return p, err
	}
	if p.User == "" && p.Group == "" {
		p.Group = authenticated
	}
	p.anybody()
	// It had neither groups of the API nor paths.
	p.APIGroup, p.NonResourcePath = "*", ""
	if p.Namespace == "" && p.Resource == "" {
		p.NonResourcePath = "*"
	}
	if p.Namespace == "" {
		p.Namespace = "*"
	}
	if p.Resource == "" {
		p.Resource = "*"
	}
	return p, nil
}

// anybody says "*" as the group that everybody who is known belongs to: a policy
// must not let in anonymous requests by accident.
func (p *abacPolicy) anybody() {
	if p.User == "*" || p.Group == "*" {
		p.User, p.Group = "", authenticated
	}
}

// Allows implements Authorizer.
func (policies ABAC) Allows(_ context.Context, user *inprocess.User, a Attributes) (bool, string) {
	for i := range policies {
		if policies[i].allows(user, a) {
			return true, ""
		}
	}
	return false, "No policy matched."
}

func (p *abacPolicy) allows(user *inprocess.User, a Attributes) bool {
	if !p.isFor(user) || p.Readonly && !slices.Contains(abacReading, a.Verb) {
		return false
	}
	if a.Resource == "" {
		return p.NonResourcePath == a.Path || strings.HasSuffix(p.NonResourcePath, "*") &&
			strings.HasPrefix(a.Path, strings.TrimRight(p.NonResourcePath, "*"))
	}
	return isOr(p.Namespace, a.Namespace) && isOr(p.Resource, a.Resource) && isOr(p.APIGroup, a.Group)
}

// isFor tells whether the policy is about user: it names user, group, or both.
func (p *abacPolicy) isFor(user *inprocess.User) bool {
	return (p.User != "" || p.Group != "") &&
		(p.User == "" || p.User == user.Name) && (p.Group == "" || slices.Contains(user.Groups, p.Group))
}

func isOr(pattern, value string) bool { return pattern == "*" || pattern == value }

var abacReading = []string{"get", "list", "watch"}

// RulesFor returns what the policies allow user in namespace.
func (policies ABAC) RulesFor(user *inprocess.User, namespace string) (out []rbacv1.PolicyRule) {
	for i := range policies {
		p := &policies[i]
		if !p.isFor(user) || !isOr(p.Namespace, namespace) {
			continue
		}
		verbs := []string{"*"}
		if p.Readonly {
			verbs = abacReading
		}
		if p.Resource != "" {
			out = append(out, rbacv1.PolicyRule{Verbs: verbs, APIGroups: []string{p.APIGroup}, Resources: []string{p.Resource}})
		}
		if p.NonResourcePath != "" {
			out = append(out, rbacv1.PolicyRule{Verbs: verbs, NonResourceURLs: []string{p.NonResourcePath}})
		}
	}
	return out
}
