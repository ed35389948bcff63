package certificates

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
)

func TestCheck(t *testing.T) {
	const node, client, serving = nodePrefix + "a", certificatesv1.UsageClientAuth, certificatesv1.UsageServerAuth
	const toAPI, kubelet, server = certificatesv1.KubeAPIServerClientSignerName, certificatesv1.KubeAPIServerClientKubeletSignerName, certificatesv1.KubeletServingSignerName
	local := []net.IP{net.IPv4(10, 0, 0, 1)}
	for name, c := range map[string]struct {
		signer, user, subject, group string
		ips                          []net.IP
		usages                       []certificatesv1.KeyUsage
		want                         string
	}{
		"a user":                  {toAPI, "admin", "jane", "devs", nil, []certificatesv1.KeyUsage{client, certificatesv1.UsageDigitalSignature}, ""},
		"a user that serves":      {toAPI, "admin", "jane", "devs", nil, []certificatesv1.KeyUsage{client, serving}, "usage"},
		"a user that signs":       {toAPI, "admin", "jane", "devs", nil, []certificatesv1.KeyUsage{client, certificatesv1.UsageCertSign}, "usage"},
		"a user without usage":    {toAPI, "admin", "jane", "devs", nil, []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature}, "did not contain"},
		"a kubelet":               {kubelet, "bootstrap", node, nodes, nil, []certificatesv1.KeyUsage{client}, ""},
		"a kubelet of masters":    {kubelet, "bootstrap", node, "system:masters", nil, []certificatesv1.KeyUsage{client}, "organization"},
		"a kubelet with names":    {kubelet, "bootstrap", node, nodes, local, []certificatesv1.KeyUsage{client}, "subjectAltNames"},
		"a kubelet without name":  {kubelet, "bootstrap", nodePrefix, nodes, nil, []certificatesv1.KeyUsage{client}, "common name"},
		"a kubelet's server":      {server, node, node, nodes, local, []certificatesv1.KeyUsage{serving}, ""},
		"a server without names":  {server, node, node, nodes, nil, []certificatesv1.KeyUsage{serving}, "is required"},
		"a server that is client": {server, node, node, nodes, local, []certificatesv1.KeyUsage{serving, client}, "usage"},
		"somebody else's":         {"example.com/x", node, node, nodes, nil, nil, "unknown"},
	} {
		r := &certificatesv1.CertificateSigningRequest{Spec: certificatesv1.CertificateSigningRequestSpec{SignerName: c.signer, Username: c.user, Usages: c.usages}}
		request := &x509.CertificateRequest{Subject: pkix.Name{CommonName: c.subject, Organization: []string{c.group}}, IPAddresses: c.ips}
		err := check(r, request)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, wanted %q", name, err, c.want)
		}
	}
}
