package authn

import (
	"context"
	"crypto/subtle"
	"fmt"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"minke/api/inprocess"
)

const bootstrapGroup = "system:bootstrappers"

var (
	bootstrapToken = regexp.MustCompile(`^([a-z0-9]{6})\.([a-z0-9]{16})$`)
	extraGroup     = regexp.MustCompile(`^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$`)
)

// BootstrapTokens recognizes the short tokens with which nodes join: each is a
// Secret bootstrap-token-ID in kube-system.
type BootstrapTokens struct {
	Reader Reader
	// Now may be nil.
	Now func() time.Time
}

var _ Token = (*BootstrapTokens)(nil)

// AuthenticateToken implements Token. A bootstrap token has no audiences, so it
// is good for every one.
func (b *BootstrapTokens) AuthenticateToken(ctx context.Context, token string, audiences []string) (*Identity, error) {
	parts := bootstrapToken.FindStringSubmatch(token)
	if parts == nil {
		return nil, nil
	}
	id, secret := parts[1], parts[2]
	obj, err := b.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("secrets"), "kube-system", "bootstrap-token-"+id)
	if err != nil {
		return nil, fmt.Errorf("authenticate bootstrap token %s: %w", id, err)
	}
	stored, ok := obj.(*corev1.Secret)
	if !ok {
		return nil, fmt.Errorf("authenticate bootstrap token %s: its secret is a %T", id, obj)
	}
	if why := b.refuse(stored, id, secret); why != "" {
		return nil, fmt.Errorf("authenticate bootstrap token %s: %s", id, why)
	}
	groups := []string{bootstrapGroup}
	if more := string(stored.Data["auth-extra-groups"]); more != "" {
		for _, g := range strings.Split(more, ",") {
			if !extraGroup.MatchString(g) {
				return nil, fmt.Errorf("authenticate bootstrap token %s: group %q is not one below %s", id, g, bootstrapGroup)
			}
			groups = append(groups, g)
		}
	}
	return &Identity{User: &inprocess.User{Name: "system:bootstrap:" + id, Groups: groups}, Audiences: audiences}, nil
}

// refuse returns why the token is not good, or nothing.
func (b *BootstrapTokens) refuse(s *corev1.Secret, id, secret string) string {
	now := time.Now
	if b.Now != nil {
		now = b.Now
	}
	switch {
	case s.DeletionTimestamp != nil:
		return "its secret is being deleted"
	case s.Type != corev1.SecretTypeBootstrapToken:
		return "its secret has another type"
	case subtle.ConstantTimeCompare(s.Data["token-secret"], []byte(secret)) != 1:
		return "the secret part is wrong"
	case string(s.Data["token-id"]) != id:
		return "its secret has another id"
	case string(s.Data["usage-bootstrap-authentication"]) != "true":
		return "it is not meant for authentication"
	}
	if at := string(s.Data["expiration"]); at != "" {
		expires, err := time.Parse(time.RFC3339, at)
		if err != nil || !now().Before(expires) {
			return "it has expired"
		}
	}
	return ""
}
