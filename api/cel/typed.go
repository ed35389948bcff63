package cel

import (
	"reflect"
	"strings"

	apiservercel "k8s.io/apiserver/pkg/cel"
)

// NewTyped returns a compiler that knows the types of object, oldObject and
// params, so that what does not fit them does not compile. A nil type is
// unknown.
func NewTyped(object, params *Declaration) *Composed {
	known := map[Admission]*Environment{}
	c := NewComposed()
	c.base = func(a Admission) *Environment {
		if known[a] == nil {
			known[a] = a.newEnvironment(object, params)
		}
		return known[a]
	}
	return c
}

// Declaration is what the checker knows of an object's type.
type Declaration = apiservercel.DeclType

// DeclarationOf describes a type of the API by its JSON form. name names it, and
// those within it, in complaints.
func DeclarationOf(name string, t reflect.Type) *Declaration {
	d := describer{}
	return d.describe(t).MaybeAssignTypeName(name)
}

// described are types that say what they are in JSON.
type described interface {
	OpenAPISchemaType() []string
	OpenAPISchemaFormat() string
}

// describer describes types; it holds those that it is within, since some types
// contain themselves. Those are not described further.
type describer map[reflect.Type]bool

func (d describer) describe(t reflect.Type) *declType {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if special, ok := reflect.Zero(t).Interface().(described); ok {
		return describeSpecial(special)
	}
	switch t.Kind() {
	case reflect.Bool:
		return apiservercel.BoolType
	case reflect.String:
		return apiservercel.StringType
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return apiservercel.IntType
	case reflect.Float32, reflect.Float64:
		return apiservercel.DoubleType
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return apiservercel.BytesType
		}
		return listOf(d.describe(t.Elem()))
	case reflect.Map:
		return mapOf(d.describe(t.Elem()))
	case reflect.Struct:
		return d.describeStruct(t)
	}
	return apiservercel.DynType
}

// describeSpecial: what may be one of several types is only known at run time.
func describeSpecial(s described) *declType {
	_, several := s.(interface{ OpenAPIV3OneOfTypes() []string })
	switch kinds := s.OpenAPISchemaType(); {
	case several || len(kinds) != 1 || kinds[0] != "string" || s.OpenAPISchemaFormat() == "int-or-string":
		return apiservercel.DynType
	case s.OpenAPISchemaFormat() == "date-time":
		return apiservercel.TimestampType
	}
	return apiservercel.StringType
}

func (d describer) describeStruct(t reflect.Type) *declType {
	if d[t] {
		return apiservercel.DynType
	}
	d[t] = true
	defer delete(d, t)
	all := map[string]*apiservercel.DeclField{}
	d.fields(t, all)
	if len(all) == 0 { // a RawExtension holds anything
		return apiservercel.DynType
	}
	return apiservercel.NewObjectType("object", all)
}

func (d describer) fields(t reflect.Type, into map[string]*apiservercel.DeclField) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case name == "" && f.Anonymous:
			embedded := f.Type
			for embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			if embedded.Kind() == reflect.Struct {
				d.fields(embedded, into)
			}
		case name != "":
			if escaped, ok := apiservercel.Escape(name); ok {
				required := !strings.Contains(options, "omitempty") && f.Type.Kind() != reflect.Pointer
				into[escaped] = apiservercel.NewDeclField(escaped, d.describe(f.Type), required, nil, nil)
			}
		}
	}
}
