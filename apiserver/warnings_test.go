package apiserver

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// TestManyWarnings: as long as all fit they are whole; then each is cut, and what no
// longer fits is left out.
func TestManyWarnings(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for _, c := range []struct {
		name      string
		texts     []string
		n, length int
	}{
		{"whole", []string{long, "short", long}, 2, 1000},
		{"cut", []string{long + "1", long + "2", long + "3", long + "4", long + "5"}, 5, maxWarningText},
		{"left out", strings.Split(strings.Repeat(long+",", 1)+strings.Join(numbered(40, strings.Repeat("y", 300)), ","), ","), maxWarnings / maxWarningText, maxWarningText},
	} {
		rec := httptest.NewRecorder()
		call := &call{w: &recorder{ResponseWriter: rec}}
		call.warnAll(c.texts)
		got := rec.Header()["Warning"]
		if len(got) != c.n || len(got[0]) != len(`299 - ""`)+c.length {
			t.Errorf("%s: got %d warnings, the first of %d bytes", c.name, len(got), len(got[0]))
		}
	}
}

func numbered(n int, text string) (all []string) {
	for i := range n {
		all = append(all, string(rune('a'+i%26))+string(rune('a'+i/26))+text)
	}
	return all
}
