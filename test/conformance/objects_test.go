//go:build conformance

package conformance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"strings"
	"sync/atomic"

	"sigs.k8s.io/yaml"
)

// samples maps apiVersion/Kind to the text of its object in
// testdata/objects.yaml.
var samples = readSamples()

func readSamples() map[string]string {
	data, err := os.ReadFile("testdata/objects.yaml")
	if err != nil {
		panic(err)
	}
	out := map[string]string{}
	for _, text := range strings.Split(string(data), "\n---\n") {
		o := parse(text)
		out[o.str("apiVersion")+"/"+o.str("kind")] = text
	}
	return out
}

func parse(text string) object {
	var o object
	if err := yaml.Unmarshal([]byte(text), &o); err != nil {
		panic(fmt.Sprintf("%v in\n%s", err, text))
	}
	return o
}

var serial atomic.Int64

// sample makes an object of a kind with a name of its own, in a namespace.
// word is part of its name and its label sweep.
func sample(kind, namespace, word string) (object, error) {
	text, ok := samples[kind]
	if !ok {
		return nil, fmt.Errorf("no sample of %s", kind)
	}
	n := serial.Add(1)
	name := fmt.Sprintf("%s%d", word, n)
	text = strings.NewReplacer("NAMESPACE", namespace, "KNAME", "K"+name, "NAME", name, "NUM", fmt.Sprint(n%250+1), "HUNDRED", fmt.Sprint(n/250%250)).Replace(text)
	if strings.Contains(text, "CSR") {
		text = strings.ReplaceAll(text, "CSR", signingRequest())
	}
	if strings.Contains(text, "STUB") {
		text = strings.ReplaceAll(text, "STUB", base64.StdEncoding.EncodeToString(certificateRequest(pkix.Name{})))
	}
	if strings.Contains(text, "ANCHORS") {
		text = strings.ReplaceAll(text, "ANCHORS", strings.ReplaceAll(trustBundle(), "\n", `\n`))
	}
	o := parse(text)
	o.set("metadata.labels", map[string]any{"sweep": word})
	if placesByKind[kind].Namespaced {
		o.set("metadata.namespace", namespace)
	}
	return o, nil
}

// signingRequest is a PEM request for a client certificate, in base64.
func signingRequest() string {
	der := certificateRequest(pkix.Name{CommonName: "sweep"})
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

// certificateRequest is a request for a certificate, DER, signed with a new key.
func certificateRequest(subject pkix.Name) []byte {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, newKey())
	if err != nil {
		panic(err)
	}
	return der
}

// trustBundle is one trust anchor, PEM.
func trustBundle() string {
	key := newKey()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sweep"}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}
