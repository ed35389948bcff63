//go:build e2e

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
)

// TestCertificates: what kubectl certificate approve let pass is signed, and
// identifies its holder; what it refused, or what no signer may sign, is not.
func TestCertificates(t *testing.T) {
	c := up(t, 1, "--isolated")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "jane", Organization: []string{"devs"}}}, key)
	if err != nil {
		t.Fatal(err)
	}
	request := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	for name, signer := range map[string]string{"jane": "kubernetes.io/kube-apiserver-client, usages: [client auth]", "denied": "kubernetes.io/kube-apiserver-client, usages: [client auth]", "unfit": "kubernetes.io/kubelet-serving, usages: [server auth]"} {
		c.apply(fmt.Sprintf("apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {name: %s}\nspec: {request: %s, signerName: %s}\n", name, request, signer))
	}
	c.kubectl("certificate", "approve", "jane", "unfit")
	c.kubectl("certificate", "deny", "denied")
	c.kubectl("wait", "csr/unfit", "--for=condition=Failed", "--timeout=30s")
	c.kubectl("wait", "csr/jane", "--for=jsonpath={.status.certificate}", "--timeout=30s")
	table := c.kubectl("get", "csr", "--no-headers")
	for name, want := range map[string]string{"jane": "Approved,Issued", "denied": "Denied", "unfit": "Approved,Failed"} {
		for line := range strings.Lines(table) {
			if fields := strings.Fields(line); fields[0] == name && fields[len(fields)-1] != want {
				t.Errorf("%s is %s, wanted %s", name, fields[len(fields)-1], want)
			}
		}
	}
	text, err := base64.StdEncoding.DecodeString(c.kubectl("get", "csr", "jane", "-o", "jsonpath={.status.certificate}"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("no certificate in %q", text)
	}
	jane := c.with(tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key})
	attempt{"whoever holds it", "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", "", "{}", 201, `"username":"jane","groups":["devs","system:authenticated"]`}.check(t, jane)
	attempt{"with no rights", "GET", "/api/v1/pods", "", "", 403, `User \"jane\" cannot list resource`}.check(t, jane)
}
