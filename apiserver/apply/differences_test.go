package apply

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// differences lists where two values differ.
func differences(got, want any, path string) []string {
	a, isMap := got.(map[string]any)
	b, both := want.(map[string]any)
	if !isMap || !both {
		if reflect.DeepEqual(got, want) {
			return nil
		}
		return []string{fmt.Sprintf("%s: got %v, want %v", path, got, want)}
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if _, there := b[name]; !there {
			all = append(all, fmt.Sprintf("%s.%s: got %v, want none", path, name, a[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if v, there := a[name]; there {
			all = append(all, differences(v, b[name], path+"."+name)...)
		} else {
			all = append(all, fmt.Sprintf("%s.%s: got none, want %v", path, name, b[name]))
		}
	}
	return all
}
