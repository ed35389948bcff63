package cluster

import (
	"context"
	"iter"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/admission/policy"
)

// held is what Kubernetes' informers are to authentication, authorization and
// admission: objects as they are known here. With the embedded store that is
// their latest state. Of an etcd it has all that this server wrote, and what
// others wrote a moment later; in return a request costs no round trip more.
type held struct{ *objects }

var _ policy.Reader = held{}

func (h held) Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error) {
	return h.HeldGet(ctx, resource, namespace, name)
}

func (h held) Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error) {
	return h.HeldSnapshot(resource, namespace)
}
