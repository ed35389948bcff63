package openapi

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// parameter is one parameter of a query or a path.
type parameter struct {
	name, in, kind, description string
}

var (
	pretty    = parameter{"pretty", "query", "string", "If 'true', then the output is pretty printed. Defaults to 'false' unless the user-agent indicates a browser or command-line HTTP tool (curl and wget)."}
	namespace = parameter{"namespace", "path", "string", "object name and auth scope, such as for teams and projects"}
	subpath   = parameter{"path", "path", "string", "path to the resource"}
	logpath   = parameter{"logpath", "path", "string", "path to the log"}
)

func nameOf(kind string) parameter { return parameter{"name", "path", "string", "name of the " + kind} }

// optionTypes are the options of the ways to connect, by the subresource.
var optionTypes = map[string]any{
	"PodExecOptions": corev1.PodExecOptions{}, "PodAttachOptions": corev1.PodAttachOptions{},
	"PodPortForwardOptions": corev1.PodPortForwardOptions{}, "PodProxyOptions": corev1.PodProxyOptions{},
	"ServiceProxyOptions": corev1.ServiceProxyOptions{}, "NodeProxyOptions": corev1.NodeProxyOptions{},
}

// optionsOf returns the query parameters of a type of options: its fields that
// a query can hold, with what the type says of them.
func optionsOf(options any) []parameter {
	t := reflect.TypeOf(options)
	said := docs(t)
	var out []parameter
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if kind := queryKind(f.Type); kind != "" && name != "" && name != "-" {
			out = append(out, parameter{name, "query", kind, said[name]})
		}
	}
	return out
}

// queryKind is the type of a parameter that a field of type t becomes, empty for
// none. A list is a parameter that may come several times.
func queryKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return queryKind(t.Elem())
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Int32, reflect.Int64:
		return "integer"
	}
	return ""
}

// ways are the query parameters of the ways to use a resource.
type ways struct{ get, list, deleteMany, create, update, patch, delete, log []parameter }

func newWays() ways {
	w := ways{
		get: optionsOf(metav1.GetOptions{}), list: optionsOf(metav1.ListOptions{}), create: optionsOf(metav1.CreateOptions{}), update: optionsOf(metav1.UpdateOptions{}),
		patch: optionsOf(metav1.PatchOptions{}), delete: optionsOf(metav1.DeleteOptions{}), log: optionsOf(corev1.PodLogOptions{}),
	}
	w.deleteMany = slices.DeleteFunc(slices.Concat(w.list, w.delete), func(p parameter) bool {
		return p.name == "watch" || p.name == "allowWatchBookmarks"
	})
	return w
}

// arrange sorts the parameters of each operation on a path, and returns by
// themselves those that all of them have.
func arrange(all [][]parameter) (common []parameter) {
	for _, list := range all {
		slices.SortFunc(list, func(a, b parameter) int {
			return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.in, b.in))
		})
	}
	for _, p := range all[0] {
		if !slices.ContainsFunc(all, func(list []parameter) bool { return !slices.Contains(list, p) }) {
			common = append(common, p)
		}
	}
	for i := range all {
		all[i] = slices.DeleteFunc(all[i], func(p parameter) bool { return slices.Contains(common, p) })
	}
	return common
}

// parameters renders a list. In v2 those that many operations have are written
// once, and referred to.
func (b *build) parameters(list []parameter) []object {
	var out []object
	for _, p := range list {
		out = append(out, b.parameter(p))
	}
	return out
}

func (b *build) parameter(p parameter) object {
	out := object{"name": p.name, "in": p.in}
	if p.description != "" {
		out["description"] = p.description
	}
	if p.in == "path" {
		out["required"] = true
	}
	if b.flavour == v3 {
		out["schema"] = object{"type": p.kind, "uniqueItems": true}
		return out
	}
	out["type"], out["uniqueItems"] = p.kind, true
	switch p.name {
	case "name", "fieldValidation", "dryRun":
		// A name tells the kind; old clients look for the others, to know what
		// the server can do.
		return out
	}
	return b.share(p, out)
}
