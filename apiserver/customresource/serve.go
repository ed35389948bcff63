package customresource

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/api/apiextensions"
	"minke/apiserver"
	"minke/apiserver/openapi"
)

// serve settles the definitions, in place, and serves those that are
// established. It does nothing when nothing changed.
func (m *Manager) serve(all []*definition) error {
	wanted := map[string]*served{}
	m.mu.Lock()
	defer m.mu.Unlock()
	changed := false
	for _, crd := range all {
		settle(crd, takenBy(crd, all, m.cfg.BuiltIn))
		if !established(crd) {
			continue
		}
		before := m.served[crd.Name]
		wanted[crd.Name] = m.servedBy(crd, before)
		changed = changed || wanted[crd.Name] != before
	}
	if !changed && len(wanted) == len(m.served) {
		return nil
	}
	if err := m.cfg.Server.SetCustom(routesOf(wanted)); err != nil {
		return err
	}
	for name, s := range m.served {
		if now := wanted[name]; now == nil || now.schemas != s.schemas {
			s.schemas.stop()
		}
		if wanted[name] == nil {
			m.metrics.forget(name)
		}
	}
	m.served = wanted
	m.publish()
	select {
	case m.changed <- struct{}{}:
	default:
	}
	return nil
}

// servedBy returns what crd serves: before, if that is the same.
func (m *Manager) servedBy(crd *definition, before *served) *served {
	names := crd.Status.AcceptedNames
	s := &served{}
	s.shape = fmt.Sprint(crd.UID, crd.Generation, names.Kind, names.ListKind)
	s.state = fmt.Sprint(s.shape, names, apiextensions.Condition(crd, apiextensionsv1.Terminating))
	whole := m.known[crd.Name].whole
	if before != nil && before.shape == s.shape {
		s.schemas = before.schemas
		s.schemas.from(whole)
		if before.state == s.state {
			return before
		}
	} else {
		s.schemas = newSchemas(whole)
	}
	conv := newConverter(crd, s.schemas, m.cfg.Calls, m.metrics)
	s.resources = resources(crd, s.schemas, conv)
	stored := storageVersion(crd)
	if i := slices.IndexFunc(s.resources, func(r *api.Resource) bool { return r.Kind.Version == stored }); i >= 0 {
		s.storage = s.resources[i]
		return s
	}
	for i := range crd.Spec.Versions {
		if v := &crd.Spec.Versions[i]; v.Name == stored {
			s.storage = newKind(crd, v, s.schemas, conv).resource(crd)
			s.storage.Broken = apierrors.NewNotFound(s.storage.GroupResource(), "")
		}
	}
	return s
}

// routesOf lists the resources for the server, those too that only it sees.
func routesOf(all map[string]*served) []apiserver.Custom {
	var out []apiserver.Custom
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s := all[name]
		hidden := true
		for _, r := range s.resources {
			out = append(out, apiserver.Custom{Resource: r, Shape: s.shape})
			hidden = hidden && r != s.storage
		}
		if hidden && s.storage != nil {
			out = append(out, apiserver.Custom{Resource: s.storage, Shape: s.shape})
		}
	}
	return out
}

// publish tells discovery and OpenAPI; m.mu must be held.
func (m *Manager) publish() {
	var all []*api.Resource
	schemas := map[schema.GroupVersionKind]openapi.Schema{}
	for _, name := range slices.Sorted(maps.Keys(m.served)) {
		s := m.served[name]
		for _, r := range s.resources {
			all = append(all, r)
			schemas[r.Kind] = openapi.Schema{Hash: s.shape, Selectable: selectable(r), Make: func() (json.RawMessage, error) { return s.schemas.document(r.Kind.Version) }}
		}
	}
	m.cfg.Publish(all, schemas)
}

// selectable lists what field selectors may ask for besides metadata.
func selectable(r *api.Resource) []string {
	var out []string
	for _, name := range r.FieldNames {
		if !strings.HasPrefix(name, "metadata.") {
			out = append(out, name)
		}
	}
	return out
}

// document is the schema of a version as it was written.
func (s *schemas) document(version string) (json.RawMessage, error) {
	s.mu.Lock()
	crd := s.read()
	s.mu.Unlock()
	for i := range crd.Spec.Versions {
		if v := &crd.Spec.Versions[i]; v.Name == version && v.Schema != nil {
			return json.Marshal(v.Schema.OpenAPIV3Schema)
		}
	}
	return nil, nil
}
