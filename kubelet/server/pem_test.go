package server

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strconv"
	"testing"
)

func pemOf(kind string, raw []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw})
}

func keyOf(t *testing.T, c tls.Certificate) []byte {
	raw, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("PRIVATE KEY", raw)
}

func itoa(n uint16) string { return strconv.Itoa(int(n)) }
