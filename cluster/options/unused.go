package options

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// unused is a flag of kube-apiserver, kube-controller-manager or kube-scheduler of
// Kubernetes 1.37 that nothing here acts on. So that their command lines can be
// carried over it is known: a value that asks for what is done anyway is taken
// in silence, any other is ignored with a warning, or refused where whoever sets
// it would rely on it.
type unused struct {
	name string
	// same are the values that ask for what is done anyway.
	same []string
	// refused tells that other values are errors.
	refused bool
	// truth tells that the flag may stand without a value, which is true.
	truth bool
	// why says what is done instead.
	why string
}

// addUnused offers the flags that nothing acts on. Help does not show them.
func addUnused(flags *pflag.FlagSet) {
	for i := range unusedFlags {
		u := &unusedFlags[i]
		short := ""
		if len(u.name) == 1 {
			short = u.name
		}
		flag := flags.VarPF(&unusedValue{unused: u}, u.name, short, u.usage())
		flag.Hidden = true
		if u.truth {
			flag.NoOptDefVal = "true"
		}
	}
}

func (u *unused) usage() string {
	if u.refused {
		return "not supported: " + u.why
	}
	return "ignored: " + u.why
}

// unusedValue is what such a flag is set to.
type unusedValue struct {
	*unused
	text string
}

// Set implements pflag.Value.
func (v *unusedValue) Set(text string) error {
	v.text = text
	same := slices.DeleteFunc(slices.Clone(v.same), func(s string) bool { return s == "" })
	switch {
	case slices.Contains(v.same, text):
	case v.refused && len(same) > 0:
		return fmt.Errorf("only %s is supported: %s", strings.Join(same, " or "), v.why)
	case v.refused:
		return fmt.Errorf("not supported: %s", v.why)
	default:
		slog.Warn("flag has no effect", "flag", "--"+v.name, "value", text, "why", v.why)
	}
	return nil
}

// String implements pflag.Value.
func (v *unusedValue) String() string { return v.text }

// Type implements pflag.Value.
func (v *unusedValue) Type() string {
	if v.unused != nil && v.truth {
		return "bool"
	}
	return "value"
}
