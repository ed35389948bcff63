package core

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestDifference(t *testing.T) {
	var many []string
	for i := range mostLines {
		many = append(many, fmt.Sprint(i))
	}
	for name, c := range map[string]struct {
		old, now any
		want     string
	}{
		"too much": {many, many[:1], ""},
		"lines":    {many[:3], many[1:3], "@@ -1,5 +1,4 @@\n [\n- \"0\",\n  \"1\",\n  \"2\"\n ]\n"},
		"fields": {corev1.HTTPHeader{Name: "a"}, &corev1.HTTPHeader{Name: "b"},
			"@@ -1,4 +1,4 @@\n {\n- \"Name\": \"a\",\n+ \"Name\": \"b\",\n  \"Value\": \"\"\n }\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := difference(c.old, c.now); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
