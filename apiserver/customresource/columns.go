package customresource

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/util/jsonpath"

	"minke/api"
)

// columns are the version's printer columns; the age alone when it has none.
func columns(v *apiextensionsv1.CustomResourceDefinitionVersion) []api.Column[api.Object] {
	defined := v.AdditionalPrinterColumns
	if len(defined) == 0 {
		defined = []apiextensionsv1.CustomResourceColumnDefinition{{
			Name: "Age", Type: "date", Description: metav1.ObjectMeta{}.SwaggerDoc()["creationTimestamp"], JSONPath: ".metadata.creationTimestamp",
		}}
	}
	var out []api.Column[api.Object]
	for _, c := range defined {
		description := c.Description
		if description == "" {
			description = "Custom resource definition column (in JSONPath format): " + c.JSONPath
		}
		path := newPath(c.JSONPath)
		if path == nil {
			break // Kubernetes prints none of those that follow, either
		}
		out = append(out, api.Column[api.Object]{
			Name: c.Name, Type: c.Type, Format: c.Format, Priority: c.Priority, Description: description,
			Cell: func(obj api.Object) any { return cell(c.Type, path, content(obj)) },
		})
	}
	return out
}

// path finds a value by a JSON path. A parsed path keeps state while it runs.
type path struct {
	mu     sync.Mutex // held while parsed runs
	parsed *jsonpath.JSONPath
}

// newPath returns nil for a path that cannot be parsed: no definition is refused for it.
func newPath(text string) *path {
	p := jsonpath.New("path").AllowMissingKeys(true)
	if p.Parse("{"+text+"}") != nil {
		return nil
	}
	return &path{parsed: p}
}

// first returns the first value that the path finds, and its text.
func (p *path) first(fields map[string]any) (value any, text string, found bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	results, err := p.parsed.FindResults(fields)
	if err != nil || len(results) == 0 || len(results[0]) == 0 || !results[0][0].CanInterface() {
		return nil, "", false
	}
	value = results[0][0].Interface()
	var b strings.Builder
	if p.parsed.PrintResults(&b, []reflect.Value{reflect.ValueOf(value)}) != nil {
		return value, "", true
	}
	return value, b.String(), true
}

// cell is what a column of the type shows.
func cell(kind string, p *path, fields map[string]any) any {
	value, text, found := p.first(fields)
	if !found {
		return nil
	}
	switch kind {
	case "string":
		return text // also of a null, "<no value>"
	case "date":
		return age(value)
	case "boolean":
		if b, ok := value.(bool); ok {
			return b
		}
	case "integer":
		switch n := value.(type) {
		case int64:
			return n
		case float64:
			return int64(n)
		}
	case "number":
		switch n := value.(type) {
		case int64:
			return float64(n)
		case float64:
			return n
		}
	}
	return nil
}

func age(value any) any {
	text, ok := value.(string)
	if !ok {
		return nil
	}
	var t metav1.Time
	if t.UnmarshalQueryParameter(text) != nil {
		return "<invalid>"
	}
	return api.Age(t)
}

// fieldSet is what field selectors may ask for: name, namespace and the
// version's selectable fields (KEP-4358).
func fieldSet(v *apiextensionsv1.CustomResourceDefinitionVersion, namespaced bool) ([]string, func(api.Object) fields.Set) {
	names := []string{"metadata.name"}
	if namespaced {
		names = append(names, "metadata.namespace")
	}
	paths := map[string][]string{}
	for _, f := range v.SelectableFields {
		name := strings.TrimPrefix(f.JSONPath, ".")
		names = append(names, name)
		paths[name] = dotted(f.JSONPath)
	}
	return names, func(obj api.Object) fields.Set {
		set := fields.Set{"metadata.name": obj.GetName()}
		if namespaced {
			set["metadata.namespace"] = obj.GetNamespace()
		}
		for name, p := range paths {
			set[name] = ""
			if value, found := at(content(obj), p); found && value != nil {
				set[name] = fmt.Sprint(value)
			}
		}
		return set
	}
}
