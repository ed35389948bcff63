package podcertificaterequestcleaner

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/fake"
)

func TestClean(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aged := func(name string, age time.Duration) *certificatesv1.PodCertificateRequest {
			return &certificatesv1.PodCertificateRequest{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: "u", CreationTimestamp: metav1.NewTime(time.Now().Add(-age))}}
		}
		api := fake.New(aged("old", time.Hour), aged("young", 10*time.Minute)).Guarded(t)
		ctx, cancel := context.WithCancel(t.Context())
		informers := client.NewInformers(api)
		c := New(api, informers)
		informers.Start(ctx)
		go c.Run(ctx)
		requests := client.Of(api, client.PodCertificateRequests)
		for _, want := range []int{1, 0} {
			synctest.Wait()
			if all, _, err := requests.List(ctx, "ns", metav1.ListOptions{}); err != nil || len(all) != want {
				t.Errorf("%d requests, want %d: %v", len(all), want, err)
			}
			time.Sleep(20*time.Minute + time.Second)
		}
		cancel()
		synctest.Wait()
	})
}
