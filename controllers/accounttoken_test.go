package controllers_test

import (
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
)

func TestTokenSecretLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, api, stop := cluster(t)
		defer stop()
		accounts, secrets := client.Of(api, client.ServiceAccounts), client.Of(api, client.Secrets)
		settle := func() { time.Sleep(time.Second); synctest.Wait() }
		secret := func(name, account string) {
			_, err := secrets.Create(ctx, &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Annotations: map[string]string{corev1.ServiceAccountNameKey: account}},
				Type:       corev1.SecretTypeServiceAccountToken,
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		robot, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "robot"}})
		if err != nil {
			t.Fatal(err)
		}
		secret("good", "robot")
		secret("orphan", "nobody")
		settle()
		got, err := secrets.Get(ctx, "shop", "good")
		if err != nil {
			t.Fatal(err)
		}
		if string(got.Data["token"]) != "token of robot in good" || string(got.Data["ca.crt"]) != "pem" || string(got.Data["namespace"]) != "shop" ||
			got.Annotations[corev1.ServiceAccountUIDKey] != string(robot.UID) {
			t.Errorf("filled with %q, %v", got.Data, got.Annotations)
		}
		if _, err := secrets.Get(ctx, "shop", "orphan"); !apierrors.IsNotFound(err) {
			t.Errorf("a secret of no account: %v", err)
		}
		if err := accounts.Delete(ctx, "shop", "robot", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		settle()
		if _, err := secrets.Get(ctx, "shop", "good"); !apierrors.IsNotFound(err) {
			t.Errorf("the account is gone, its secret: %v", err)
		}
	})
}
