package cluster

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/apiserver/authn"
	"minke/client"
)

// tokenTracking is the ConfigMap that says since when the use of tokens which are kept
// in Secrets is noted (KEP-2799): who cleans up must not take one for unused that was
// used before.
func tokenTracking(now time.Time) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "kube-apiserver-legacy-service-account-token-tracking", Namespace: metav1.NamespaceSystem},
		Data:       map[string]string{trackedSince: now.UTC().Format(time.DateOnly)},
	}
}

// trackedSince is the key of the day in that ConfigMap.
const trackedSince = "since"

// noteLimit bounds how long a request waits until the use of its token is written.
const noteLimit = 2 * time.Second

// noteUsed labels a Secret whose token was used. That it cannot be written is no reason
// to refuse the token; the next use tries again.
func (s *security) noteUsed(ctx context.Context, namespace, secret, day string) {
	if s.self == nil {
		return // not served yet
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteLimit)
	defer cancel()
	_, err := s.self.Do(ctx, client.Request{
		Verb: "patch", Resource: corev1.SchemeGroupVersion.WithResource("secrets"), Namespace: namespace, Name: secret,
		PatchType: types.MergePatchType, Patch: fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, authn.LastUsed, day),
	})
	if err != nil {
		s.log.Error("the use of a service account's token cannot be noted", "namespace", namespace, "secret", secret, "error", err)
	}
}
