// Package texts has what is to be said of types that are published without a
// SwaggerDoc method: the comments in their source. The file texts.txt is made of
// those and lies in the program as it is, which costs nothing until somebody asks
// for a document.
package texts

import (
	_ "embed"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// all has a line for each type, its package and name, followed by one for each
// text: a tab, the field's JSON name or nothing for the type itself, a space,
// and the text as in a Go string.
//
//go:embed texts.txt
var all string

// packages are those whose types say nothing about themselves.
var packages = []string{
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1",
	"k8s.io/kube-aggregator/pkg/apis/apiregistration/v1",
}

// About tells whether there may be texts about a type.
func About(typ reflect.Type) bool { return slices.Contains(packages, typ.PkgPath()) }

// Texts are texts by type, and by field as SwaggerDoc gives them.
type Texts map[string]map[string]string

// Load reads the texts. Who asked for them forgets them again.
func Load() Texts {
	found := Texts{}
	var fields map[string]string
	for line := range strings.Lines(all) {
		line = strings.TrimSuffix(line, "\n")
		entry, isField := strings.CutPrefix(line, "\t")
		if !isField {
			fields = map[string]string{}
			found[line] = fields
			continue
		}
		name, quoted, _ := strings.Cut(entry, " ")
		if text, err := strconv.Unquote(`"` + quoted + `"`); err == nil { // a test holds that all can be
			fields[name] = text
		}
	}
	return found
}

// Of returns the texts about a type and its fields, or nil.
func (t Texts) Of(typ reflect.Type) map[string]string { return t[typ.PkgPath()+"."+typ.Name()] }
