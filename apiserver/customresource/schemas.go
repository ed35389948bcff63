package customresource

import (
	"fmt"
	"sync"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/managedfields"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"minke/api/apiextensions"
)

// idleTime is how long compiled schemas are kept when nobody needs them.
const idleTime = 5 * time.Minute

// schemas has what is made of a definition's schemas. It is compiled when first
// needed and dropped when idle: most definitions of a cluster are hardly used.
type schemas struct {
	idle time.Duration

	mu sync.Mutex // guards what follows
	// read returns the definition, which is shared and must not be changed.
	read     func() *definition
	compiled map[string]*compiled
	merging  managedfields.TypeConverter
	used     time.Time
	dropping *time.Timer
}

// compiled is one version's schema in the forms in which it is used.
type compiled struct {
	structural *structuralschema.Structural
	// preserve tells that unknown fields are kept everywhere, as definitions
	// from before apiextensions.k8s.io/v1 may say.
	preserve bool
	tree     *node
	has      features
	// object and status check values; status is nil when the schema has none.
	object, status validation.SchemaValidator
	// rules is nil when the schema has no CEL rules. It is compiled apart, since
	// it costs most and only writes need it.
	rules func() *cel.Validator
}

func newSchemas(read func() *definition) *schemas {
	return &schemas{read: read, idle: idleTime}
}

// from tells where else the same definition can be read: it was stored anew, and
// what was stored before need not be kept for its schemas.
func (s *schemas) from(read func() *definition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read = read
}

// of returns the compiled schema of a version.
func (s *schemas) of(name string) (*compiled, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.touch()
	if c := s.compiled[name]; c != nil {
		return c, nil
	}
	crd := s.read()
	for i := range crd.Spec.Versions {
		v := &crd.Spec.Versions[i]
		if v.Name != name {
			continue
		}
		c, err := compile(v, crd.Spec.PreserveUnknownFields)
		if err != nil {
			return nil, fmt.Errorf("compile the schema of %s: %w", crd.Name, err)
		}
		if s.compiled == nil {
			s.compiled = map[string]*compiled{}
		}
		s.compiled[name] = c
		return c, nil
	}
	return nil, fmt.Errorf("compile the schema of %s: there is no version %s", crd.Name, name)
}

// touch puts off the dropping; s.mu must be held.
func (s *schemas) touch() {
	s.used = time.Now()
	if s.dropping == nil {
		s.dropping = time.AfterFunc(s.idle, s.drop)
	}
}

// drop frees what was compiled unless it was used lately.
func (s *schemas) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rest := s.idle - time.Since(s.used); rest > 0 {
		s.dropping.Reset(rest)
		return
	}
	s.compiled, s.merging, s.dropping = nil, nil, nil
}

// stop ends the timer: the definition is gone or has changed.
func (s *schemas) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dropping != nil {
		s.dropping.Stop()
	}
}

func compile(v *apiextensionsv1.CustomResourceDefinitionVersion, preserve bool) (*compiled, error) {
	structural, internal, err := apiextensions.Structural(v)
	if err != nil {
		return nil, err
	}
	// Defaults are pruned in place, and they are shared with the definition.
	structural = structural.DeepCopy()
	if err := defaulting.PruneDefaults(structural); err != nil {
		return nil, err
	}
	c := &compiled{structural: structural, tree: newNode(structural), preserve: preserve}
	c.has.note(structural)
	if c.object, _, err = validation.NewSchemaValidator(internal); err != nil {
		return nil, err
	}
	if internal != nil {
		if status, ok := internal.Properties["status"]; ok {
			if c.status, _, err = validation.NewSchemaValidator(&status); err != nil {
				return nil, err
			}
		}
	}
	c.rules = sync.OnceValue(func() *cel.Validator { return cel.NewValidator(structural, true, celconfig.PerCallLimit) })
	return c, nil
}
