package volume

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// sign issues a certificate for an hour and more of life, with rubbish between.
func sign(t *testing.T, r *certificatesv1.PodCertificateRequest, life time.Duration) {
	t.Helper()
	request, err := x509.ParseCertificateRequest(r.Spec.StubPKCS10Request)
	if err != nil || request.CheckSignature() != nil {
		t.Fatal(err)
	}
	key, err := newKey("ECDSAP256")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.Add(life)}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, request.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	r.Status.CertificateChain = "rubbish\n" + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) + "rubbish\n"
	r.Status.BeginRefreshAt, r.Status.NotAfter = new(metav1.NewTime(now.Add(life/2))), new(metav1.NewTime(now.Add(life)))
	end(r, "Issued")
}

func end(r *certificatesv1.PodCertificateRequest, how string) {
	r.Status.Conditions = []metav1.Condition{{Type: how, Status: metav1.ConditionTrue, Reason: "Because", Message: "so"}}
}

func certified(kind string) *corev1.Pod {
	return podWith(corev1.Volume{Name: "v", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{
		PodCertificate: &corev1.PodCertificateProjection{SignerName: "example.com/a", KeyType: kind, CredentialBundlePath: "bundle", KeyPath: "key",
			CertificateChainPath: "chain", UserAnnotations: map[string]string{"example.com/a": "b"}}}}}}})
}

func TestCertificateTypes(t *testing.T) {
	for kind, want := range map[string]string{"RSA3072": "RSA", "ECDSAP256": "ECDSA", "ECDSAP384": "ECDSA", "ECDSAP521": "ECDSA", "ED25519": "Ed25519", "X": ""} {
		_, stub, err := newCredential(kind)
		if (err == nil) != (want != "") {
			t.Fatalf("%s: %v", kind, err)
		}
		if want == "" {
			continue
		}
		if r, err := x509.ParseCertificateRequest(stub); err != nil || r.PublicKeyAlgorithm.String() != want || r.CheckSignature() != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestCertificateLife: asked for, issued, replaced in time; what is lost is asked
// for anew, and a kubelet that begins again keeps what there is.
func TestCertificateLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := manager(t)
		pod := certified("ED25519")
		mount := func(wantErr string, wantRequests int) Volumes {
			t.Helper()
			v, err := m.Mount(t.Context(), pod, nil)
			if wantErr == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), wantErr) || len(s.requests) != wantRequests {
				t.Fatalf("%v, %d requests; want %q, %d", err, len(s.requests), wantErr, wantRequests)
			}
			return v
		}
		expires := func(v Volumes) time.Time {
			t.Helper()
			dir := v.Paths["v"].Path
			pair, err := tls.LoadX509KeyPair(dir+"/chain", dir+"/key")
			if err != nil || read(t, dir+"/bundle") != read(t, dir+"/key")+read(t, dir+"/chain") || strings.Contains(read(t, dir+"/chain"), "rubbish") {
				t.Fatalf("what was written: %v", err)
			}
			return pair.Leaf.NotAfter
		}
		mount("not issued yet", 1)
		mount("not issued yet", 1)
		if r := s.requests[0].Spec; r.SignerName != "example.com/a" || r.UnverifiedUserAnnotations["example.com/a"] != "b" {
			t.Errorf("asked for %+v", r)
		}
		s.requests[0] = nil // deleted
		mount("not issued yet", 1)
		time.Sleep(lostAfter + spread)
		mount("appears to have been deleted", 1)
		mount("not issued yet", 2)
		sign(t, s.requests[1], 2*time.Hour)
		v := mount("", 2)
		first := expires(v)
		if left := time.Until(v.Refresh); left < time.Hour || left > time.Hour+spread {
			t.Errorf("refresh in %v", left)
		}
		time.Sleep(time.Until(v.Refresh))
		mount("", 3)
		time.Sleep(overdueAfter + time.Second)
		if !expires(mount("", 3)).Equal(first) || len(s.events) != 1 || s.events[0] != "CertificateOverdueForRefresh" {
			t.Errorf("while the second is waited for: %v", s.events)
		}
		sign(t, s.requests[2], 24*time.Hour)
		if second := expires(mount("", 3)); !second.After(first) {
			t.Errorf("the second expires at %v", second)
		}
		m.pods = nil // another life of the kubelet
		v = mount("", 3)
		if left := time.Until(v.Refresh); left > spread {
			t.Errorf("refresh in %v", left)
		}
		time.Sleep(spread)
		mount("", 4)
		end(s.requests[3], "Denied")
		v = mount("", 4)
		if second := expires(v); !second.After(first) || s.events[len(s.events)-1] != "Denied" {
			t.Errorf("after the third was denied: %v", s.events)
		}
	})
}

