package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// loadPair reads path.crt and path.key.
func loadPair(path string) (*Pair, error) {
	certPEM, err := os.ReadFile(path + ".crt")
	if err != nil {
		return nil, err
	}
	key, err := loadKey(path + ".key")
	if err != nil {
		return nil, err
	}
	return newPair(certPEM, key)
}

func newPair(certPEM []byte, key crypto.Signer) (*Pair, error) {
	keyPEM, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, err
	}
	return &Pair{CertPEM: certPEM, KeyPEM: keyPEM, TLS: pair, cert: pair.Leaf, key: key}, nil
}

// savePair writes the key first: a certificate on disk always has its key.
func savePair(path string, der []byte, key crypto.Signer) (*Pair, error) {
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := saveKey(path+".key", key); err != nil {
		return nil, err
	}
	if err := writeFile(path+".crt", certPEM); err != nil {
		return nil, err
	}
	return newPair(certPEM, key)
}

// loadKey reads a key of ours, or one that another tool has made: kubeadm's are
// RSA.
func loadKey(path string) (crypto.Signer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		key, err := parseKey(block)
		if err != nil {
			return nil, fmt.Errorf("read key %s: %w", path, err)
		}
		if key != nil {
			return key, nil
		}
	}
	return nil, fmt.Errorf("read key %s: no PEM block of a private key in it", path)
}

// parseKey returns nil for a block that is no key, such as openssl's EC
// PARAMETERS.
func parseKey(block *pem.Block) (crypto.Signer, error) {
	switch block.Type {
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("a %T does not sign", key)
		}
		return signer, nil
	}
	return nil, nil
}

func saveKey(path string, key crypto.Signer) error {
	data, err := encodeKey(key)
	if err != nil {
		return err
	}
	return writeFile(path, data)
}

func encodeKey(key crypto.Signer) ([]byte, error) {
	if ec, ok := key.(*ecdsa.PrivateKey); ok {
		der, err := x509.MarshalECPrivateKey(ec)
		if err != nil {
			return nil, fmt.Errorf("encode key: %w", err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// writeFile replaces path as a whole, so that a crash leaves the old file or
// the new one.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
