//go:build conformance

package conformance

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// outcome is what became of a row or an operation.
type outcome struct {
	Failed, Skipped bool
	Took            time.Duration
	Why             string
}

// results of all tests, by id; its lock guards both maps.
var results = struct {
	sync.Mutex
	rows, operations map[string]outcome
}{rows: map[string]outcome{}, operations: map[string]outcome{}}

func record(where map[string]outcome, id string, o outcome) {
	results.Lock()
	defer results.Unlock()
	where[id] = o
}

func writeReports(dir string) error {
	results.Lock()
	defer results.Unlock()
	if len(results.rows) > 0 {
		if err := os.WriteFile(filepath.Join(dir, "conformance.md"), []byte(rowsReport()), 0o644); err != nil {
			return err
		}
	}
	if len(results.operations) == 0 {
		return nil
	}
	return os.WriteFile(filepath.Join(dir, "endpoints.md"), []byte(operationsReport()), 0o644)
}

func rowsReport() string {
	type total struct{ pass, fail, missing int }
	totals, all := map[string]*total{}, &total{}
	var table strings.Builder
	for _, b := range behaviours {
		t := totals[b.Sig]
		if t == nil {
			t = &total{}
			totals[b.Sig] = t
		}
		o, written := results.rows[b.ID]
		word, took := "not written", ""
		switch {
		case !written || o.Skipped:
			t.missing, all.missing = t.missing+1, all.missing+1
		case o.Failed:
			word, took = "**fail**", o.Took.Round(10*time.Millisecond).String()
			t.fail, all.fail = t.fail+1, all.fail+1
		default:
			word, took = "pass", o.Took.Round(10*time.Millisecond).String()
			t.pass, all.pass = t.pass+1, all.pass+1
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", b.ID, b.Name, word, took)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "# Conformance\n\nWritten by `make conformance`. Every row is a test in test/conformance, run on one\ncluster of two nodes with real containers. A row passes only if its whole\nbehaviour (test/conformance/testdata/behaviours.tsv) was exercised.\n\n")
	fmt.Fprintf(&out, "| sig | pass | fail | not written | of |\n|---|---|---|---|---|\n")
	for _, sig := range slices.Sorted(func(yield func(string) bool) {
		for s := range totals {
			if !yield(s) {
				return
			}
		}
	}) {
		t := totals[sig]
		fmt.Fprintf(&out, "| %s | %d | %d | %d | %d |\n", sig, t.pass, t.fail, t.missing, t.pass+t.fail+t.missing)
	}
	fmt.Fprintf(&out, "| **all** | %d | %d | %d | %d |\n\n| id | name | result | duration |\n|---|---|---|---|\n", all.pass, all.fail, all.missing, len(behaviours))
	out.WriteString(table.String())
	return out.String()
}

func operationsReport() string {
	type total struct{ pass, fail, missing int }
	totals := map[string]*total{"conformance": {}, "-": {}}
	groups := map[string]*total{}
	var fails []string
	for _, e := range endpoints {
		if e.Level != "stable" {
			continue
		}
		key := cmp.Or(e.Category, "-")
		if groups[key] == nil {
			groups[key] = &total{}
		}
		o, done := results.operations[e.Operation]
		for _, t := range []*total{totals[e.Conformance], groups[key]} {
			switch {
			case !done || o.Skipped:
				t.missing++
			case o.Failed:
				t.fail++
			default:
				t.pass++
			}
		}
		if done && o.Failed {
			why := strings.ReplaceAll(strings.ReplaceAll(o.Why, "\n", " "), "|", "\\|")
			fails = append(fails, fmt.Sprintf("| %s | %s | `%s` | %s |", e.Operation, e.Action, e.Path, why[:min(len(why), 200)]))
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "# Endpoints\n\nWritten by `make conformance`. Every stable operation of\ntest/conformance/testdata/endpoints.tsv got a real request, and its answer was\nchecked for what the action promises.\n\n| operations | pass | fail | not written |\n|---|---|---|---|\n")
	fmt.Fprintf(&out, "| of the conformance set | %d | %d | %d |\n| other stable ones | %d | %d | %d |\n\n", totals["conformance"].pass, totals["conformance"].fail, totals["conformance"].missing, totals["-"].pass, totals["-"].fail, totals["-"].missing)
	fmt.Fprintf(&out, "| group | pass | fail | not written |\n|---|---|---|---|\n")
	for _, g := range slices.Sorted(func(yield func(string) bool) {
		for s := range groups {
			if !yield(s) {
				return
			}
		}
	}) {
		fmt.Fprintf(&out, "| %s | %d | %d | %d |\n", g, groups[g].pass, groups[g].fail, groups[g].missing)
	}
	if len(fails) > 0 {
		fmt.Fprintf(&out, "\n## What fails\n\n| operation | action | path | why |\n|---|---|---|---|\n%s\n", strings.Join(fails, "\n"))
	}
	return out.String()
}
