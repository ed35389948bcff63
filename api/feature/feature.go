// Package feature holds the feature gates: what of the API is there only when
// an administrator turns it on, or until he turns it off.
package feature

import (
	"fmt"
	"strconv"
	"strings"
)

// Stage is how far a feature has come.
type Stage string

// The stages. What is stable may not be turned off any more.
const (
	Alpha  Stage = "alpha"
	Beta   Stage = "beta"
	Stable Stage = "stable"
)

// Gates are the settings that differ from the defaults, by name. The zero value
// is every default.
type Gates map[string]bool

// The two names that stand for all gates of a stage, save those named by
// themselves.
const (
	allAlpha = "AllAlpha"
	allBeta  = "AllBeta"
)

// Parse reads a --feature-gates flag: NAME=true|false, separated by commas.
func Parse(text string) (Gates, error) {
	var gates Gates
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		name = strings.TrimSpace(name)
		if !ok {
			return nil, fmt.Errorf("missing bool value for %s", name)
		}
		on, err := strconv.ParseBool(strings.TrimSpace(value))
		if err != nil {
			return nil, fmt.Errorf("invalid value of %s=%s, err: %w", name, value, err)
		}
		if err := check(name, on); err != nil {
			return nil, err
		}
		if gates == nil {
			gates = Gates{}
		}
		gates[name] = on
	}
	return gates, nil
}

func check(name string, on bool) error {
	if name == allAlpha || name == allBeta {
		return nil
	}
	stage, byDefault, ok := find(name)
	if !ok {
		return fmt.Errorf("unrecognized feature gate: %s", name)
	}
	if stage == Stable && on != byDefault {
		return fmt.Errorf("cannot set feature gate %s to %t, feature is locked to %t", name, on, byDefault)
	}
	return nil
}

// Enabled tells whether the feature of that name is on. A name that is not in
// the table is off.
func (g Gates) Enabled(name string) bool {
	if on, ok := g[name]; ok {
		return on
	}
	stage, byDefault, _ := find(name)
	if on, ok := g[allAlpha]; ok && stage == Alpha {
		return on
	}
	if on, ok := g[allBeta]; ok && stage == Beta {
		return on
	}
	return byDefault
}

// find looks a gate up. The table is searched as it stands: that is done a few
// times at start, and costs no memory afterwards.
func find(name string) (stage Stage, byDefault, ok bool) {
	for line := range strings.Lines(known) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			continue
		}
		for _, n := range fields[2:] {
			if n == name {
				return Stage(fields[0]), fields[1] == "on", true
			}
		}
	}
	return "", false, false
}
