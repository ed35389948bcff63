package core

import (
	"github.com/pmezard/go-difflib/difflib"

	"minke/api/untagged"
)

// mostLines bounds what is compared: the time may grow with the square of it.
const mostLines = 4000

// difference tells how a specification that may not change was changed, in the
// text that Kubernetes appends to its answer: a unified diff of both as JSON with
// the names of Kubernetes' internal types. It is empty when there would be too
// much to compare.
func difference(old, now any) string {
	var texts [2][]string
	for i, v := range []any{old, now} {
		text, err := untagged.Indented(v)
		if err != nil {
			return "error generating diff: " + err.Error()
		}
		if texts[i] = difflib.SplitLines(text); len(texts[i]) > mostLines {
			return ""
		}
	}
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{A: texts[0], B: texts[1], Context: 3})
	if err != nil {
		return "error generating diff: " + err.Error()
	}
	return text
}
