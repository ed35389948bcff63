package codec

import (
	"bytes"
	"errors"
	"fmt"

	yamlv3 "go.yaml.in/yaml/v3"
)

// MaxDepth bounds how deep the values of a body may nest. No API type comes
// near it; without it, a few kilobytes of brackets cost megabytes of stack.
const MaxDepth = 500

// maxExpansion bounds, in bytes, what the aliases of a YAML body may grow to.
const maxExpansion = 3 << 20

var errTooDeep = fmt.Errorf("the body nests deeper than %d levels", MaxDepth)

// CheckDepth fails when the brackets of a JSON (or YAML flow) text nest deeper
// than MaxDepth. It does not judge whether the text is well-formed.
func CheckDepth(data []byte) error {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			if depth++; depth > MaxDepth {
				return errTooDeep
			}
		case '}', ']':
			depth--
		case '"':
			i = skipString(data, i+1)
		}
	}
	return nil
}

// skipString returns the index of the quote that ends the string whose content
// begins at i.
func skipString(data []byte, i int) int {
	for i < len(data) {
		j := bytes.IndexByte(data[i:], '"')
		if j < 0 {
			return len(data)
		}
		end := i + j
		slashes := 0
		for k := end - 1; k >= i && data[k] == '\\'; k-- {
			slashes++
		}
		if slashes%2 == 0 {
			return end
		}
		i = end + 1
	}
	return len(data)
}

// checkYAML fails when a YAML text nests too deep or when its aliases would
// grow beyond maxExpansion. The text is parsed to nodes, which expands nothing;
// the parser itself gives up at 10,000 levels.
func checkYAML(data []byte) error {
	var root yamlv3.Node
	if err := yamlv3.Unmarshal(data, &root); err != nil {
		return err
	}
	w := yamlWeigher{known: map[*yamlv3.Node]int{}, aliases: new(int)}
	_, err := w.weigh(&root, 0)
	return err
}

// yamlWeigher computes how many bytes nodes stand for once aliases are
// expanded. Each node is weighed once, however often it is referred to.
type yamlWeigher struct {
	known   map[*yamlv3.Node]int
	aliases *int
}

// maxAliases bounds how often a YAML body may refer back: merging many into one
// map takes time that grows with the square of their number.
const maxAliases = 1000

var errTooLarge = errors.New("the document's aliases expand to more than is allowed")

func (w yamlWeigher) weigh(n *yamlv3.Node, depth int) (int, error) {
	if depth > MaxDepth {
		return 0, errTooDeep
	}
	if n.Kind == yamlv3.AliasNode {
		if *w.aliases++; *w.aliases > maxAliases {
			return 0, errTooLarge
		}
		n = n.Alias
	}
	if size, ok := w.known[n]; ok {
		return size, nil
	}
	size := len(n.Value) + 4
	for _, child := range n.Content {
		s, err := w.weigh(child, depth+1)
		if err != nil {
			return 0, err
		}
		if size += s; size > maxExpansion*2 {
			return 0, errTooLarge
		}
	}
	w.known[n] = size
	return size, nil
}
