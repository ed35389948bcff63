package objects

import (
	"context"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"minke/client"
	"minke/client/fake"
)

func configMap(name, value string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}, Data: map[string]string{"k": value}}
}

func TestFollowsOnlyWhatIsReferred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		api := fake.New().Guarded(t)
		told := map[types.UID]int{}
		c := New(ctx, api, client.ConfigMaps, func(owner types.UID) { told[owner]++ })
		if _, err := c.Get(ctx, "p", "ns", "a"); !apierrors.IsNotFound(err) {
			t.Fatalf("absent: %v", err)
		}
		steps := []struct {
			name, value, want string
			told              int
		}{{"a", "1", "1", 1}, {"b", "9", "1", 1}, {"a", "2", "2", 2}, {"b", "8", "2", 2}}
		for _, s := range steps {
			api.Put(configMap(s.name, s.value))
			synctest.Wait()
			got, err := c.Get(ctx, "p", "ns", "a")
			if err != nil || got.Data["k"] != s.want || told["p"] != s.told {
				t.Errorf("after %s=%s: %v, %v, told %d", s.name, s.value, got, err, told["p"])
			}
		}
		c.Forget("p")
		synctest.Wait()
		api.Put(configMap("a", "3"))
		synctest.Wait()
		if told["p"] != 2 || len(c.entries) != 0 {
			t.Errorf("told %d of what was forgotten", told["p"])
		}
		cancel()
		c.Wait()
	})
}
