package encryption

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"

	"golang.org/x/crypto/nacl/secretbox"
)

var (
	errShort    = errors.New("the stored data was shorter than the required size")
	errPadding  = errors.New("the stored data has a wrong padding, or the key is not the one that sealed it")
	errTampered = errors.New("the stored data was tampered with, or the key is not the one that sealed it")
)

// random returns n bytes of chance. crypto/rand never fails (it ends the
// process instead).
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// gcm is AES-GCM with a random nonce in front.
type gcm struct{ aead cipher.AEAD }

func newGCM(key []byte) (cipherOf, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return gcm{aead}, err
}

func (g gcm) seal(aad, value []byte) ([]byte, error) {
	nonce := random(g.aead.NonceSize())
	return g.aead.Seal(nonce, nonce, value, aad), nil
}

func (g gcm) open(aad, sealed []byte) ([]byte, error) {
	n := g.aead.NonceSize()
	if len(sealed) < n {
		return nil, errShort
	}
	return g.aead.Open(nil, sealed[:n], sealed[n:], aad)
}

// cbc is AES-CBC with a random vector in front and PKCS #7 padding (RFC 5652,
// 6.3). It authenticates nothing.
type cbc struct{ block cipher.Block }

func newCBC(key []byte) (cipherOf, error) {
	block, err := aes.NewCipher(key)
	return cbc{block}, err
}

func (c cbc) seal(_, value []byte) ([]byte, error) {
	pad := aes.BlockSize - len(value)%aes.BlockSize
	sealed := make([]byte, aes.BlockSize, aes.BlockSize+len(value)+pad)
	copy(sealed, random(aes.BlockSize))
	sealed = append(append(sealed, value...), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(c.block, sealed[:aes.BlockSize]).CryptBlocks(sealed[aes.BlockSize:], sealed[aes.BlockSize:])
	return sealed, nil
}

func (c cbc) open(_, sealed []byte) ([]byte, error) {
	if len(sealed) < 2*aes.BlockSize || len(sealed)%aes.BlockSize != 0 {
		return nil, errShort
	}
	value := make([]byte, len(sealed)-aes.BlockSize)
	cipher.NewCBCDecrypter(c.block, sealed[:aes.BlockSize]).CryptBlocks(value, sealed[aes.BlockSize:])
	pad := int(value[len(value)-1])
	if pad == 0 || pad > aes.BlockSize || !bytes.Equal(value[len(value)-pad:], bytes.Repeat([]byte{byte(pad)}, pad)) {
		return nil, errPadding
	}
	return value[:len(value)-pad], nil
}

// box is NaCl's secretbox (XSalsa20 and Poly1305) with a random nonce in front.
type box struct{ key [32]byte }

const boxNonce = 24

func newBox(key []byte) (cipherOf, error) {
	return box{[32]byte(key)}, nil
}

func (b box) seal(_, value []byte) ([]byte, error) {
	nonce := random(boxNonce)
	return secretbox.Seal(nonce, value, (*[boxNonce]byte)(nonce), &b.key), nil
}

func (b box) open(_, sealed []byte) ([]byte, error) {
	if len(sealed) < boxNonce+secretbox.Overhead {
		return nil, errShort
	}
	value, ok := secretbox.Open(nil, sealed[boxNonce:], (*[boxNonce]byte)(sealed), &b.key)
	if !ok {
		return nil, errTampered
	}
	return value, nil
}
