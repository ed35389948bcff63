package clustertrustbundlepublisher

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

func TestPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bundle := func(name, signer string) *certificatesv1.ClusterTrustBundle {
			return &certificatesv1.ClusterTrustBundle{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: certificatesv1.ClusterTrustBundleSpec{SignerName: signer, TrustBundle: "old"}}
		}
		api := fake.New(bundle("kubernetes.io:kube-apiserver-serving:old", signer), bundle("other", "")).Guarded(t)
		ctx, cancel := context.WithCancel(t.Context())
		informers := client.NewInformers(api)
		c := New(api, informers, []byte("new"))
		informers.Start(ctx)
		go c.Run(ctx)
		bundles := client.Of(api, client.ClusterTrustBundles)
		// The first 12 bytes of the digest of "new".
		const name = "kubernetes.io:kube-apiserver-serving:11507a0e2f5e69d5dfa40a62"
		for _, c := range []struct {
			when    string
			disturb func() error
		}{
			{"at first", func() error { return nil }},
			{"when deleted", func() error { return bundles.Delete(ctx, "", name, metav1.DeleteOptions{}) }},
			{"when changed", func() error { api.Put(bundle(name, signer)); return nil }},
			{"with a foreign one", func() error { api.Put(bundle("kubernetes.io:kube-apiserver-serving:x", signer)); return nil }},
		} {
			time.Sleep(time.Minute) // also for what failed, to be tried again
			if err := c.disturb(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			all, _, err := bundles.List(ctx, "", metav1.ListOptions{})
			if err != nil || len(all) != 2 {
				t.Fatalf("%s: %d bundles, %v", c.when, len(all), err)
			}
			got, err := bundles.Get(ctx, "", name)
			if err != nil || got.Spec.TrustBundle != "new" || got.Spec.SignerName != signer {
				t.Errorf("%s: %v, %v", c.when, got, err)
			}
		}
		cancel()
		synctest.Wait()
	})
}
