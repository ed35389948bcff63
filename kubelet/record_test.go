package kubelet

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// CVE-2021-25743 and CVE-2021-42574: what a container prints does not steer the
// terminal in which its events are read.
func TestCVE202125743_EventText(t *testing.T) {
	for text, want := range map[string]string{
		"Readiness probe failed: no\n\tway": "Readiness probe failed: no\n\tway",
		"\x1b[2Jgone\r":                     `\u001b[2Jgone\u000d`,
		"a\u202eb\u2066c\u0085":             `a\u202eb\u2066c\u0085`,
		"\xff über 鯨":                       "\uFFFD über 鯨",
	} {
		if got := shown(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
	for _, long := range []string{strings.Repeat("鯨", maxEventText), strings.Repeat("\x1b", maxEventText)} {
		if got := shown(long); len(got) > maxEventText+8 || !utf8.ValidString(got) {
			t.Errorf("%d bytes are shown of a long text", len(got))
		}
	}
}
