package untyped

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// maxDepth bounds how deep values nest here; what is deeper is not plain.
const maxDepth = 500

// Decode reads one JSON value. It tells false when the text is not plain: not
// well-formed, with a field twice, not in UTF-8, or with a number that is
// neither an int64 nor clearly a float64. Numbers without fraction or exponent
// are int64. The strings of the result share one copy of the text.
func Decode(data []byte) (any, bool) {
	if !utf8.Valid(data) {
		return nil, false
	}
	d := decoder{text: string(data)}
	v, ok := d.value(0)
	if !ok {
		return nil, false
	}
	d.space()
	return v, d.at == len(d.text)
}

// DecodeUnmanaged reads an object's JSON as Append or encoding/json writes it, but
// for its metadata.managedFields, which are often the most of it.
func DecodeUnmanaged(data []byte) (map[string]any, bool) {
	if !utf8.Valid(data) {
		return nil, false
	}
	d := decoder{text: string(data), source: data}
	v, ok := d.value(0)
	fields, isMap := v.(map[string]any)
	if !ok || !isMap {
		return nil, false
	}
	d.space()
	return fields, d.at == len(d.text)
}

type decoder struct {
	text string
	at   int
	// source is the text as it came, if metadata.managedFields are left out.
	source []byte
	// inMeta tells that the member of the whole at hand is its metadata.
	inMeta bool
}

func (d *decoder) space() {
	for d.at < len(d.text) {
		switch d.text[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

// take goes over c, and space before it, and tells whether it was there.
func (d *decoder) take(c byte) bool {
	d.space()
	if d.at < len(d.text) && d.text[d.at] == c {
		d.at++
		return true
	}
	return false
}

func (d *decoder) value(depth int) (any, bool) {
	d.space()
	if d.at >= len(d.text) || depth > maxDepth {
		return nil, false
	}
	switch d.text[d.at] {
	case '{':
		return d.object(depth)
	case '[':
		return d.list(depth)
	case '"':
		s, ok := d.string()
		return s, ok
	case 't':
		return true, d.word("true")
	case 'f':
		return false, d.word("false")
	case 'n':
		return nil, d.word("null")
	}
	return d.number()
}

func (d *decoder) word(w string) bool {
	end := d.at + len(w)
	if end > len(d.text) || d.text[d.at:end] != w {
		return false
	}
	d.at = end
	return true
}

func (d *decoder) object(depth int) (any, bool) {
	d.at++
	fields := map[string]any{}
	if d.take('}') {
		return fields, true
	}
	for {
		d.space()
		if d.at >= len(d.text) || d.text[d.at] != '"' {
			return nil, false
		}
		key, ok := d.string()
		if !ok || !d.take(':') {
			return nil, false
		}
		if d.source != nil && depth == 1 && d.inMeta && key == "managedFields" {
			d.at = skip(d.source, d.at)
		} else {
			if depth == 0 {
				d.inMeta = key == "metadata"
			}
			v, ok := d.value(depth + 1)
			if !ok {
				return nil, false
			}
			before := len(fields)
			if fields[key] = v; len(fields) == before {
				return nil, false
			}
		}
		if d.take('}') {
			return fields, true
		}
		if !d.take(',') {
			return nil, false
		}
	}
}

func (d *decoder) list(depth int) (any, bool) {
	d.at++
	values := []any{}
	if d.take(']') {
		return values, true
	}
	for {
		v, ok := d.value(depth + 1)
		if !ok {
			return nil, false
		}
		values = append(values, v)
		if d.take(']') {
			return values, true
		}
		if !d.take(',') {
			return nil, false
		}
	}
}

// string reads a string, whose quote is next.
func (d *decoder) string() (string, bool) {
	start := d.at + 1
	for i := start; i < len(d.text); i++ {
		switch c := d.text[i]; {
		case c == '"':
			d.at = i + 1
			return d.text[start:i], true
		case c == '\\':
			return d.escaped(start)
		case c < ' ':
			return "", false
		}
	}
	return "", false
}

// escaped reads a string that has escapes.
func (d *decoder) escaped(start int) (string, bool) {
	for i := start; i < len(d.text); i++ {
		switch d.text[i] {
		case '\\':
			i++
		case '"':
			d.at = i + 1
			var s string
			err := json.Unmarshal([]byte(d.text[start-1:i+1]), &s)
			return s, err == nil
		}
	}
	return "", false
}

func (d *decoder) number() (any, bool) {
	start, digits := d.at, 0
	if d.text[d.at] == '-' {
		d.at++
	}
	for d.at < len(d.text) && d.text[d.at] >= '0' && d.text[d.at] <= '9' {
		d.at++
		digits++
	}
	first := d.at - digits
	if digits == 0 || d.text[first] == '0' && (digits > 1 || first > start) {
		return nil, false
	}
	if d.at < len(d.text) {
		switch d.text[d.at] {
		case '.', 'e', 'E':
			return d.float(start)
		}
	}
	n, err := strconv.ParseInt(d.text[start:d.at], 10, 64)
	return n, err == nil
}

// float reads the rest of a number that has a fraction or an exponent.
func (d *decoder) float(start int) (any, bool) {
	for d.at < len(d.text) {
		switch c := d.text[d.at]; {
		case c >= '0' && c <= '9', c == '.', c == 'e', c == 'E', c == '+', c == '-':
			d.at++
			continue
		}
		break
	}
	token := d.text[start:d.at]
	if !json.Valid([]byte(token)) {
		return nil, false
	}
	f, err := strconv.ParseFloat(token, 64)
	return f, err == nil
}
