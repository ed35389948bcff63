package untyped

import (
	"bytes"
	"encoding/json"
	"iter"

	"k8s.io/apimachinery/pkg/labels"
)

// What follows reads texts that Append wrote: compact, and with keys in order.

// VersionSpot returns where in an object's text its metadata.resourceVersion
// would stand: before a field of the metadata that comes after it, such as uid.
// It returns zero when there is no such place, or when there is one already.
func VersionSpot(text []byte) int {
	metadata := field(text, "metadata")
	if metadata < 0 {
		return 0
	}
	for at, key := range members(text[metadata:]) {
		switch name := string(key); {
		case name == "resourceVersion":
			return 0
		case name > "resourceVersion":
			return metadata + at
		}
	}
	return 0
}

// Labels returns the metadata.labels in an object's text, read when asked for.
func Labels(text []byte) labels.Labels {
	metadata := field(text, "metadata")
	if metadata < 0 {
		return rawLabels(nil)
	}
	at := field(text[metadata:], "labels")
	if at < 0 {
		return rawLabels(nil)
	}
	return rawLabels(text[metadata+at:])
}

// rawLabels is a text that begins with a JSON object of strings.
type rawLabels []byte

var _ labels.Labels = rawLabels(nil)

// Has implements labels.Labels.
func (r rawLabels) Has(name string) bool { return field(r, name) >= 0 }

// Get implements labels.Labels.
func (r rawLabels) Get(name string) string {
	value, _ := r.Lookup(name)
	return value
}

// Lookup implements labels.Labels.
func (r rawLabels) Lookup(name string) (string, bool) {
	at := field(r, name)
	if at < 0 {
		return "", false
	}
	end := skip(r, at)
	raw := r[at:end]
	if len(raw) >= 2 && bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	var value string
	err := json.Unmarshal(raw, &value)
	return value, err == nil
}

// field returns where the value of a member of the object at the beginning of
// text begins, or -1. Names with escapes are not found.
func field(text []byte, name string) int {
	for at, key := range members(text) {
		if string(key) == name {
			return at + len(key) + len(`"":`)
		}
	}
	return -1
}

// members yields where each member of the object at the beginning of text
// begins, and its name as it is written.
func members(text []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		if len(text) == 0 || text[0] != '{' {
			return
		}
		for at := 1; at < len(text) && text[at] == '"'; at++ {
			end := skip(text, at)
			if end >= len(text) || !yield(at, text[at+1:end-1]) {
				return
			}
			if at = skip(text, end+1); at >= len(text) || text[at] != ',' {
				return
			}
		}
	}
}

// skip returns the index after the value that begins at i.
func skip(text []byte, i int) int {
	depth := 0
	for ; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
			if depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		case '"':
			i = stringEnd(text, i+1)
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// stringEnd returns the index of the quote that ends the string whose content
// begins at i.
func stringEnd(text []byte, i int) int {
	for {
		n := bytes.IndexByte(text[i:], '"')
		if n < 0 {
			return len(text)
		}
		end, slashes := i+n, 0
		for end-slashes > i && text[end-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return end
		}
		i = end + 1
	}
}
