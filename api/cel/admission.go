package cel

import (
	"sync"

	celgo "github.com/google/cel-go/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/common"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"
	"k8s.io/apiserver/pkg/cel/mutation"
)

// The variables of expressions about a write (admission).
const (
	Object                    = "object"
	OldObject                 = "oldObject"
	Params                    = "params"
	Request                   = "request"
	NamespaceObject           = "namespaceObject"
	Authorizer                = "authorizer"
	RequestResourceAuthorizer = "authorizer.requestResource"
	variablesName             = "variables"
)

// Admission says which of the optional variables and types expressions about a
// write have.
type Admission struct {
	// Params declares params.
	Params bool
	// Authorizer declares authorizer and authorizer.requestResource.
	Authorizer bool
	// Patch declares the types Object and JSONPatch.
	Patch bool
	// composed declares variables, with no fields.
	composed bool
}

var (
	admissionMu   sync.Mutex // guards admissionEnvs
	admissionEnvs = map[Admission]*Environment{}
)

// Environment returns the environment, which all callers share.
func (a Admission) Environment() *Environment {
	admissionMu.Lock()
	defer admissionMu.Unlock()
	e := admissionEnvs[a]
	if e == nil {
		e = a.newEnvironment(nil, nil)
		admissionEnvs[a] = e
	}
	return e
}

// newEnvironment makes one in which object and params are of the given types;
// nil is any.
func (a Admission) newEnvironment(object, params *Declaration) *Environment {
	variables := []Variable{
		{Name: Object, Type: celgo.DynType, Decl: object}, {Name: OldObject, Type: celgo.DynType, Decl: object},
		{Name: NamespaceObject, Decl: namespaceType()}, {Name: Request, Decl: requestType()},
	}
	if a.Params {
		variables = append(variables, Variable{Name: Params, Type: celgo.DynType, Decl: params})
	}
	if a.Authorizer {
		variables = append(variables, Variable{Name: Authorizer, Type: library.AuthorizerType},
			Variable{Name: RequestResourceAuthorizer, Type: library.ResourceCheckType})
	}
	if a.composed {
		variables = append(variables, Variable{Name: variablesName, Decl: noVariables()})
	}
	e := NewEnvironment(variables...)
	if !a.Patch {
		return e
	}
	return e.with(always(environment.VersionedOptions{
		EnvOptions: []celgo.EnvOption{
			common.ResolverEnvOption(&mutation.DynamicTypeResolver{}),
			environment.UnversionedLib(library.JSONPatch), // jsonpatch.escapeKey()
		},
	}))
}

// The types that a mutation's expression evaluates to.
var (
	ApplyConfigurationType = celgo.ObjectType("Object")
	JSONPatchType          = celgo.ListType(celgo.ObjectType("JSONPatch"))
)

type declType = apiservercel.DeclType
