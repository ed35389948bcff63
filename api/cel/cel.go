// Package cel compiles and runs the expressions that objects of the API carry
// (Common Expression Language: KEP-2876, KEP-3488, KEP-3716): conditions of
// webhooks and authorizers, admission policies, and claims of tokens. All share
// the libraries, the types and the limits of cost of k8s.io/apiserver.
//
//	Environment ─ Compile ─► Program ─ Run(variables, budget) ─► value
//
// To build an environment takes milliseconds and some memory, so it is done
// when the first expression is compiled.
package cel

import (
	"slices"
	"sync"

	celgo "github.com/google/cel-go/cel"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/utils/lru"
)

// keptPrograms bounds the programs that an environment keeps.
const keptPrograms = 512

// Variable is what an expression may name.
type Variable struct {
	Name string
	// Type is what the checker knows of it; celgo.DynType if nothing.
	Type *celgo.Type
	// Decl, when set, describes the fields of an object; it takes Type's place.
	Decl *Declaration
}

// Environment is the variables and libraries with which expressions are
// compiled. It may be used by several goroutines.
type Environment struct {
	build    func() (*environment.EnvSet, error)
	programs func() *lru.Cache
}

// NewEnvironment returns one with the given variables beside Kubernetes'
// libraries. It costs nothing until something is compiled.
func NewEnvironment(variables ...Variable) *Environment {
	return extended(baseSet, environment.StrictCostOpt, declare(variables))
}

// baseSet is what CustomResourceDefinitions' rules use, too.
func baseSet() (*environment.EnvSet, error) {
	return environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()), nil
}

// always are options that every version has.
func always(o environment.VersionedOptions) environment.VersionedOptions {
	o.IntroducedVersion = version.MajorMinor(1, 0)
	return o
}

func declare(variables []Variable) environment.VersionedOptions {
	var o environment.VersionedOptions
	for _, v := range variables {
		kind := v.Type
		if v.Decl != nil {
			kind = v.Decl.CelType()
		}
		if v.Decl != nil && !slices.Contains(o.DeclTypes, v.Decl) {
			o.DeclTypes = append(o.DeclTypes, v.Decl)
		}
		o.EnvOptions = append(o.EnvOptions, celgo.Variable(v.Name, kind))
	}
	return always(o)
}

func extended(base func() (*environment.EnvSet, error), options ...environment.VersionedOptions) *Environment {
	return &Environment{
		build: sync.OnceValues(func() (*environment.EnvSet, error) {
			set, err := base()
			if err != nil {
				return nil, err
			}
			return set.Extend(options...)
		}),
		programs: sync.OnceValue(func() *lru.Cache { return lru.New(keptPrograms) }),
	}
}

// with returns an environment that has more than e.
func (e *Environment) with(options ...environment.VersionedOptions) *Environment {
	return extended(e.build, options...)
}
