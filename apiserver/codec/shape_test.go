package codec

import (
	"strings"
	"testing"
)

func TestCountElements(t *testing.T) {
	for text, want := range map[string]counts{
		`[{},{},null]`:                {3, 3, 3, 0},
		`{"a":[{},{"b":[{}]}]}`:       {0, 3, 3, 2},
		`{"a":{"b":{}}}`:              {0, 0, 0, 2},
		`["{","n",1,true]`:            {4, 0, 4, 0},
		`[[{}],"\"{",{"n":null}]`:     {3, 2, 4, 1},
		` [ -1.5e3 , null , "a,b" ] `: {3, 1, 3, 0},
		`{"a":[],"b":[1],"c":":"}`:    {0, 0, 1, 3},
		`}}]]{`:                       {},
		strings.Repeat("[", 600):      {1, 0, 599, 0},
	} {
		if got := countElements([]byte(text)); got != want {
			t.Errorf("%.40s: %+v, wanted %+v", text, got, want)
		}
	}
}

func TestCheckYAMLNodes(t *testing.T) {
	const many = maxYAMLNodes
	for name, c := range map[string]struct {
		text string
		ok   bool
	}{
		"a flow list":                       {"[" + strings.Repeat("a,", many) + "]", false},
		"a block list":                      {strings.Repeat("- a\n", many/2+1), false},
		"a compact list":                    {strings.Repeat("- ", many+1), false},
		"a map":                             {strings.Repeat("a: b\n", many), false},
		"a block scalar":                    {"data:\n  csv: |-\n" + strings.Repeat("    a,b: c\n\n", many) + "  b: c\n", true},
		"a folded scalar":                   {"a: >2\n" + strings.Repeat("    a,b: c\n", many), true},
		"times and paths":                   {strings.Repeat("a: 12:00:00-http://x:y\n", 10000), true},
		"after a block scalar":              {"a: |\n  x\nb: [" + strings.Repeat("a,", many) + "]\n", false},
		"a comment like a block scalar":     {"a: # : |\n  [" + strings.Repeat("a,", many) + "]\n", false},
		"a quoted text like a block scalar": {"a: [\"b: |\n   \"," + strings.Repeat("a,", many) + "]\n", false},
	} {
		if err := checkYAMLNodes([]byte(c.text)); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
