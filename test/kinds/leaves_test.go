package kinds

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// leaves returns the values of an object's JSON form by their paths, such as
// spec.containers[0].name.
func leaves(obj any) map[string]string {
	data, err := json.Marshal(obj)
	if err != nil {
		return map[string]string{"": err.Error()}
	}
	var tree any
	_ = json.Unmarshal(data, &tree)
	all := map[string]string{}
	gather(tree, "", all)
	return all
}

func gather(v any, path string, into map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for key, child := range v {
			gather(child, path+"."+key, into)
		}
	case []any:
		for i, child := range v {
			gather(child, fmt.Sprintf("%s[%d]", path, i), into)
		}
	default:
		into[strings.TrimPrefix(path, ".")] = fmt.Sprintf("%#v", v)
	}
}

// difference lists the leaves of want that got lacks or has otherwise.
func difference(want, got any) string {
	w, g := leaves(want), leaves(got)
	var lost []string
	for _, path := range slices.Sorted(maps.Keys(w)) {
		if g[path] != w[path] {
			lost = append(lost, fmt.Sprintf("%s: got %s, want %s", path, g[path], w[path]))
		}
	}
	if more := len(lost) - 20; more > 0 {
		lost = append(lost[:20], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lost, "\n")
}
