package cluster

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"minke/apiserver/admission"
	"minke/cluster/options"
)

// plugIn is one admission plug-in as the flags know it.
type plugIn struct {
	name string
	// byDefault is on or off.
	byDefault bool
	// make returns the plug-in. Nil: the name is known, there is nothing behind
	// it yet.
	make func(*plugInParts) (any, error)
}

const (
	on  = true
	off = false
)

// of makes a plug-in that cannot fail to be made.
func of(f func(*plugInParts) any) func(*plugInParts) (any, error) {
	return func(p *plugInParts) (any, error) { return f(p), nil }
}

// simple is a plug-in that needs nothing.
func simple(plugin any) func(*plugInParts) (any, error) {
	return func(*plugInParts) (any, error) { return plugin, nil }
}

// lastRepeated is the last of the plug-ins that run a second time when one of
// them has changed what those before it saw.
const lastRepeated = "MutatingAdmissionWebhook"

// chain makes those of table that are on, as o says, in their order.
func chain(o *options.Admission, table []plugIn, parts *plugInParts) (admission.Chain, error) {
	if err := checkPlugIns(o, table, parts.config); err != nil {
		return nil, err
	}
	var out admission.Chain
	for _, p := range table {
		wanted := (p.byDefault || slices.Contains(o.Enable, p.name)) && !slices.Contains(o.Disable, p.name)
		if wanted && p.make != nil {
			made, err := p.make(parts)
			if err != nil {
				return nil, fmt.Errorf("make admission plug-in %s: %w", p.name, err)
			}
			out = append(out, made)
		}
		if p.name == lastRepeated {
			out = admission.Chain{admission.Repeated(out)}
		}
	}
	return out, nil
}

// checkPlugIns refuses names that nobody knows, as Kubernetes does, and plug-ins that
// are asked for and not there.
func checkPlugIns(o *options.Admission, table []plugIn, config map[string][]byte) error {
	known := map[string]plugIn{}
	for _, p := range table {
		if p.name != "" {
			known[p.name] = p
		}
	}
	var errs []error
	for flag, names := range map[string][]string{
		"enable-admission-plugins": o.Enable, "disable-admission-plugins": o.Disable,
		"admission-control-config-file": slices.Sorted(maps.Keys(config)),
	} {
		for _, name := range names {
			if _, ok := known[name]; !ok {
				errs = append(errs, fmt.Errorf("--%s: plugin %q is unknown; known are %s", flag, name, strings.Join(slices.Sorted(maps.Keys(known)), ", ")))
			}
		}
	}
	for _, name := range o.Enable {
		if slices.Contains(o.Disable, name) {
			errs = append(errs, fmt.Errorf("%s in enable-admission-plugins and disable-admission-plugins overlapped", name))
		}
		if p, ok := known[name]; ok && p.make == nil && !p.byDefault {
			errs = append(errs, fmt.Errorf("--enable-admission-plugins: plugin %q is not available yet", name))
		}
	}
	return errors.Join(errs...)
}
