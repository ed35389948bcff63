package tracing

import (
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Attribute is a name with a value, of a span or an event.
type Attribute struct {
	key    string
	kind   protowire.Number // the field of AnyValue
	text   string
	number uint64
}

// The fields of AnyValue (opentelemetry-proto, common/v1).
const (
	kindText   = 1
	kindBool   = 2
	kindNumber = 3
)

// maxText bounds a value in bytes; what is beyond is cut off.
const maxText = 1024

// String is an attribute that is a text.
func String(key, value string) Attribute { return Attribute{key: key, kind: kindText, text: value} }

// clean makes a text what may be sent: it is cut off, and bytes that are not UTF-8
// are replaced, for a collector would refuse all that comes with them.
func clean(text string) string {
	if len(text) > maxText {
		cut := maxText
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut]
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

func cleanAll(all []Attribute) {
	for i := range all {
		all[i].text = clean(all[i].text)
	}
}

// Int is an attribute that is a number.
func Int(key string, value int) Attribute {
	return Attribute{key: key, kind: kindNumber, number: uint64(int64(value))}
}

// Bool is an attribute that is true or false.
func Bool(key string, value bool) Attribute {
	a := Attribute{key: key, kind: kindBool}
	if value {
		a.number = 1
	}
	return a
}

// valueSize is the size of the AnyValue.
func (a *Attribute) valueSize() int {
	if a.kind == kindText {
		return protowire.SizeTag(a.kind) + protowire.SizeBytes(len(a.text))
	}
	return protowire.SizeTag(a.kind) + protowire.SizeVarint(a.number)
}

// size is the size of the KeyValue.
func (a *Attribute) size() int {
	return protowire.SizeTag(1) + protowire.SizeBytes(len(a.key)) + protowire.SizeTag(2) + protowire.SizeBytes(a.valueSize())
}

// appendAttributes appends each attribute as a KeyValue in field.
func appendAttributes(b []byte, field protowire.Number, all []Attribute) []byte {
	for i := range all {
		a := &all[i]
		b = appendLength(b, field, a.size())
		b = appendText(b, 1, a.key)
		b = appendLength(b, 2, a.valueSize())
		if a.kind == kindText {
			b = appendText(b, a.kind, a.text)
			continue
		}
		b = protowire.AppendVarint(protowire.AppendTag(b, a.kind, protowire.VarintType), a.number)
	}
	return b
}

// attributesSize is how many bytes appendAttributes appends; the field's tag is
// one byte.
func attributesSize(all []Attribute) int {
	size := 0
	for i := range all {
		size += 1 + protowire.SizeBytes(all[i].size())
	}
	return size
}

// appendLength begins a message of size bytes.
func appendLength(b []byte, field protowire.Number, size int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.BytesType), uint64(size))
}

func appendText(b []byte, field protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), text)
}

func appendBytes(b []byte, field protowire.Number, data []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), data)
}

func appendNumber(b []byte, field protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), n)
}

func appendFixed(b []byte, field protowire.Number, n uint64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), n)
}
