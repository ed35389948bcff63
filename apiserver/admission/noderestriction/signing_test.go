package noderestriction

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api/inprocess"
	"minke/apiserver/admission/admissiontest"
)

func TestSigningRequests(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	request := func(name string) []byte {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	}
	const client, serving = certificatesv1.KubeAPIServerClientKubeletSignerName, certificatesv1.KubeletServingSignerName
	for _, c := range []struct {
		name, signer string
		request      []byte
		allowed      bool
	}{
		{"its own", client, request("system:node:n"), true},
		{"its own to serve", serving, request("system:node:n"), true},
		{"another's", client, request("system:node:m"), false},
		{"another's to serve", serving, request("system:node:m"), false},
		{"none", client, []byte("x"), false},
		{"of another signer", "example.com/x", request("m"), true},
	} {
		a := admissiontest.Create(&certificatesv1.CertificateSigningRequest{
			ObjectMeta: metav1.ObjectMeta{Name: "r"}, Spec: certificatesv1.CertificateSigningRequestSpec{SignerName: c.signer, Request: c.request},
		})
		a.Resource.Plural, a.Resource.Kind.Group = "certificatesigningrequests", certificatesv1.GroupName
		a.User = &inprocess.User{Name: "system:node:n", Groups: []string{"system:nodes"}}
		if err := admissiontest.Run(&Plugin{}, a); (err == nil) != c.allowed {
			t.Errorf("%s: %v, want allowed %v", c.name, err, c.allowed)
		}
	}
}
