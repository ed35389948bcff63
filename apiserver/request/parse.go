package request

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/fields"
)

// namespaceParts are what may follow /namespaces/<name> without being a
// resource inside of the namespace.
var namespaceParts = map[string]bool{"status": true, "finalize": true}

// Parse takes a request's URL and method apart:
//
//	/api/v1[/watch]/<resource>[/<name>[/<subresource>[/<parts>…]]]
//	/api/v1[/watch]/namespaces/<namespace>/<resource>[/…]
//	/apis/<group>/<version>/… likewise
//
// Anything else is not a resource request. As in Kubernetes, a request for the
// namespace x itself has both Namespace and Name x, so that rights inside of
// the namespace may cover it.
func Parse(r *http.Request) *Info {
	info := &Info{Path: r.URL.Path, Verb: strings.ToLower(r.Method)}
	var few [8]string
	parts := split(r.URL.Path, few[:0])
	switch {
	case len(parts) >= 3 && parts[0] == "api":
		info.Version, parts = parts[1], parts[2:]
	case len(parts) >= 4 && parts[0] == "apis":
		info.Group, info.Version, parts = parts[1], parts[2], parts[3:]
	default:
		return info
	}
	info.IsResource = true
	if parts[0] == "watch" && len(parts) > 1 {
		info.WatchPath, parts = true, parts[1:]
	}
	info.setPlace(parts)
	info.setVerb(r)
	return info
}

// split cuts a path at its slashes, without empty ends, and appends the parts to
// into.
func split(path string, into []string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return into
	}
	for part := range strings.SplitSeq(path, "/") {
		into = append(into, part)
	}
	return into
}

func (i *Info) setPlace(parts []string) {
	if parts[0] == "namespaces" && len(parts) > 1 {
		i.Namespace = parts[1]
		if len(parts) > 2 && !namespaceParts[parts[2]] {
			parts = parts[2:]
		}
	}
	i.Resource = parts[0]
	if len(parts) > 1 {
		i.Name = parts[1]
	}
	if len(parts) > 2 {
		i.Subresource = parts[2]
	}
	if len(parts) > 3 {
		i.Parts = slices.Clone(parts[3:])
	}
}

var methodVerbs = map[string]string{
	http.MethodPost: "create", http.MethodGet: "get", http.MethodHead: "get",
	http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete",
}

func (i *Info) setVerb(r *http.Request) {
	verb := methodVerbs[r.Method]
	i.Verb = verb // none for another method, such as OPTIONS
	switch {
	case i.WatchPath:
		i.Verb = "watch" // by whatever method
	case verb == "get" && i.Name == "":
		i.Verb = "list"
		if Flag(r.URL.Query(), "watch") {
			i.Verb = "watch"
		}
	case verb == "delete" && i.Name == "":
		i.Verb = "deletecollection"
	}
	if r.URL.RawQuery == "" || i.Verb == "create" {
		return
	}
	switch i.Verb {
	case "list", "watch", "deletecollection":
		query := r.URL.Query()
		i.FieldSelector, i.LabelSelector = query.Get("fieldSelector"), query.Get("labelSelector")
		if i.Name == "" {
			i.Name = selectedName(i.FieldSelector)
		}
	}
}

// selectedName returns the one name that a field selector asks for, so that a
// right on this name covers the request.
func selectedName(text string) string {
	if text == "" {
		return ""
	}
	selector, err := fields.ParseSelector(text)
	if err != nil {
		return ""
	}
	name, _ := selector.RequiresExactMatch("metadata.name")
	return name
}

// Flag reads a boolean parameter in the manner of Kubernetes: present means
// true, unless it is "false" or "0".
func Flag(query url.Values, name string) bool {
	values, ok := query[name]
	if !ok || len(values) == 0 {
		return false
	}
	v := strings.ToLower(values[0])
	return v != "false" && v != "0"
}
