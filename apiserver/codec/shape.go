package codec

import (
	"bytes"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// What a body may hold besides its bytes. A list's element of two bytes becomes
// a struct of a thousand, whether it fits or not: the decoder makes room first.
// Without a Go type it becomes fifty. A YAML node of two bytes becomes one of
// two hundred. Without these bounds one body of 3 MiB takes gigabytes, with them
// less than 64 MiB. No object of a real cluster comes near them.
const (
	maxElements  = 15000
	maxValues    = 300000
	maxKeys      = 60000
	maxYAMLNodes = 200000
)

// CheckElements fails when the objects of a JSON text have more than maxKeys
// fields together, or its lists too many elements: maxElements of any kind when they become a Go type, else so many
// objects and nulls, and maxValues of others. It does not judge whether the text
// is well-formed; CheckDepth was passed before.
func CheckElements(data []byte, typed bool) error {
	n := countElements(data)
	if n.keys > maxKeys {
		return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d fields, got %d", maxKeys, n.keys))
	}
	large, most := n.objects, maxElements
	if typed || n.all > maxValues {
		large = n.all
	}
	if !typed && n.objects <= maxElements {
		most = maxValues
	}
	if large > most {
		return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d list elements, got %d", most, large))
	}
	return nil
}

// CountOperations returns how many elements the outermost value has, if it is a
// list.
func CountOperations(data []byte) int { return countElements(data).outermost }

// CountObjects returns how many objects and nulls are elements of lists.
func CountObjects(data []byte) int { return countElements(data).objects }

// counts are how many elements the outermost value has, if it is a list; how
// many all lists have: objects and nulls, and any kind; and the fields of all
// objects.
type counts struct{ outermost, objects, all, keys int }

func countElements(data []byte) counts {
	var n counts
	var inList [MaxDepth + 2]bool // by depth; depth 0 is around the text
	depth := 0
	begins := true // an element begins with whatever comes next
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		case ':':
			n.keys++
			continue
		case ',':
			begins = true
			continue
		case '}', ']':
			depth, begins = max(depth-1, 0), false
			continue
		}
		if begins && inList[depth] {
			begins = false
			n.all++
			if c == '{' || c == 'n' {
				n.objects++
			}
			if depth == 1 {
				n.outermost++
			}
		}
		switch c {
		case '{', '[':
			depth = min(depth+1, MaxDepth+1)
			inList[depth], begins = c == '[', true
		case '"':
			i = skipString(data, i+1)
		}
	}
	return n
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
