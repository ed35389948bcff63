package codec

import (
	"bytes"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// What a body may hold besides its bytes. A list's element of three bytes
// becomes a struct of a thousand, a YAML node of two bytes one of two hundred:
// without these bounds one body of 3 MiB takes half a gigabyte, with them less
// than 64 MiB. No object of a real cluster comes near them.
const (
	maxElements  = 20000
	maxYAMLNodes = 250000
)

// CheckElements fails when the lists of a JSON text hold more than maxElements
// objects or nulls together. It does not judge whether the text is well-formed;
// CheckDepth was passed before.
func CheckElements(data []byte) error {
	if _, all := CountElements(data); all > maxElements {
		return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d list elements, got %d", maxElements, all))
	}
	return nil
}

// CountElements returns how many objects and nulls are elements of the
// outermost value, if it is a list, and of all lists.
func CountElements(data []byte) (outermost, all int) {
	var inList [MaxDepth + 2]bool // by depth; depth 0 is around the text
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', 'n':
			if inList[depth] {
				all++
				if depth == 1 {
					outermost++
				}
			}
			if data[i] == 'n' {
				continue
			}
			fallthrough
		case '[':
			if depth <= MaxDepth {
				depth++
			}
			inList[depth] = data[i] == '['
		case '}', ']':
			depth = max(depth-1, 0)
		case '"':
			i = skipString(data, i+1)
		}
	}
	return outermost, all
}

// checkYAMLNodes fails when a YAML text might parse to too many nodes. It counts
// what can stand between two nodes, except in block scalars: a file of commas
// in a ConfigMap is one node. In doubt, as in quoted text, it counts: where quotes
// end is hard to tell without parsing, and easy to deceive about.
func checkYAMLNodes(text []byte) error {
	nodes := 0
	scalar := -1 // the indentation of the line that began a block scalar
	for line := range bytes.Lines(text) {
		content := bytes.TrimLeft(line, " ")
		indentation := len(line) - len(content)
		content = bytes.TrimSpace(content)
		if scalar >= 0 && (len(content) == 0 || indentation > scalar) {
			continue
		}
		scalar = -1
		if opensScalar(content) {
			scalar = indentation
		}
		if len(content) > 0 {
			nodes++
		}
		for i, c := range content {
			switch c {
			case ',', '[', '{', '?':
				nodes++
			case ':', '-':
				// Plain text has these too; only a space after them separates.
				if i+1 == len(content) || content[i+1] == ' ' || content[i+1] == '\t' {
					nodes++
				}
			}
		}
		if nodes > maxYAMLNodes {
			return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d YAML nodes", maxYAMLNodes))
		}
	}
	return nil
}

// opensScalar tells whether a line ends with the sign of a block scalar, and
// holds nothing that could make the sign mean something else.
func opensScalar(line []byte) bool {
	if bytes.ContainsAny(line, "#\"'[{") {
		return false
	}
	line = bytes.TrimRight(line, "+-0123456789")
	return bytes.HasSuffix(line, []byte(": |")) || bytes.HasSuffix(line, []byte(": >")) ||
		bytes.Equal(line, []byte("- |")) || bytes.Equal(line, []byte("- >"))
}
