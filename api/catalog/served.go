package catalog

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/api/feature"
	"minke/api/preview"
)

// Choice is what a --runtime-config flag says: which versions and resources
// are served, by keys such as "api/beta", "GROUP/VERSION" and
// "GROUP/VERSION/RESOURCE".
type Choice map[string]string

// The keys that stand for all versions of a stage, in the order in which they
// count: the later over the earlier.
var stages = []struct {
	key     string
	pattern *regexp.Regexp
}{
	{"api/all", regexp.MustCompile(``)},
	{"api/ga", regexp.MustCompile(`^v\d+$`)},
	{"api/beta", regexp.MustCompile(`^v\d+beta\d+$`)},
	{"api/alpha", regexp.MustCompile(`^v\d+alpha\d+$`)},
}

// ParseChoice reads a flag: KEY=true|false, separated by commas; a key without a
// value is true.
func ParseChoice(text string) (Choice, error) {
	c := Choice{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		c[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	return c, c.check()
}

func (c Choice) check() error {
	if len(c) == 0 {
		return nil
	}
	if c["api/all"] == "false" && len(c) == 1 {
		return fmt.Errorf("invalid runtime-config with only api/all=false")
	}
	groups, versions := registered()
	var unknown []string
	for _, key := range slices.Sorted(maps.Keys(c)) {
		if isStage(key) {
			if c[key] != "true" && c[key] != "false" {
				return fmt.Errorf("invalid value %v=%v", key, c[key])
			}
			continue
		}
		gv, resource, err := splitKey(key)
		switch {
		case err != nil:
			return err
		case !groups[gv.Group]:
			unknown = append(unknown, gv.String())
		case !versions[gv]:
			return fmt.Errorf("group version %s that has not been registered", gv)
		case resource != strings.ToLower(resource):
			return fmt.Errorf("invalid key %v: group/version/resource and resource is always lowercase plural, not %q", key, resource)
		}
		if _, err := strconv.ParseBool(c[key]); err != nil && c[key] != "" {
			return fmt.Errorf("invalid value of %s: %s, err: %w", key, c[key], err)
		}
	}
	if len(unknown) > 0 {
		return fmt.Errorf("unknown api groups %s", strings.Join(unknown, ","))
	}
	return nil
}

func isStage(key string) bool {
	for _, s := range stages {
		if s.key == key {
			return true
		}
	}
	return false
}

// splitKey reads GROUP/VERSION or GROUP/VERSION/RESOURCE. The core group's
// version may be called "v1" and "api/v1".
func splitKey(key string) (gv schema.GroupVersion, resource string, err error) {
	parts := strings.Split(key, "/")
	if key == "v1" || parts[0] == "api" && len(parts) > 1 && parts[1] == "v1" {
		if len(parts) == 3 {
			resource = parts[2]
		}
		return schema.GroupVersion{Version: "v1"}, resource, nil
	}
	switch len(parts) {
	case 3:
		resource = parts[2]
	case 2:
	default:
		return gv, "", fmt.Errorf("runtime-config invalid key %s", key)
	}
	return schema.GroupVersion{Group: parts[0], Version: parts[1]}, resource, nil
}

// registered returns the groups and versions that can be chosen.
func registered() (groups map[string]bool, versions map[schema.GroupVersion]bool) {
	groups, versions = map[string]bool{}, map[schema.GroupVersion]bool{}
	add := func(gv schema.GroupVersion) { groups[gv.Group], versions[gv] = true, true }
	for _, r := range Resources() {
		add(r.Kind.GroupVersion())
		for _, v := range r.Also {
			add(v.Kind.GroupVersion())
		}
	}
	for _, gv := range preview.Versions() {
		add(gv)
	}
	return groups, versions
}

// wants tells whether a resource is chosen, and byDefault when nothing is said
// about it.
func (c Choice) wants(gvr schema.GroupVersionResource, byDefault bool) bool {
	on := byDefault
	for _, s := range stages {
		if value, ok := c[s.key]; ok && s.pattern.MatchString(gvr.Version) {
			on = value == "true"
		}
	}
	for _, key := range []string{"", gvr.Resource} {
		for said, value := range c {
			if isStage(said) {
				continue
			}
			if gv, resource, err := splitKey(said); err == nil && gv == gvr.GroupVersion() && resource == key {
				chosen, err := strconv.ParseBool(value)
				on = err != nil || chosen
			}
		}
	}
	return on
}

// Known lists every resource that can be switched on, in whatever version.
func Known() []*api.Resource { return append(Resources(), preview.Resources()...) }

// Serve lists what is served under a choice and with these feature gates. What
// is stable is, unless it is turned off; what is beta or alpha is not, unless it
// is asked for.
func Serve(c Choice, gates feature.Gates) []*api.Resource {
	var all []*api.Resource
	offered := preview.Offered()
	for _, r := range resources(gates) {
		r.Readable = slices.Concat(r.Readable, r.Also, offered[r.GroupResource()])
		r.Unserved = !c.wants(r.GroupVersionResource(), true)
		r.Also = slices.DeleteFunc(r.Also, func(v api.Version) bool {
			return !c.wants(v.Kind.GroupVersion().WithResource(r.Plural), true)
		})
		all = append(all, r)
	}
	if len(c) > 0 {
		all = preview.Attach(all, func(gvr schema.GroupVersionResource) bool { return c.wants(gvr, false) }, gates)
	}
	preview.DropFields(all, gates)
	return slices.DeleteFunc(all, func(r *api.Resource) bool { return r.Unserved && len(r.Also) == 0 })
}
