package volume

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
)

// token is a service account token that is still good, and when to replace it.
type token struct {
	value   string
	refresh time.Time
	expires time.Time
}

// addToken puts the pod's bound token into content and asks for a refresh when
// four fifths of its life, or a day, are over.
func (j *job) addToken(ctx context.Context, content payload, source *corev1.ServiceAccountTokenProjection, mode *int32) error {
	t, err := j.token(ctx, source)
	if err != nil {
		return err
	}
	j.again(t.refresh)
	content[source.Path] = j.private([]byte(t.value), mode)
	return nil
}

// private is a file for the pod's user alone, where the pod has one.
func (j *job) private(data []byte, mode *int32) file {
	f := file{Data: data, Mode: perm(mode, nil), UID: j.commonUser()}
	if f.UID >= 0 || j.fsGroup() != nil {
		f.Mode = fs.FileMode(0o600)
	}
	return f
}

// commonUser is the user as which all containers run, or -1.
func (j *job) commonUser() int {
	user := int64(-1)
	if s := j.pod.Spec.SecurityContext; s != nil && s.RunAsUser != nil {
		user = *s.RunAsUser
	}
	same, seen := true, int64(-2)
	each := func(c *corev1.Container) {
		own := user
		if c.SecurityContext != nil && c.SecurityContext.RunAsUser != nil {
			own = *c.SecurityContext.RunAsUser
		}
		same = same && (seen == -2 || seen == own)
		seen = own
	}
	for i := range j.pod.Spec.InitContainers {
		each(&j.pod.Spec.InitContainers[i])
	}
	for i := range j.pod.Spec.Containers {
		each(&j.pod.Spec.Containers[i])
	}
	if !same || seen < 0 {
		return -1
	}
	return int(seen)
}

func (j *job) token(ctx context.Context, source *corev1.ServiceAccountTokenProjection) (*token, error) {
	key := j.volume.Name + "/" + source.Path + "/" + source.Audience
	now := j.now()
	have := j.state.tokens[key]
	if have != nil && now.Before(have.refresh) {
		return have, nil
	}
	account := j.pod.Spec.ServiceAccountName
	if account == "" {
		account = "default"
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: source.ExpirationSeconds,
		BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: j.pod.Name, UID: j.pod.UID},
	}}
	if source.Audience != "" {
		request.Spec.Audiences = []string{source.Audience}
	}
	answer, err := j.Source.Token(ctx, j.pod.Namespace, account, request)
	if err != nil {
		if have != nil && now.Before(have.expires) {
			return have, nil // still good; the next sync tries again
		}
		return nil, fmt.Errorf("failed to fetch token: %w", err)
	}
	expires := answer.Status.ExpirationTimestamp.Time
	life := expires.Sub(now)
	wait := min(life*4/5, 24*time.Hour) - time.Duration(rand.Int64N(int64(10*time.Second)))
	t := &token{value: answer.Status.Token, expires: expires, refresh: now.Add(max(wait, time.Second))}
	j.state.tokens[key] = t
	return t, nil
}