func TestCertificateRefused(t *testing.T) {
	for _, how := range []string{"Denied", "Failed"} {
		m, s := manager(t)
		pod := certified("ED25519")
		for range 3 {
			_, err := m.Mount(t.Context(), pod, nil)
			if err == nil || len(s.requests) != 1 {
				t.Fatalf("%v, %d requests", err, len(s.requests))
			}
			end(s.requests[0], how)
		}
		if _, err := m.Mount(t.Context(), pod, nil); !strings.Contains(err.Error(), `permanently: reason="Because" message="so"`) || len(s.events) != 1 || s.events[0] != how {
			t.Errorf("%v, %v", err, s.events)
		}
	}
}

func TestTrustBundles(t *testing.T) {
	m, s := manager(t)
	block := func(text string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte(text)}))
	}
	bundle := func(name, signer, alive, text string) *certificatesv1.ClusterTrustBundle {
		return &certificatesv1.ClusterTrustBundle{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"alive": alive}},
			Spec: certificatesv1.ClusterTrustBundleSpec{SignerName: signer, TrustBundle: text}}
	}
	s.bundles = []*certificatesv1.ClusterTrustBundle{
		bundle("s:1", "s", "true", "rubbish\n"+block("b")+block("a")), bundle("s:2", "s", "true", block("a")+block("c")),
		bundle("s:3", "s", "false", block("d")), bundle("r:1", "r", "true", block("e")), bundle("n", "", "true", block("f")),
	}
	all := &metav1.LabelSelector{}
	for name, c := range map[string]struct {
		source corev1.ClusterTrustBundleProjection
		want   string
		err    string
	}{
		"by name":                      {corev1.ClusterTrustBundleProjection{Name: new("n")}, block("f"), ""},
		"by signer":                    {corev1.ClusterTrustBundleProjection{SignerName: new("s"), LabelSelector: all}, block("a") + block("b") + block("c") + block("d"), ""},
		"by signer and labels":         {corev1.ClusterTrustBundleProjection{SignerName: new("s"), LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"alive": "true"}}}, block("a") + block("b") + block("c"), ""},
		"by signer, selecting nothing": {corev1.ClusterTrustBundleProjection{SignerName: new("s")}, "", "matched zero ClusterTrustBundles"},
		"nothing, optional":            {corev1.ClusterTrustBundleProjection{SignerName: new("s"), Optional: new(true)}, "", ""},
		"no name":                      {corev1.ClusterTrustBundleProjection{Name: new("x"), Optional: new(false)}, "", `clustertrustbundle "x" not found`},
		"no name, optional":            {corev1.ClusterTrustBundleProjection{Name: new("x"), Optional: new(true)}, "", ""},
		"neither":                      {corev1.ClusterTrustBundleProjection{}, "", "requires either name or signerName"},
	} {
		t.Run(name, func(t *testing.T) {
			m.pods = nil
			c.source.Path = "x.pem"
			pod := podWith(corev1.Volume{Name: "v", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{ClusterTrustBundle: &c.source}}}}})
			v, err := m.Mount(t.Context(), pod, nil)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(v.Paths["v"].Path + "/x.pem"); err != nil || string(got) != c.want {
				t.Errorf("%v: %s", err, got)
			}
		})
	}
}
