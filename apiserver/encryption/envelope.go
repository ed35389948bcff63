package encryption

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"k8s.io/apimachinery/pkg/util/validation"
)

// envelope is what is stored for a value that was sealed with the help of a KMS
// plug-in: kube-apiserver's EncryptedObject (KEP-3299), a protobuf message.
//
//	1 data bytes  2 key ID string  3 wrapped bytes  4 annotations map  5 kind enum
type envelope struct {
	data        []byte
	keyID       string
	wrapped     []byte // the seed or key, as the plug-in has encrypted it
	annotations map[string][]byte
	kind        uint64
}

// The kinds of what is wrapped.
const (
	wrappedKey  = 0 // an AES-GCM key, by API servers before v1.28
	wrappedSeed = 1
)

// Bounds of what a plug-in may have stored, in bytes.
const (
	maxKeyID       = 1 << 10
	maxWrapped     = 1 << 10
	maxAnnotations = 32 << 10
)

func (e *envelope) validate() error {
	size := 0
	for name, value := range e.annotations {
		size += len(name) + len(value)
		if errs := validation.IsFullyQualifiedDomainName(nil, name); len(errs) > 0 {
			return fmt.Errorf("annotation %q: %v", name, errs.ToAggregate())
		}
	}
	switch {
	case e.keyID == "":
		return errors.New("the key ID is empty")
	case len(e.keyID) > maxKeyID:
		return fmt.Errorf("the key ID has %d bytes, at most %d are allowed", len(e.keyID), maxKeyID)
	case len(e.wrapped) == 0:
		return errors.New("the encrypted seed is empty")
	case len(e.wrapped) > maxWrapped:
		return fmt.Errorf("the encrypted seed has %d bytes, at most %d are allowed", len(e.wrapped), maxWrapped)
	case size > maxAnnotations:
		return fmt.Errorf("the annotations have %d bytes, at most %d are allowed", size, maxAnnotations)
	}
	return nil
}

func (e *envelope) marshal() []byte {
	b := make([]byte, 0, len(e.data)+len(e.keyID)+len(e.wrapped)+64)
	b = appendBytes(b, 1, e.data)
	b = appendBytes(b, 2, []byte(e.keyID))
	b = appendBytes(b, 3, e.wrapped)
	for _, name := range sortedNames(e.annotations) {
		b = appendBytes(b, 4, appendBytes(appendBytes(nil, 1, []byte(name)), 2, e.annotations[name]))
	}
	if e.kind != 0 {
		b = protowire.AppendVarint(protowire.AppendTag(b, 5, protowire.VarintType), e.kind)
	}
	return b
}

func appendBytes(b []byte, field protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), value)
}

func sortedNames(m map[string][]byte) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// unmarshal reads b, which e then shares.
func (e *envelope) unmarshal(b []byte) error {
	return fields(b, func(field protowire.Number, value []byte, number uint64) error {
		switch field {
		case 1:
			e.data = value
		case 2:
			e.keyID = string(value)
		case 3:
			e.wrapped = value
		case 4:
			return e.unmarshalAnnotation(value)
		case 5:
			e.kind = number
		}
		return nil
	})
}

func (e *envelope) unmarshalAnnotation(b []byte) error {
	var name string
	var content []byte
	err := fields(b, func(field protowire.Number, value []byte, _ uint64) error {
		switch field {
		case 1:
			name = string(value)
		case 2:
			content = value
		}
		return nil
	})
	if e.annotations == nil {
		e.annotations = map[string][]byte{}
	}
	e.annotations[name] = content
	return err
}

// fields calls take for each field of a message, with its bytes or number.
func fields(b []byte, take func(field protowire.Number, value []byte, number uint64) error) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		var value []byte
		var number uint64
		switch kind {
		case protowire.BytesType:
			value, n = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(b)
		default:
			n = protowire.ConsumeFieldValue(field, kind, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := take(field, value, number); err != nil {
			return err
		}
	}
	return nil
}
